"""P17: whatever tills, bookings and clocks do in whatever order, no limit is exceeded, and each
account is the sum of the charges that live. P18: more limits never leave more room."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from costcenter.decider.binding import Bound, Room, rooms
from costcenter.decider.structure_state import Limited
from costcenter.decider.usage import USAGE, Accounts, Usage
from costcenter.events import (
    ChargeBooked,
    ChargeHeld,
    ChargeReleased,
    ChargeReversed,
    Limit,
    Scope,
    UsageTaken,
)
from costcenter.service import REGISTRY
from costcenter.testing.fakes import Clock
from costcenter.testing.world import World, build_world, good
from events import Ask, Decision, DomainError, handle_together
from events.testing.memory import MemoryEventStore
from kassenverbund.kit.chain import Chain
from money import Money

CHAIN = Chain.model_validate(YAML(typ="safe").load(Path(__file__).parents[3] / "chain.yaml"))
START = datetime(2026, 10, 29, 10, 0, tzinfo=UTC)
"""A Thursday: days, a week's end, a month's end and a budget over it are near."""

CARDS = {"ka": "4711", "kb": "4712"}
FIRST, LAST = date(2026, 10, 26), date(2026, 11, 8)


def week(day: date) -> str:
    return "{}-{}".format(*day.isocalendar()[:2])


LIMITS: dict[str, tuple[Any, int]] = {
    # Which charges share a window, as a name, or None: none of them.
    "day": (lambda day, card: day.isoformat() if card == "k4711" else None, 1_000),
    "week": (lambda day, card: week(day), 3_000),
    "count": (lambda day, card: f"{day:%Y-%m}", 8),
    "budget": (lambda day, card: "all", 6_000),
    "month": (lambda day, card: f"{day:%Y-%m}", 4_500),
}
"""The five limits once more, told independently of the code that keeps them."""


async def furnished() -> tuple[World, World]:
    clock = Clock()
    clock.now = START
    store = MemoryEventStore("costcenter", REGISTRY, clock=clock)
    world = build_world(store, clock, CHAIN)
    await world.company("a", "Firma A")
    await world.group(1, "Firma A", company_id="a")
    await world.center("4711", company_id="a")
    for number in CARDS.values():
        await world.card(number, "4711")
    await world.limit("day", "card", "k4711", "day", "10.00")
    await world.limit("week", "center", "c4711", "week", "30.00")
    await world.limit("count", "user_group", "1-4", "month", None, count=8)
    await world.limit(
        "budget", "main_group", "1", "range", "60.00", valid_from=FIRST, valid_until=LAST
    )
    await world.limit("month", "company", "a", "month", "45.00")
    return world, world.another(store.another_process())


@dataclass
class Live:
    """One charge as its events tell it, without the service's own fold."""

    card: str
    day: date
    amount: int
    counts: bool = True
    faulty: bool = False


