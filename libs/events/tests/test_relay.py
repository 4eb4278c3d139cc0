"""The relay: the log, in order, on the bus."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from events.bus.contract import Record
from events.bus.postgres import PostgresBus
from events.errors import LogBroken, Transient
from events.lease import PostgresLease
from events.publication import Publication
from events.relay import UNSAVED_MAX, Relay, run_relay
from events.store.checkpoints import PostgresCheckpoints
from events.store.migrate import migrate
from events.store.postgres import PostgresEventStore
from events.testing.memory import MemoryBus, MemoryCheckpoints, MemoryEventStore
from events.testing.store_contract import REGISTRY, Closed, Counted, counted
from events.testing.waiting import until

DEADLINE_S = 30.0

PUBLIC = Publication("counter", (Counted,), ordering_key=lambda recorded: recorded.stream)
CLOSED = Publication("counter", (Closed,), ordering_key=lambda recorded: recorded.stream)


@asynccontextmanager
async def running(work: asyncio.Task[None]) -> AsyncIterator[asyncio.Task[None]]:
    try:
        yield work
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


class _Broken:
    """A bus that stores what it is given and loses its answer, once."""

    def __init__(self) -> None:
        self.inner = MemoryBus()
        self.lose_answers = 1

    async def publish(self, topic: str, records: list[Record]) -> None:
        await self.inner.publish(topic, records)
        if self.lose_answers:
            self.lose_answers -= 1
            raise Transient("the answer was lost")

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)


async def test_what_is_public_is_published_in_order() -> None:
    store, bus = MemoryEventStore("counter", REGISTRY), MemoryBus()
    await store.append(counted("a", 1, 2))
    work = asyncio.create_task(run_relay(store, bus, PUBLIC, MemoryCheckpoints(), page_max=2))
    async with running(work):
        await store.append(counted("b", 3))
        await until(lambda: len(bus.topics.get("counter", ())) == 3)
    found = [(record.key, record.headers["ce_position"]) for record in bus.topics["counter"]]
    assert found == [("a", "1"), ("a", "2"), ("b", "3")]


async def test_what_is_not_public_stays_inside() -> None:
    store, bus, checkpoints = (
        MemoryEventStore("counter", REGISTRY),
        MemoryBus(),
        MemoryCheckpoints(),
    )
    await store.append(counted("a", 1))
    assert await Relay(store, bus, CLOSED, checkpoints).step() == 1
    assert bus.topics["counter"] == []


async def test_what_was_skipped_is_remembered_from_time_to_time() -> None:
    store, bus, checkpoints = (
        MemoryEventStore("counter", REGISTRY),
        MemoryBus(),
        MemoryCheckpoints(),
    )
    relay = Relay(store, bus, CLOSED, checkpoints)
    for number in range(UNSAVED_MAX):
        await store.append(counted(f"s{number}", 1))
    await relay.step()
    assert checkpoints.positions == {}
    await relay.step()
    assert checkpoints.positions == {"relay": UNSAVED_MAX}


async def test_the_checkpoint_waits_for_the_bus() -> None:
    store, bus, checkpoints = (
        MemoryEventStore("counter", REGISTRY),
        MemoryBus(),
        MemoryCheckpoints(),
    )
    await bus.ensure_topics(["counter"])
    bus.away = True
    await store.append(counted("a", 1))
    async with running(asyncio.create_task(run_relay(store, bus, PUBLIC, checkpoints))):
        await asyncio.sleep(0.1)
        assert checkpoints.positions == {}
        bus.away = False
        await until(lambda: checkpoints.positions.get("relay") == 1)


async def test_a_lost_answer_publishes_the_page_again_and_in_order() -> None:
    store, bus, checkpoints = MemoryEventStore("counter", REGISTRY), _Broken(), MemoryCheckpoints()
    await store.append(counted("a", 1, 2))
    work = asyncio.create_task(run_relay(store, bus, PUBLIC, checkpoints))  # type: ignore[arg-type]
    async with running(work):
        await until(lambda: checkpoints.positions.get("relay") == 2)
    found = [record.headers["ce_sequence"] for record in bus.inner.topics["counter"]]
    assert found == ["1", "2", "1", "2"]


async def test_a_restarted_relay_goes_on_where_it_stood() -> None:
    store, bus, checkpoints = (
        MemoryEventStore("counter", REGISTRY),
        MemoryBus(),
        MemoryCheckpoints(),
    )
    for n in (1, 2):
        await store.append(counted("a", n))
        async with running(asyncio.create_task(run_relay(store, bus, PUBLIC, checkpoints))):
            await until(lambda n=n: checkpoints.positions.get("relay") == n)  # type: ignore[misc]
    assert [record.headers["ce_sequence"] for record in bus.topics["counter"]] == ["1", "2"]


async def test_a_gap_in_the_log_stops_the_relay() -> None:
    store, bus = MemoryEventStore("counter", REGISTRY), MemoryBus()
    await store.append(counted("a", 1, 2, 3))
    del store.log[1]
    with pytest.raises(LogBroken):
        async with asyncio.timeout(DEADLINE_S):
            await run_relay(store, bus, PUBLIC, MemoryCheckpoints())


class TestPostgres:
    @pytest.fixture
    async def schema(self, database_url: str) -> str:
        schema = f"s{uuid4().hex[:12]}"
        await migrate(database_url, schema=schema)
        return schema

    @pytest.fixture
    async def store(self, database_url: str, schema: str) -> AsyncIterator[PostgresEventStore]:
        async with PostgresEventStore.open(
            database_url, service="counter", schema=schema, registry=REGISTRY
        ) as store:
            yield store

    @pytest.fixture
    async def bus(self, database_url: str) -> AsyncIterator[PostgresBus]:
        async with PostgresBus.open(database_url, schema=f"bus_{uuid4().hex[:8]}") as bus:
            yield bus

    async def test_of_two_relays_one_works_and_the_other_takes_over(
        self,
        database_url: str,
        schema: str,
        engine: AsyncEngine,
        store: PostgresEventStore,
        bus: PostgresBus,
    ) -> None:
        checkpoints = PostgresCheckpoints(engine, schema=schema)

        def relay() -> asyncio.Task[None]:
            lease = PostgresLease(database_url, schema=schema, name="relay", try_s=0.05)
            return asyncio.create_task(run_relay(store, bus, PUBLIC, checkpoints, lease=lease))

        async def published(count: int) -> list[str]:
            found: list[str] = []
            async with bus.subscribe("counter", group=uuid4().hex) as subscription:
                async with asyncio.timeout(DEADLINE_S):
                    while len(found) < count:
                        batch = await subscription.fetch(records_max=100, wait_s=0.1)
                        found += [record.headers["ce_position"] for record in batch.records]
                found += [
                    record.headers["ce_position"]
                    for record in (await subscription.fetch(records_max=9, wait_s=0.1)).records
                ]
            return found

        async with running(relay()) as first, running(relay()):
            await store.append(counted("a", *range(20)))
            assert await published(20) == [str(n) for n in range(1, 21)]
            first.cancel()
            await store.append(counted("a", *range(20)))
            assert await published(40) == [str(n) for n in range(1, 41)]
