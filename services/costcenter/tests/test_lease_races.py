"""Four processes lease, charge, report and return at once: no limit is exceeded at any moment, and
in the end every account is what charges and open leases have of it."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import date, timedelta
from itertools import groupby
from typing import Any

import pytest

from costcenter.decider.lease import LEASE
from costcenter.decider.month import MONTH
from costcenter.decider.refusals import LimitExceeded
from costcenter.decider.windows import LONG
from costcenter.events import UsageClosed, UsageGivenBack, UsageOpened, UsageTaken
from costcenter.handlers.lease_grounds import WantedLease
from costcenter.service import REGISTRY
from costcenter.testing.bookings import on_center, recorded
from costcenter.testing.fakes import Clock
from costcenter.testing.world import World, build_world
from events import Appended, AppendRequest, LostRace, Recorded, fold
from events.testing.memory import MemoryEventStore
from kassenverbund.kit.chain import Chain
from money import Money

LIMITS = {"day": 9_000, "month": 20_000, "budget": 15_000}
STEPS = 30
"""Of each process."""


HEARD_MAX = 20


class Yielding(MemoryEventStore):
    """Another task runs before each answer, as with a database far away."""

    async def append(self, request: AppendRequest) -> Appended:
        await asyncio.sleep(0)
        appended = await super().append(request)
        await asyncio.sleep(0)
        return appended

    async def load(self, stream: str, *, after: int = 0) -> list[Recorded]:
        await asyncio.sleep(0)
        return await super().load(stream, after=after)

    async def owner_of(self, claim: str) -> str | None:
        await asyncio.sleep(0)
        return await super().owner_of(claim)


async def furnish(world: World) -> None:
    """Three stacked limits of one center; its card is of a limited group."""
    await world.furnish()
    await world.limit("day", "user_group", "1-4", "day", "90.00")
    await world.limit("month", "center", "c4711", "month", "200.00")
    days: dict[str, Any] = {"valid_from": date(2026, 10, 1), "valid_until": date(2026, 12, 31)}
    await world.limit("budget", "main_group", "1", "range", "150.00", **days)


class Store:
    """What one process does, and the leases of its store."""

    def __init__(self, world: World, number: int, seed: int) -> None:
        self.world, self.number = world, number
        self.dice = random.Random(f"{seed}/{number}")
        self.leases: dict[str, tuple[int, list[str]]] = {}
        """By id: what is left as the store knows it, and what it has charged."""
        self.count = 0

    async def run(self) -> None:
        for _ in range(STEPS):
            step = self.dice.choice([self.charge, self.lease, self.use, self.use, self.end])
            # Refused, or lost against the others: then nothing was stored.
            with suppress(LimitExceeded, LostRace):
                await step()

    def _next(self) -> str:
        self.count += 1
        return f"H{self.number}-{self.count}"

    async def charge(self) -> None:
        charge_id, minor = self._next(), self.dice.randint(1, 900)
        amount = str(Money(amount=minor, currency="EUR").as_decimal())
        placed = await self.world.hold(charge_id, amount, mode="up_to")
        if self.dice.random() < 0.3:
            await self.world.let_go(charge_id)
        else:
            await self.world.book(charge_id, str(placed.charge.amount.as_decimal()))

    async def lease(self) -> None:
        amount = Money(amount=self.dice.randint(1, 1_500), currency="EUR")
        store_id, hours = self.dice.choice(["berlin", "koeln"]), self.dice.choice([1, 24])
        wanted = WantedLease(store_id, "c4711", None, amount, 20, hours)
        done = await self.world.leases.grant(self.world.ask(), wanted)
        assert done.lease.lease_id is not None
        self.leases[done.lease.lease_id] = (amount.amount, [])

    async def use(self) -> None:
        if not self.leases:
            return
        lease_id = self.dice.choice(sorted(self.leases))
        left, charged = self.leases[lease_id]
        if not left:
            return
        charge_id, minor = self._next(), self.dice.randint(1, left)
        self.leases[lease_id] = (left - minor, [*charged, charge_id])
        paid = on_center(
            charge_id,
            str(Money(amount=minor, currency="EUR").as_decimal()),
            offline=True,
            lease_id=lease_id,
            card_id="k4711",
            center_number="4711",
        )
        booking = recorded(f"b-{charge_id}", payments=[paid], at=self.world.clock.now)
        for _ in range(HEARD_MAX):
            # What the bus does with a booking that lost against the others.
            with suppress(LostRace):
                await self.world.hear(booking)
                return
        raise AssertionError("a booking lost against the others again and again")

    async def end(self) -> None:
        if not self.leases:
            return
        lease_id = self.dice.choice(sorted(self.leases))
        _, charged = self.leases.pop(lease_id)
        await self.world.leases.give_back(
            self.world.ask(), lease_id=lease_id, charges=tuple(charged), store_id=None, by=None
        )


def appends(log: Iterable[Recorded]) -> Iterator[list[Recorded]]:
    """The events of one append after the other."""
    for _, entries in groupby(log, key=lambda entry: entry.idempotency_key):
        yield list(entries)


def limit_of(account: str) -> str:
    return account.removeprefix("usage-").partition("-")[0]


def check_every_moment(log: list[Recorded]) -> Counter[str]:
    """No account is above its limit after any append. Answers them as they are in the end."""
    used: Counter[str] = Counter()
    for entries in appends(log):
        for entry in entries:
            match entry.event:
                case UsageOpened() as opened:
                    used[opened.account] += opened.amount.amount
                case UsageTaken() as taken:
                    used[taken.account] += taken.amount.amount
                case UsageGivenBack() as given:
                    used[given.account] -= given.amount.amount
                case UsageClosed() as closed:
                    used[closed.account] -= closed.amount.amount
        for account, minor in used.items():
            assert 0 <= minor <= LIMITS[limit_of(account)], (entries[-1].position, account)
    return used


def live(log: list[Recorded]) -> Counter[str]:
    """What charges and open leases have, by account."""
    has: Counter[str] = Counter()
    streams: dict[str, list[Any]] = {}
    for entry in log:
        streams.setdefault(entry.stream, []).append(entry.event)
    for stream, events in streams.items():
        if stream.startswith("month-"):
            for charge in fold(MONTH, events).charges.values():
                for take in charge.takes if charge.state != "released" else ():
                    has[take.account] += take.amount.amount
        elif stream.startswith("lease-"):
            lease = fold(LEASE, events)
            for take in lease.takes:
                has[take.account] += lease.left
    return has


@pytest.mark.parametrize("seed", range(6))
async def test_stores_with_and_without_a_line_never_exceed_a_limit(
    seed: int, clock: Clock, chain: Chain
) -> None:
    clock.now += timedelta(days=19)  # The 31st: leases of a day pass the month's end.
    first = Yielding("costcenter", REGISTRY, clock=clock)
    await furnish(build_world(first, clock, chain))
    worlds = [build_world(first.another_process(), clock, chain) for _ in range(4)]
    stores = [Store(world, number, seed) for number, world in enumerate(worlds)]
    await asyncio.gather(*(store.run() for store in stores))

    used = check_every_moment(first.log)
    assert +used == +live(first.log)
    names = Counter(entry.name for entry in first.log)
    assert names["lease.granted"]
    assert names["lease.used"]
    assert names["lease.returned"]
    assert any(account.endswith(LONG) for account in used)


async def test_the_check_sees_an_account_above_its_limit(
    memory: MemoryEventStore, world: World
) -> None:
    await furnish(world)
    await world.pay("H1", "90.00")
    check_every_moment(memory.log)
    # A booking that nobody held is a fact, and takes more than there is.
    await world.book("H2", "1.00", card_id="k4711", center_number="4711")
    with pytest.raises(AssertionError):
        check_every_moment(memory.log)
