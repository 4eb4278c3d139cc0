from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from events.errors import LogBroken
from events.event import Recorded, Registry
from events.projection import names_of
from events.store.migrate import migrate
from events.store.postgres import PostgresEventStore
from events.subscription import run_projection, wait_until
from events.testing.counter import DEADLINE_S, Totals
from events.testing.memory import MemoryEventStore
from events.testing.store_contract import REGISTRY, Closed, closed, counted


@pytest.fixture
async def schema(database_url: str) -> str:
    schema = f"s{uuid4().hex[:12]}"
    await migrate(database_url, schema=schema)
    return schema


@pytest.fixture
async def store(database_url: str, schema: str) -> AsyncIterator[PostgresEventStore]:
    async with PostgresEventStore.open(
        database_url, service="counter", schema=schema, registry=REGISTRY
    ) as store:
        yield store


@pytest.fixture
async def totals(engine: AsyncEngine, schema: str) -> Totals:
    totals = Totals(schema)
    await totals.create(engine)
    return totals


@asynccontextmanager
async def running(*runs: Any) -> AsyncIterator[list[asyncio.Task[Any]]]:
    tasks = [asyncio.create_task(run) for run in runs]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_read_model_shows_every_event_once(
    store: PostgresEventStore, engine: AsyncEngine, schema: str, totals: Totals
) -> None:
    await asyncio.gather(*(store.append(counted(f"counter-{n % 7}", n)) for n in range(70)))
    async with running(run_projection(store, engine, totals, schema=schema)):
        assert await wait_until(engine, schema, totals, 70, DEADLINE_S)
        last = await store.append(counted("counter-0", 1))
        assert await wait_until(engine, schema, totals, last.last_position, DEADLINE_S)
    assert await totals.totals(engine) == {f"counter-{n}": 10 + (n == 0) for n in range(7)}


async def test_waiting_for_a_read_model_ends_with_its_time(
    store: PostgresEventStore, engine: AsyncEngine, schema: str, totals: Totals
) -> None:
    await store.append(counted("counter-1", 1))
    assert not await wait_until(engine, schema, totals, 1, wait_s=0.02)


async def test_two_replicas_apply_each_event_once(
    store: PostgresEventStore, engine: AsyncEngine, schema: str, totals: Totals
) -> None:
    runs = [run_projection(store, engine, totals, schema=schema) for _ in range(2)]
    async with running(*runs):
        await asyncio.gather(*(store.append(counted("counter-1", n)) for n in range(60)))
        assert await wait_until(engine, schema, totals, 60, DEADLINE_S)
    assert await totals.totals(engine) == {"counter-1": 60}


async def test_a_second_replica_takes_over(
    store: PostgresEventStore, engine: AsyncEngine, schema: str, totals: Totals
) -> None:
    runs = [run_projection(store, engine, totals, schema=schema) for _ in range(2)]
    async with running(*runs) as (first, _second):
        await store.append(counted("counter-1", 1))
        assert await wait_until(engine, schema, totals, 1, DEADLINE_S)
        first.cancel()
        await store.append(counted("counter-1", 2))
        assert await wait_until(engine, schema, totals, 2, DEADLINE_S)
    assert await totals.totals(engine) == {"counter-1": 2}


async def test_an_exception_stops_it_loudly_and_nothing_of_the_page_is_kept(
    store: PostgresEventStore, engine: AsyncEngine, schema: str, totals: Totals
) -> None:
    await store.append(counted("counter-1", 1, 2, 3))

    def fail(page: Sequence[Recorded]) -> None:
        raise RuntimeError("a defect in the fold")

    totals.fail = fail
    with pytest.raises(RuntimeError, match="a defect in the fold"):
        await asyncio.wait_for(run_projection(store, engine, totals, schema=schema), DEADLINE_S)
    assert await totals.totals(engine) == {}

    totals.fail = None
    async with running(run_projection(store, engine, totals, schema=schema)):
        assert await wait_until(engine, schema, totals, 3, DEADLINE_S)
    assert await totals.totals(engine) == {"counter-1": 3}


async def test_a_lost_connection_inside_a_page_is_survived(
    store: PostgresEventStore, engine: AsyncEngine, schema: str, totals: Totals
) -> None:
    await store.append(counted("counter-1", 1, 2, 3))
    killed = False

    class Killed(Totals):
        async def apply(self, tx: Any, recorded: Sequence[Recorded]) -> None:
            nonlocal killed
            await super().apply(tx, recorded)
            if not killed:
                killed = True
                own = await tx.scalar(text("SELECT pg_backend_pid()"))
                async with engine.connect() as other:
                    await other.execute(text("SELECT pg_terminate_backend(:own)"), {"own": own})

    async with running(run_projection(store, engine, Killed(schema), schema=schema)):
        assert await wait_until(engine, schema, totals, 3, DEADLINE_S)
    assert killed
    assert await totals.totals(engine) == {"counter-1": 3}


async def test_a_new_version_is_built_beside_the_old_one(
    store: PostgresEventStore, engine: AsyncEngine, schema: str, totals: Totals
) -> None:
    await store.append(counted("counter-1", 1, 2))
    async with running(run_projection(store, engine, totals, schema=schema)):
        assert await wait_until(engine, schema, totals, 2, DEADLINE_S)
    rebuilt = Totals(schema, version=2)
    await rebuilt.create(engine)
    async with running(run_projection(store, engine, rebuilt, schema=schema)):
        assert await wait_until(engine, schema, rebuilt, 2, DEADLINE_S)
    assert await rebuilt.totals(engine) == await totals.totals(engine) == {"counter-1": 2}


@pytest.mark.parametrize("reads", [None, names_of(Closed)])
async def test_a_gap_in_the_log_stops_a_projection(
    engine: AsyncEngine, schema: str, totals: Totals, reads: frozenset[str] | None
) -> None:
    log = MemoryEventStore("counter", REGISTRY)
    await log.append(counted("counter-1", 1, 2, 3))
    del log.log[1]
    totals.reads = reads
    with pytest.raises(LogBroken):
        await asyncio.wait_for(run_projection(log, engine, totals, schema=schema), DEADLINE_S)
    assert await totals.totals(engine) == {}


async def test_a_projection_sees_what_it_reads_and_passes_the_rest_by(
    store: PostgresEventStore, engine: AsyncEngine, schema: str, totals: Totals
) -> None:
    await store.append(counted("counter-1", 1, 2))
    await store.append(closed("counter-1"))
    await store.append(counted("counter-2", 1))
    totals.reads = names_of(Closed)
    async with running(run_projection(store, engine, totals, schema=schema)):
        assert await wait_until(engine, schema, totals, 4, DEADLINE_S)
        await store.append(closed("counter-2"))
        assert await wait_until(engine, schema, totals, 5, DEADLINE_S)
    assert await totals.totals(engine) == {"counter-1": 1, "counter-2": 1}


async def test_an_event_that_nobody_reads_is_not_decoded(
    database_url: str, store: PostgresEventStore, engine: AsyncEngine, schema: str, totals: Totals
) -> None:
    """A registry that does not know the others is enough."""
    await store.append(counted("counter-1", 1, 2))
    await store.append(closed("counter-1"))
    totals.reads = names_of(Closed)
    async with (
        PostgresEventStore.open(
            database_url, service="counter", schema=schema, registry=Registry(Closed)
        ) as knows_little,
        running(run_projection(knows_little, engine, totals, schema=schema)),
    ):
        assert await wait_until(engine, schema, totals, 3, DEADLINE_S)
    assert await totals.totals(engine) == {"counter-1": 1}
