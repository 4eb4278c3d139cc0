"""What all handlers of charges share: the log, the chain, and what this process remembers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from costcenter.decider.month import MONTH, Month
from costcenter.decider.settling import Target
from costcenter.decider.windows import is_long, month_after, newest_claim, part_of
from costcenter.names import month_stream
from events import Decider, DomainError, EventStore, LostRace, state_of
from kassenverbund.kit.chain import Chain, Store
from kassenverbund.kit.secrets import Secrets

S = TypeVar("S")

REMEMBERED_MAX = 100_000
"""Owners of claims that one process remembers; the least recently used leave first."""

MONTHS_MAX = 240
"""How far a charge may lie from the month that it is settled in."""

PLANS_MAX = 12
"""How often a decision is prepared before the caller hears `conflict`."""


class StoreUnknown(DomainError):
    code = "store.unknown"
    status = 404
    title = "The chain has no such store"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a chain may decide otherwise."""

    hold_s: int = 120
    """How long a hold lives unless the till says otherwise."""
    months_close_after_days: int = 3

    @classmethod
    def of(cls, chain: Chain) -> Rules:
        """As chain.yaml has them."""
        policy = chain.cost_centers
        return cls(hold_s=policy.hold_s, months_close_after_days=policy.months_close_after_days)


class Remembered:
    """Owners of claims as this process last saw them. May be old: a decision that rests on one
    checks it against the streams, and asks again if it does not fit."""

    def __init__(self) -> None:
        self._owners: OrderedDict[str, str] = OrderedDict()

    def get(self, claim: str) -> str | None:
        owner = self._owners.get(claim)
        if owner is not None:
            self._owners.move_to_end(claim)
        return owner

    def put(self, claim: str, owner: str) -> None:
        self._owners[claim] = owner
        self._owners.move_to_end(claim)
        while len(self._owners) > REMEMBERED_MAX:
            self._owners.popitem(last=False)

    def forget(self, claim: str) -> None:
        self._owners.pop(claim, None)


class Desk:
    """One per process."""

    def __init__(
        self,
        store: EventStore,
        *,
        chain: Chain,
        secrets: Secrets,
        clock: Callable[[], datetime],
        rules: Rules,
    ) -> None:
        self.store = store
        self.chain = chain
        self.secrets = secrets
        self.clock = clock
        self.rules = rules
        self.remembered = Remembered()

    def place(self, store_id: str) -> Store:
        """Raises `StoreUnknown`."""
        place = self.chain.store(store_id)
        if place is None:
            raise StoreUnknown(store_id)
        return place

    async def owner(self, claim: str, *, fresh: bool) -> str | None:
        """Who holds a claim; not `fresh`: as this process remembers it."""
        known = None if fresh else self.remembered.get(claim)
        if known is None:
            known = await self.store.owner_of(claim)
            if known is not None:
                self.remembered.put(claim, known)
        return known

    async def state(self, stream: str, decider: Decider[Any, S], *, fresh: bool = False) -> S:
        """The state of a stream; not `fresh`: as this process last saw it."""
        if not fresh:
            found = self.store.streams.cached(stream)
            if found is not None:
                state: S = found[1]
                return state
        return (await state_of(self.store, decider, stream))[1]

    async def newest(self, accounts: Iterable[str], *, fresh: bool) -> dict[str, str | None]:
        """The newest part of each long account among `accounts`."""
        return {
            account: await self.owner(newest_claim(account), fresh=fresh)
            for account in accounts
            if is_long(account)
        }

    async def open_month(self, center_id: str, month: str, *, fresh: bool = False) -> Target:
        """`month`, or the first one after it that is not closed. Raises `LostRace` where there is
        none within `MONTHS_MAX`."""
        for _ in range(MONTHS_MAX):
            state: Month = await self.state(month_stream(center_id, month), MONTH, fresh=fresh)
            if not state.closed:
                return Target(center_id, month, state)
            month = month_after(month)
        raise LostRace


def streams_of(accounts: Iterable[str], newest: dict[str, str | None], month: str) -> list[str]:
    """The streams that taking from these accounts may write, the parts of `month` included."""
    found = []
    for account in accounts:
        if not is_long(account):
            found.append(account)
            continue
        part = newest[account]
        if part is not None:
            found.append(part)
        if part != part_of(account, month):
            found.append(part_of(account, month))
    return found


def center_and_month(stream: str) -> tuple[str, str]:
    """Of a month's stream."""
    return stream[len("month-") : -8], stream[-7:]


def id_of(stream: str) -> str:
    """`card-K1` → `K1`."""
    return stream.partition("-")[2]