@dataclass
class Book:
    """What each limit should have in each window."""

    charges: dict[str, Live] = field(default_factory=dict)

    def apply(self, event: Any) -> None:
        match event:
            case ChargeHeld():
                self.charges[event.charge_id] = Live(
                    event.chargee.card_id, event.business_date, event.amount.amount
                )
            case ChargeReleased():
                live = self.charges[event.charge_id]
                live.amount, live.counts = 0, False
            case ChargeBooked():
                live = self.charges[event.charge_id]
                live.faulty |= event.fault is not None
                live.amount, live.counts = event.amount.amount, True
            case ChargeReversed():
                live = self.charges[event.charge_id]
                live.amount -= event.amount.amount
                live.counts = live.amount > 0

    def used(self) -> dict[tuple[str, str], tuple[int, int]]:
        sums: dict[tuple[str, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
        for live in self.charges.values():
            for name, (window, _) in LIMITS.items():
                key = window(live.day, live.card)
                if key is not None:
                    amount, count = sums[name, key]
                    sums[name, key] = amount + live.amount, count + live.counts
        return {key: used for key, used in sums.items() if used != (0, 0)}


def key_of(account: str) -> tuple[str, str]:
    """Of an account's stream: the limit and the window as `LIMITS` calls it."""
    _, limit_id, window = account.split("-", 2)
    if limit_id == "week":
        year, _, number = window.partition("-W")
        return limit_id, f"{year}-{int(number)}"
    return limit_id, "all" if limit_id == "budget" else window


async def accounts_of(world: World) -> dict[tuple[str, str], tuple[int, int]]:
    """What the accounts say; of a budget its open part."""
    streams = {e.stream for e in await world.store.read(after=0, records_max=100_000)}
    found = {}
    for stream in streams:
        if stream.startswith("usage-"):
            usage = await world.usage(stream.removeprefix("usage-"))
            if not usage.closed and (usage.amount, usage.count) != (0, 0):
                found[key_of(stream)] = (usage.amount, usage.count)
    return found


async def check(world: World) -> None:
    """Append by append: no charge that was free to be refused has taken more than there was."""
    book = Book()
    entries = await world.store.read(after=0, records_max=100_000)
    appends: dict[str, list[Any]] = defaultdict(list)
    for entry in entries:
        appends[entry.idempotency_key].append(entry)
    for together in appends.values():
        for entry in together:
            book.apply(entry.event)
        if not any(isinstance(entry.event, ChargeHeld) for entry in together):
            continue
        taken = {key_of(e.stream) for e in together if isinstance(e.event, UsageTaken)}
        used = book.used()
        for name, key in taken:
            amount, count = used.get((name, key), (0, 0))
            assert (count if name == "count" else amount) <= LIMITS[name][1], (name, key, used)
    assert await accounts_of(world) == book.used()


HOLDS = st.tuples(
    st.just("hold"), st.sampled_from(sorted(CARDS)), st.integers(1, 1_400),
    st.sampled_from(["exact", "up_to"]),
)  # fmt: skip
LATER = st.tuples(
    st.sampled_from(
        ["confirm", "release", "abort", "book", "book", "book_less", "book_more", "reverse"]
    ),
    st.integers(0, 30),
)
STEPS = st.lists(
    st.one_of(
        st.lists(st.one_of(HOLDS, HOLDS, LATER), min_size=1, max_size=6),
        st.sampled_from([["a minute"], ["three minutes"], ["a day"], ["sweep"]]),
    ),
    min_size=4,
    max_size=25,
)


@dataclass
class Play:
    """Two processes, and everybody who asks them."""

    worlds: tuple[World, World]
    held: list[str] = field(default_factory=list)
    asked: int = 0

    async def step(self, todo: list[Any]) -> None:
        here = self.worlds[0]
        match todo:
            case ["a minute"]:
                here.clock.advance(minutes=1)
            case ["three minutes"]:
                here.clock.advance(minutes=3)
            case ["a day"]:
                here.clock.advance(days=1)
            case ["sweep"]:
                for stream, charge_id in await here.lapsed.lapsed(here.clock(), holds_max=100):
                    await here.charges.expire(stream, charge_id)
            case _:
                done = await asyncio.gather(
                    *(self.act(self.worlds[n % 2], deed) for n, deed in enumerate(todo)),
                    return_exceptions=True,
                )
                for outcome in done:
                    if isinstance(outcome, BaseException) and not isinstance(outcome, DomainError):
                        raise outcome

    async def act(self, world: World, deed: tuple[Any, ...]) -> None:
        self.asked += 1
        if deed[0] == "hold":
            charge_id, amount = f"H{self.asked}", str(Money(amount=deed[2]).as_decimal())
            self.held.append(charge_id)
            await world.hold(charge_id, amount, number=CARDS[deed[1]], mode=deed[3])
            return
        if not self.held:
            return
        charge_id = self.held[deed[1] % len(self.held)]
        charge = (await self.charge(charge_id)) or None
        whole = charge.amount.amount if charge else 0
        match deed[0]:
            case "confirm":
                await world.confirm(charge_id)
            case "release":
                await world.let_go(charge_id)
            case "abort":
                await world.abort(charge_id)
            case "reverse":
                name = f"R{self.asked}"
                await world.give_back(
                    charge_id, name, str(Money(amount=1 + whole // 2).as_decimal())
                )
            case how if whole:
                minor = {"book": whole, "book_less": 1 + whole // 2, "book_more": whole + 7}[how]
                await world.book(charge_id, str(Money(amount=minor).as_decimal()))

    async def charge(self, charge_id: str) -> Any:
        for month in ("2026-10", "2026-11"):
            found = (await self.worlds[0].month("4711", month)).charges.get(charge_id)
            if found is not None:
                return found
        return None


@given(steps=STEPS)
@settings(max_examples=120, deadline=None)
def test_p17_no_interleaving_exceeds_a_limit_and_accounts_are_the_sum_of_their_charges(
    steps: list[list[Any]],
) -> None:
    async def run() -> None:
        play = Play(await furnished())
        for todo in steps:
            await play.step(todo)
        await check(play.worlds[0])

    asyncio.run(run())


async def test_p17_the_check_can_fail() -> None:
    here, _ = await furnished()
    await here.hold("H1", "9.80", number="4711")
    stream = "usage-day-2026-10-29"
    taken = (await here.store.load(stream))[-1].event
    await handle_together(
        here.store,
        {stream: USAGE},
        lambda _: Decision({stream: [taken]}),
        ask=Ask.of("once more", ""),
    )
    with pytest.raises(AssertionError):
        await check(here)


# --- P18 ---

AMOUNTS = st.integers(0, 5_000)


@st.composite
def limits(draw: st.DrawFn) -> tuple[Bound, Usage]:
    number = draw(st.integers(0, 10**9))
    count = draw(st.one_of(st.none(), st.integers(0, 5)))
    groups = draw(st.sampled_from([(), ("food",), ("wine",), ("food", "wine")]))
    limit = Limit(
        limit_id=f"L{number}",
        name="L",
        scope=Scope(level="center", id="c"),
        window="day",
        amount=None if count is not None else Money(amount=draw(AMOUNTS)),
        count=count,
        article_groups=groups,
    )
    used = Usage(opened=True, amount=draw(AMOUNTS), count=draw(st.integers(0, 5)))
    return Bound(Limited(limit), f"usage-L{number}-2026-10-12", outside=False), used


BASKETS = st.lists(
    st.tuples(st.sampled_from(["food", "wine", "other"]), st.integers(1, 2_000)), min_size=1,
    max_size=4,
)  # fmt: skip


def allowance(found: list[tuple[Bound, Usage]], basket: list[tuple[str, int]]) -> int:
    goods = [good(str(Money(amount=minor).as_decimal()), group=group) for group, minor in basket]
    states = {bound.account or "": used for bound, used in found}
    wanted = sum(minor for _, minor in basket)
    left = rooms([bound for bound, _ in found], Accounts(states), goods)
    return min([wanted, *(room.allows(wanted) for room in left)])


@given(found=st.lists(limits(), max_size=4), more=limits(), basket=BASKETS)
def test_p18_another_limit_never_leaves_more(
    found: list[tuple[Bound, Usage]], more: tuple[Bound, Usage], basket: list[tuple[str, int]]
) -> None:
    assert allowance([*found, more], basket) <= allowance(found, basket)


@given(found=st.lists(limits(), min_size=1, max_size=4), wider=AMOUNTS, basket=BASKETS)
def test_p18_a_wider_limit_never_leaves_less(
    found: list[tuple[Bound, Usage]], wider: int, basket: list[tuple[str, int]]
) -> None:
    (bound, used), *others = found
    limit = bound.limit
    larger: dict[str, Any] = (
        {"count": limit.count + wider}
        if limit.count is not None
        else {"amount": (limit.amount or Money(amount=0)) + Money(amount=wider)}
    )
    widened = Bound(Limited(limit.model_copy(update=larger)), bound.account, outside=False)
    assert allowance([(widened, used), *others], basket) >= allowance(found, basket)


@given(found=limits(), basket=BASKETS)
def test_what_is_allowed_fits(found: tuple[Bound, Usage], basket: list[tuple[str, int]]) -> None:
    bound, used = found
    if bound.limit.amount is None:
        return
    wanted = sum(minor for _, minor in basket)
    allowed = allowance([found], basket)
    goods = [good(str(Money(amount=minor).as_decimal()), group=group) for group, minor in basket]
    for room in rooms([bound], Accounts({bound.account or "": used}), goods):
        assert isinstance(room, Room)
        if allowed:
            assert room.takes(allowed) <= bound.limit.amount.amount - used.amount
        if allowed < wanted and room.left > 0:
            assert room.takes(allowed + 1) > bound.limit.amount.amount - used.amount
