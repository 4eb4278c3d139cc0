"""The receiver: records to reactions, in order per lane, and nothing dropped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from opentelemetry import trace
from sqlalchemy.ext.asyncio import AsyncEngine

from events.bus.contract import Record
from events.dead_letter_events import DeadLetterDiscarded
from events.dead_letters import discard, retry
from events.errors import DomainError, LostRace, Transient
from events.event import Registry
from events.reaction import Incoming, Reaction
from events.receiver import BATCH_MAX, LANES_MAX, TRIES_MAX, Poisoned, Receiver
from events.store.dead_letters import (
    DeadLetters,
    LaneBusy,
    LetterUnknown,
    MemoryDeadLetters,
    PostgresDeadLetters,
)
from events.store.migrate import migrate
from events.testing.memory import MemoryBus, MemoryEventStore
from events.testing.waiting import until

DEADLINE_S = 30.0
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def record(lane: str, number: int, *, name: str = "counter.counted") -> Record:
    event_id = UUID(int=abs(hash((lane, number, name))) % 2**100)
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(event_id),
        "ce_source": "/counter",
        "ce_type": f"{name}.v1",
        "ce_subject": lane,
        "ce_time": "2026-01-01T00:00:00.000000+00:00",
        "ce_sequence": str(number),
        "content-type": "application/json",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }
    return Record(key="store-1", headers=headers, value=b'{"n":1}')


@dataclass
class Desk:
    """Where the records of the tests end. `broken` names what can't be handled."""

    broken: dict[tuple[str, int], list[Exception]] = field(default_factory=dict)
    """By lane and number: what to raise, first to last; the last one for ever."""
    done: list[tuple[str, int]] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    calls: int = 0
    at_work: int = 0
    at_work_most: int = 0

    async def handle(self, records: Sequence[Incoming]) -> None:
        self.at_work += 1
        self.at_work_most = max(self.at_work_most, self.at_work)
        self.calls += 1
        try:
            await asyncio.sleep(0)
            for entry in records:
                place = (entry.subject, entry.sequence)
                faults = self.broken.get(place)
                if faults:
                    raise faults.pop(0) if len(faults) > 1 else faults[0]
                if place not in self.done:  # The inbox answers what was done before.
                    self.done.append(place)
            self.batches.append(len(records))
        finally:
            self.at_work -= 1

    def reaction(self, *, parks: bool = True) -> Reaction:
        return Reaction(
            name="count",
            topic="counter",
            events=frozenset({"counter.counted"}),
            lane=lambda incoming: incoming.subject,
            handle=self.handle,
            parks=parks,
        )


