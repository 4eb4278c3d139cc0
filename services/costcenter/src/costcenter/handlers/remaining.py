"""What limits leave now: read from the accounts themselves, not from a read model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from costcenter.decider.binding import Bound, Room
from costcenter.decider.structure import CARD, CENTER, COMPANY, GROUP
from costcenter.decider.structure_state import Limited
from costcenter.decider.usage import USAGE, Accounts, Stale
from costcenter.decider.windows import account_of, month_of, span_of
from costcenter.events import Limit
from costcenter.handlers.desk import PLANS_MAX, Desk, streams_of
from costcenter.names import card_stream, center_stream, company_stream, group_stream
from events import Decider, DomainError, LostRace

Place = tuple[str, Decider[Any, Any]]
"""A stream that limits stand in."""


class ScopeUnknown(DomainError):
    code = "scope.unknown"
    status = 404
    title = "There is nothing with this id that could have limits"


def of_company(company_id: str) -> Place:
    return company_stream(company_id), COMPANY


def of_group(main_group: int) -> Place:
    """The main group's own limits and those of its user groups."""
    return group_stream(main_group), GROUP


def of_center(center_id: str) -> Place:
    return center_stream(center_id), CENTER


def of_card(card_id: str) -> Place:
    return card_stream(card_id), CARD


@dataclass(frozen=True, slots=True)
class Standing:
    """One limit in its present window. Amounts in minor units."""

    limit: Limit
    first: date | None
    """First day of the window; None: each booking by itself."""
    last: date | None
    used: int
    used_count: int
    left: int | None
    """Of its amount, never below zero."""
    left_count: int | None


@dataclass(frozen=True, slots=True)
class Remaining:
    """Some limits at one time."""

    as_of: datetime
    position: int
    """Everything up to here is counted; something after it may be."""
    limits: tuple[Standing, ...]


class Balances:
    """One per process."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def of(self, places: Iterable[Place], *, store_id: str | None = None) -> Remaining:
        """All limits in force of `places`, on today's date in the store's time zone (of the
        chain's first store where none is named). Raises `ScopeUnknown`, `StoreUnknown`."""
        desk = self._desk
        place = desk.place(store_id) if store_id else desk.chain.stores[0]
        as_of, position = desk.clock(), await desk.store.head()
        day = as_of.astimezone(place.zone).date()
        found: list[Standing] = []
        for stream, decider in places:
            state = await desk.state(stream, decider, fresh=True)
            if state == decider.initial:
                raise ScopeUnknown(stream)
            for limited in state.limits.values():
                standing = await self._standing(limited, day)
                if standing is not None:
                    found.append(standing)
        return Remaining(as_of, position, tuple(found))

    async def _standing(self, limited: Limited, day: date) -> Standing | None:
        """None: not in force on that day."""
        limit = limited.limit
        outside = not (limit.valid_from or day) <= day <= (limit.valid_until or day)
        if outside and limit.window != "range":
            return None
        account = account_of(limit, day)
        bound = Bound(limited, account, outside)
        if account is None:
            whole = limit.amount.amount if limit.amount else None
            return Standing(limit, None, None, 0, 0, whole, limit.count)
        for _ in range(PLANS_MAX):
            newest = await self._desk.newest([account], fresh=True)
            states = {
                stream: await self._desk.state(stream, USAGE, fresh=True)
                for stream in streams_of([account], newest, month_of(day))
            }
            try:
                used = Accounts(states, newest).used(limited, account)
            except Stale:  # The next month's part was opened just now.
                continue
            room, span = Room(bound, used, whole=0, counted=0), span_of(limit.window, day, limit)
            return Standing(
                limit=limit,
                first=span.first,
                last=span.last,
                used=used.amount,
                used_count=used.count,
                left=max(0, room.left) if limit.amount else None,
                left_count=max(0, room.left_count) if limit.count is not None else None,
            )
        raise LostRace
