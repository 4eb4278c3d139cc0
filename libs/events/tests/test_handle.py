"""`handle` and `handle_together` over both adapters. `other` is another process on the same log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any, cast
from uuid import uuid4

import pytest

from events import (
    Ask,
    Decider,
    Decision,
    Event,
    EventStore,
    HandledTogether,
    Take,
    handle,
    handle_together,
    state_of,
)
from events.errors import ClaimTaken, IdempotencyKeyReused, LostRace, Transient
from events.store.migrate import migrate
from events.store.postgres import PostgresEventStore
from events.testing.counter import COUNTER, DEADLINE_S, Count, Counter, CounterClosed
from events.testing.memory import MemoryEventStore
from events.testing.store_contract import REGISTRY, Counted, counted, numbers_of


@pytest.fixture(params=["memory", "postgres"])
async def stores(
    request: pytest.FixtureRequest, database_url: str
) -> AsyncIterator[tuple[EventStore, EventStore]]:
    if request.param == "memory":
        log = MemoryEventStore("counter", REGISTRY)
        yield log, log.another_process()
        return
    schema = f"s{uuid4().hex[:12]}"
    await migrate(database_url, schema=schema)
    async with (
        PostgresEventStore.open(
            database_url, service="counter", schema=schema, registry=REGISTRY
        ) as one,
        PostgresEventStore.open(
            database_url, service="counter", schema=schema, registry=REGISTRY
        ) as two,
    ):
        yield one, two


@pytest.fixture
def store(stores: tuple[EventStore, EventStore]) -> EventStore:
    return stores[0]


@pytest.fixture
def other(stores: tuple[EventStore, EventStore]) -> EventStore:
    return stores[1]


def ask(key: str = "", value: str = "count") -> Ask:
    return Ask.of(key or str(uuid4()), value)


async def count(store: EventStore, key: str = "", stream: str = "counter-1") -> int:
    return (await handle(store, COUNTER, stream, Count(), ask=ask(key))).state.total


async def test_a_command_moves_the_state_and_tells_its_position(store: EventStore) -> None:
    handled = await handle(store, COUNTER, "counter-1", Count(), ask=ask())
    assert handled.events == (Counted(n=1),)
    assert (handled.state, handled.version, handled.position) == (Counter(total=1), 1, 1)
    assert not handled.repeated


async def test_callers_on_one_stream_are_all_served(store: EventStore, other: EventStore) -> None:
    await asyncio.gather(*(count(store) for _ in range(30)))
    assert await count(other) == 31


async def test_two_processes_on_one_stream_lose_races_and_no_events(
    store: EventStore, other: EventStore
) -> None:
    async def work(log: EventStore) -> None:
        for _ in range(10):
            while True:
                try:
                    await count(log)
                    break
                except LostRace:
                    continue

    await asyncio.gather(work(store), work(other))
    assert numbers_of(await store.load("counter-1")) == list(range(1, 21))


async def test_what_another_process_stored_is_seen_by_the_next_decision(
    store: EventStore, other: EventStore
) -> None:
    assert await count(store) == 1
    assert await count(other) == 2
    assert await count(store) == 3


async def test_a_command_on_an_old_cached_state_is_decided_on_the_newest(
    store: EventStore, other: EventStore
) -> None:
    await count(store)
    await handle(other, COUNTER, "counter-1", Count(close=True), ask=ask())
    with pytest.raises(CounterClosed):
        await count(store)
    assert (await state_of(store, COUNTER, "counter-1")) == (2, Counter(total=1, closed=True))


async def test_a_stream_that_was_expected_to_be_new_and_is_not_is_decided_on_what_it_holds(
    store: EventStore, other: EventStore
) -> None:
    await count(other)
    store.streams.expect_new("counter-1", COUNTER.initial)
    assert await count(store) == 2


async def test_a_stream_that_is_known_is_not_taken_for_new(store: EventStore) -> None:
    await count(store)
    store.streams.expect_new("counter-1", COUNTER.initial)
    assert store.streams.cached("counter-1") == (1, Counter(total=1))


async def test_a_refusal_rests_on_the_newest_state(store: EventStore, other: EventStore) -> None:
    """What this process has cached would refuse; another one has counted on since."""

    def only_the_third(command: Count, counter: Counter) -> tuple[Event, ...]:
        if counter.total != 2:
            raise CounterClosed
        return (Counted(n=3),)

    await count(store)
    await count(other)
    third = Decider(initial=COUNTER.initial, decide=only_the_third, evolve=COUNTER.evolve)
    handled = await handle(store, third, "counter-1", Count(), ask=ask())
    assert handled.state.total == 3


async def test_a_repeat_is_rendered_with_the_newest_state(
    store: EventStore, other: EventStore
) -> None:
    await handle(store, COUNTER, "counter-1", Count(close=True), ask=ask("k"))
    await other.append(counted("counter-1", 1))
    again = await handle(store, COUNTER, "counter-1", Count(close=True), ask=ask("k"))
    assert (again.repeated, again.version, again.state.total) == (True, 2, 1)


async def test_a_repeat_is_answered_after_the_newer_state_refuses(store: EventStore) -> None:
    first = await handle(store, COUNTER, "counter-1", Count(), ask=ask("k"))
    await handle(store, COUNTER, "counter-1", Count(close=True), ask=ask())
    again = await handle(store, COUNTER, "counter-1", Count(), ask=ask("k"))
    assert again.repeated
    assert again.events == first.events
    assert again.state.closed  # The answer is rendered with the present state.


async def test_nothing_to_do_rests_on_the_newest_state(
    store: EventStore, other: EventStore
) -> None:
    """What this process has cached leads to nothing; what another one stored since does."""

    def only_after_the_first(command: Count, counter: Counter) -> tuple[Event, ...]:
        return (Counted(n=counter.total + 1),) if counter.total else ()

    patient = replace(COUNTER, decide=only_after_the_first)
    assert (await handle(store, patient, "counter-1", Count(), ask=ask())).events == ()
    await count(other)
    assert (await handle(store, patient, "counter-1", Count(), ask=ask())).events != ()


async def test_a_repeat_through_another_process_stores_nothing(
    store: EventStore, other: EventStore
) -> None:
    await count(store, "k")
    again = await handle(other, COUNTER, "counter-1", Count(), ask=ask("k"))
    assert again.repeated
    assert await store.head() == 1


async def test_a_key_with_another_input_is_refused_also_when_the_state_refuses(
    store: EventStore,
) -> None:
    await count(store, "k")
    with pytest.raises(IdempotencyKeyReused):
        await handle(store, COUNTER, "counter-1", Count(), ask=ask("k", "other"))
    await handle(store, COUNTER, "counter-1", Count(close=True), ask=ask())
    with pytest.raises(IdempotencyKeyReused):
        await handle(store, COUNTER, "counter-1", Count(), ask=ask("k", "other"))


async def test_a_refused_command_stores_nothing(store: EventStore) -> None:
    await handle(store, COUNTER, "counter-1", Count(close=True), ask=ask())
    with pytest.raises(CounterClosed):
        await count(store, "k")
    assert await store.head() == 1


async def test_a_claim_taken_elsewhere_refuses_the_command(store: EventStore) -> None:
    await store.append(counted("voucher-1", 1, claims=[Take("code", "voucher-1")]))

    def claims(events: object) -> list[Take]:
        return [Take("code", "counter-1")]

    with pytest.raises(ClaimTaken):
        await handle(store, COUNTER, "counter-1", Count(), ask=ask(), claims=claims)
    assert (await state_of(store, COUNTER, "counter-1")) == (0, Counter())


async def test_several_streams_are_decided_together(store: EventStore, other: EventStore) -> None:
    """A number that is given out goes to exactly one taker, gapless, from two processes."""

    async def number(log: EventStore, taker: int) -> None:
        stream = f"taker-{taker}"

        def decide(states: Mapping[str, Any]) -> Decision:
            given = Counted(n=states["numbers"].total + 1)
            mine: dict[str, list[Event]] = {"numbers": [given]}
            mine[stream] = [Counted(n=1, text=str(given.n))]
            return Decision(mine)

        while True:
            try:
                done = await handle_together(
                    log, {"numbers": COUNTER, stream: COUNTER}, decide, ask=ask(f"k{taker}")
                )
            except LostRace:
                continue
            assert done.versions[stream] == 1
            return

    await asyncio.gather(*(number((store, other)[n % 2], n) for n in range(16)))
    taken = [(await store.load(f"taker-{n}"))[0].event for n in range(16)]
    assert sorted(int(event.text) for event in taken if isinstance(event, Counted)) == list(
        range(1, 17)
    )


async def test_a_stream_that_keeps_changing_ends_in_a_conflict(
    store: EventStore, other: EventStore
) -> None:
    changes = 0

    class Restless:
        """The other process is always a step ahead: it appends while this one decides."""

        def __getattr__(self, name: str) -> Any:
            return getattr(store, name)

        async def append(self, request: Any) -> Any:
            nonlocal changes
            changes += 1
            await count(other)
            return await store.append(request)

    with pytest.raises(LostRace):
        await handle(cast(EventStore, Restless()), COUNTER, "counter-1", Count(), ask=ask("k"))
    assert await store.head() == changes
    assert await count(store, "k") == changes + 1


@pytest.mark.parametrize("fault", ["fail_before", "lose_answer"])
async def test_a_fault_of_the_store_is_tried_again(fault: str) -> None:
    log = MemoryEventStore("counter", REGISTRY)
    setattr(log, fault, True)
    assert await count(log, "k") == 1
    assert await log.head() == 1


async def test_a_lost_answer_is_found_by_the_next_ask_with_its_key() -> None:
    log = MemoryEventStore("counter", REGISTRY)
    log.lose_answer = True
    with pytest.raises(Transient):
        await log.append(counted("counter-1", 1, key="k", value="count"))
    handled = await handle(log, COUNTER, "counter-1", Count(), ask=ask("k"))
    assert handled.repeated
    assert handled.state.total == 1


# A stream that is only read


def _count_while_open(states: Mapping[str, Any]) -> Decision:
    """Counts on counter-1, unless counter-2 is closed."""
    if states["counter-2"].closed:
        raise CounterClosed
    return Decision({"counter-1": COUNTER.decide(Count(), states["counter-1"])})


async def _guarded(store: EventStore) -> HandledTogether:
    return await handle_together(
        store, {"counter-1": COUNTER}, _count_while_open, ask=ask(), reads={"counter-2": COUNTER}
    )


async def test_a_decision_rests_on_the_newest_state_of_what_it_only_read(
    store: EventStore, other: EventStore
) -> None:
    await count(store, stream="counter-2")
    assert (await _guarded(store)).states["counter-1"] == Counter(total=1)
    await handle(other, COUNTER, "counter-2", Count(close=True), ask=ask())
    with pytest.raises(CounterClosed):
        await _guarded(store)
    assert [entry.stream for entry in await store.load("counter-1")] == ["counter-1"]


async def test_a_decision_adds_nothing_to_what_it_only_read(store: EventStore) -> None:
    await count(store, stream="counter-2")
    done = await _guarded(store)
    assert done.versions == {"counter-1": 1, "counter-2": 1}
    assert len(await store.load("counter-2")) == 1


async def test_decisions_that_only_read_the_same_do_not_wait_for_each_other(
    store: EventStore,
) -> None:
    await count(store, stream="counter-2")
    async with store.streams.turn(["counter-2"]):
        await asyncio.wait_for(_guarded(store), timeout=DEADLINE_S)


async def test_a_stream_is_written_or_only_read(store: EventStore) -> None:
    with pytest.raises(ValueError, match="written or only read"):
        await handle_together(
            store,
            {"counter-1": COUNTER},
            lambda _: Decision({}),
            ask=ask(),
            reads={"counter-1": COUNTER},
        )