class LettersContract:
    """What every store of dead letters promises."""

    @pytest.fixture
    async def letters(self) -> DeadLetters:
        raise NotImplementedError

    async def test_a_record_is_handled_once_it_arrived(self, letters: DeadLetters) -> None:
        desk = Desk()
        receiver = Receiver(MemoryBus(), "desk", [desk.reaction()], letters)
        await receiver.handle(desk.reaction(), [record("a", 1), record("b", 1), record("a", 2)])
        assert sorted(desk.done) == [("a", 1), ("a", 2), ("b", 1)]
        assert await letters.count() == 0

    async def test_poison_is_parked_and_its_lane_waits_behind_it(
        self, letters: DeadLetters
    ) -> None:
        desk = Desk(broken={("a", 2): [ValueError("no such thing")]})
        reaction = desk.reaction()
        receiver = Receiver(MemoryBus(), "desk", [reaction], letters)
        await receiver.handle(
            reaction, [*(record("a", n) for n in (1, 2, 3)), record("b", 1), record("a", 4)]
        )
        await receiver.handle(reaction, [record("a", 5), record("b", 2)])
        assert sorted(desk.done) == [("a", 1), ("b", 1), ("b", 2)]
        parked = await letters.list()
        assert [letter.record.headers["ce_sequence"] for letter in parked] == ["2", "3", "4", "5"]
        assert [letter.reason for letter in parked] == ["ValueError: no such thing", "", "", ""]
        assert [letter.attempts for letter in parked] == [TRIES_MAX, 0, 0, 0]
        assert parked[0].trace_id == "0af7651916cd43dd8448eb211c80319c"

    async def test_a_redelivered_record_is_parked_once(self, letters: DeadLetters) -> None:
        desk = Desk(broken={("a", 1): [ValueError()]})
        reaction = desk.reaction()
        receiver = Receiver(MemoryBus(), "desk", [reaction], letters)
        for _ in range(2):
            await receiver.handle(reaction, [record("a", 1), record("a", 2)])
        assert await letters.count() == 2

    async def test_a_parked_record_comes_back_unchanged(self, letters: DeadLetters) -> None:
        desk = Desk(broken={("a", 1): [ValueError()]})
        receiver = Receiver(MemoryBus(), "desk", [desk.reaction()], letters)
        await receiver.handle(desk.reaction(), [record("a", 1)])
        [letter] = await letters.list(reaction="count")
        assert (await letters.show(letter.id)).record == record("a", 1)
        assert await letters.list(reaction="another") == []

    async def test_a_retry_handles_the_lane_in_order_and_frees_it(
        self, letters: DeadLetters
    ) -> None:
        desk = Desk(broken={("a", 1): [ValueError()]})
        reaction = desk.reaction()
        receiver = Receiver(MemoryBus(), "desk", [reaction], letters)
        await receiver.handle(reaction, [record("a", 1), record("a", 2)])
        desk.broken.clear()
        assert (await retry(letters, reaction, "a")).handled == 2
        await receiver.handle(reaction, [record("a", 3)])
        assert desk.done == [("a", 1), ("a", 2), ("a", 3)]
        assert await letters.count() == 0

    async def test_a_retry_stops_at_the_first_failure(self, letters: DeadLetters) -> None:
        desk = Desk(broken={("a", 1): [ValueError("still")]})
        reaction = desk.reaction()
        receiver = Receiver(MemoryBus(), "desk", [reaction], letters)
        await receiver.handle(reaction, [record("a", 1), record("a", 2)])
        outcome = await retry(letters, reaction, "a")
        first = (await letters.list())[0]
        assert (outcome.handled, outcome.stuck_on) == (0, first.id)
        assert first.attempts == TRIES_MAX + 1
        assert desk.done == []

    async def test_two_retries_of_one_lane_do_not_overlap(self, letters: DeadLetters) -> None:
        desk = Desk(broken={("a", 1): [ValueError()]})
        reaction = desk.reaction()
        receiver = Receiver(MemoryBus(), "desk", [reaction], letters)
        await receiver.handle(reaction, [record("a", 1)])
        async with letters.oldest("count", "a"):
            with pytest.raises(LaneBusy):
                await retry(letters, reaction, "a")

    async def test_a_discard_is_an_event_and_frees_the_letters_behind(
        self, letters: DeadLetters
    ) -> None:
        desk = Desk(broken={("a", 1): [ValueError("never")]})
        reaction = desk.reaction()
        store = MemoryEventStore("desk", Registry(DeadLetterDiscarded))
        receiver = Receiver(MemoryBus(), "desk", [reaction], letters)
        await receiver.handle(reaction, [record("a", 1), record("a", 2)])
        [poison, _] = await letters.list()
        await discard(letters, store, poison.id, by="person:1", explanation="a test till", now=NOW)
        assert (await retry(letters, reaction, "a")).handled == 1
        assert desk.done == [("a", 2)]
        [recorded] = store.log
        assert isinstance(recorded.event, DeadLetterDiscarded)
        assert recorded.event.reason == "ValueError: never"
        assert recorded.event.event_id == record("a", 1).headers["ce_id"]
        with pytest.raises(LetterUnknown):
            await letters.show(poison.id)

    async def test_a_letter_behind_none_is_not_parked(self, letters: DeadLetters) -> None:
        desk = Desk(broken={("a", 1): [ValueError()]})
        receiver = Receiver(MemoryBus(), "desk", [desk.reaction()], letters)
        await receiver.handle(desk.reaction(), [record("a", 1)])
        [letter] = await letters.list()
        await letters.remove(letter.id)
        assert not await letters.park(letter, behind=True)
        assert await letters.count() == 0


class TestMemoryLetters(LettersContract):
    @pytest.fixture
    async def letters(self) -> DeadLetters:
        return MemoryDeadLetters()


class TestPostgresLetters(LettersContract):
    @pytest.fixture
    async def letters(self, database_url: str, engine: AsyncEngine) -> DeadLetters:
        schema = f"s{uuid4().hex[:12]}"
        await migrate(database_url, schema=schema)
        return PostgresDeadLetters(engine, schema=schema)

    async def test_a_record_that_comes_during_a_retry_is_handled_after_it(
        self, letters: DeadLetters
    ) -> None:
        desk = Desk(broken={("a", 1): [ValueError()]})
        reaction = desk.reaction()
        receiver = Receiver(MemoryBus(), "desk", [reaction], letters)
        await receiver.handle(reaction, [record("a", 1)])
        desk.broken.clear()
        async with letters.oldest("count", "a") as holding:
            assert holding is not None
            coming = asyncio.create_task(receiver.handle(reaction, [record("a", 2)]))
            done, _ = await asyncio.wait((coming,), timeout=0.3)
            assert not done
            await holding.done()
        async with asyncio.timeout(DEADLINE_S):
            await coming
        assert desk.done == [("a", 2)]
        assert await letters.count() == 0


async def test_events_nobody_asked_for_are_skipped() -> None:
    desk = Desk()
    receiver = Receiver(MemoryBus(), "desk", [desk.reaction()], MemoryDeadLetters())
    await receiver.handle(desk.reaction(), [record("a", 1, name="counter.closed")])
    assert desk.calls == 0


async def test_a_lane_gets_its_records_in_bounded_batches() -> None:
    desk = Desk()
    receiver = Receiver(MemoryBus(), "desk", [desk.reaction()], MemoryDeadLetters())
    await receiver.handle(desk.reaction(), [record("a", n) for n in range(2 * BATCH_MAX + 1)])
    assert desk.batches == [BATCH_MAX, BATCH_MAX, 1]
    assert [number for _, number in desk.done] == list(range(2 * BATCH_MAX + 1))


async def test_lanes_are_handled_side_by_side_but_not_without_bound() -> None:
    desk = Desk()
    receiver = Receiver(MemoryBus(), "desk", [desk.reaction()], MemoryDeadLetters())
    await receiver.handle(desk.reaction(), [record(f"l{n}", 1) for n in range(3 * LANES_MAX)])
    assert desk.at_work_most == LANES_MAX


@pytest.mark.parametrize("fault", [Transient("away"), LostRace()])
async def test_a_fault_that_passes_is_waited_out_in_order(fault: Exception) -> None:
    faults: list[Exception] = [fault, fault, fault]
    desk = Desk(broken={("a", 1): faults})
    receiver = Receiver(MemoryBus(), "desk", [desk.reaction()], MemoryDeadLetters())

    async def repair() -> None:
        await until(lambda: len(faults) == 1)
        desk.broken.clear()

    repairing = asyncio.create_task(repair())
    async with asyncio.timeout(DEADLINE_S):
        await receiver.handle(desk.reaction(), [record("a", 1), record("a", 2)])
        await repairing
    assert desk.done == [("a", 1), ("a", 2)]


async def test_a_fault_that_a_second_try_heals_parks_nothing() -> None:
    letters = MemoryDeadLetters()
    desk = Desk(broken={("a", 1): [ValueError(), ValueError(), Healed()]})
    receiver = Receiver(MemoryBus(), "desk", [desk.reaction()], letters)
    await receiver.handle(desk.reaction(), [record("a", 1)])
    # The whole batch once, then alone: the second fault, then the refusal that is an answer.
    assert [letter.attempts for letter in letters.letters] == [2]


class Healed(DomainError):
    """Stands for an answer instead of a fault."""


async def test_a_refusal_is_not_asked_again() -> None:
    letters = MemoryDeadLetters()
    desk = Desk(broken={("a", 1): [DomainError("no")]})
    receiver = Receiver(MemoryBus(), "desk", [desk.reaction()], letters)
    await receiver.handle(desk.reaction(), [record("a", 1)])
    assert [letter.attempts for letter in letters.letters] == [1]


async def test_what_is_no_event_is_parked_under_its_key() -> None:
    letters = MemoryDeadLetters()
    desk = Desk()
    receiver = Receiver(MemoryBus(), "desk", [desk.reaction()], letters)
    await receiver.handle(desk.reaction(), [Record("store-1", {}, b"garbage"), record("a", 1)])
    assert [letter.lane for letter in letters.letters] == ["key:store-1"]
    assert desk.done == [("a", 1)]


async def test_the_work_belongs_to_the_trace_of_the_record() -> None:
    seen: list[str] = []

    async def handle(records: Sequence[Incoming]) -> None:
        seen.append(f"{trace.get_current_span().get_span_context().trace_id:032x}")

    reaction = replace(Desk().reaction(), handle=handle)
    await Receiver(MemoryBus(), "desk", [reaction], MemoryDeadLetters()).handle(
        reaction, [record("a", 1)]
    )
    assert seen == ["0af7651916cd43dd8448eb211c80319c"]


async def test_a_reaction_that_must_not_skip_stops_the_process() -> None:
    desk = Desk(broken={("a", 1): [ValueError("unsignable")]})
    bus, letters = MemoryBus(), MemoryDeadLetters()
    receiver = Receiver(bus, "desk", [desk.reaction(parks=False)], letters)
    await bus.publish("counter", [record("a", 1)])
    with pytest.raises(Poisoned, match="unsignable"):
        async with asyncio.timeout(DEADLINE_S):
            await receiver.run()
    assert letters.letters == []


@asynccontextmanager
async def running(receiver: Receiver) -> AsyncIterator[None]:
    task = asyncio.create_task(receiver.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_restarted_receiver_gets_what_was_not_acknowledged_and_nothing_else() -> None:
    desk, bus, letters = Desk(), MemoryBus(), MemoryDeadLetters()
    receiver = Receiver(bus, "desk", [desk.reaction()], letters)
    for number in (1, 2):
        await bus.publish("counter", [record("a", number)])
        async with running(receiver):
            await until(lambda number=number: len(desk.done) == number)  # type: ignore[misc]
    assert desk.done == [("a", 1), ("a", 2)]


async def test_a_bus_that_goes_away_is_waited_for() -> None:
    desk, bus = Desk(), MemoryBus()
    receiver = Receiver(bus, "desk", [desk.reaction()], MemoryDeadLetters())
    bus.away = True
    async with running(receiver), asyncio.timeout(DEADLINE_S):
        await asyncio.sleep(0.05)
        bus.away = False
        await bus.publish("counter", [record("a", 1)])
        await until(lambda: bool(desk.done))
