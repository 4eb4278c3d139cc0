"""Connections for single statements: out of an engine's pool, and the store's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from events.errors import Transient
from events.store.connection import connect, engine_for, faults, raw, reading
from events.store.connections import Connections
from events.testing.waiting import until


@pytest.fixture
async def small(database_url: str) -> AsyncIterator[AsyncEngine]:
    """One connection, so that what is borrowed is the one that was given back."""
    engine = engine_for(database_url, schema="public", pool_max=1)
    yield engine
    await engine.dispose()


async def test_what_is_borrowed_is_the_pools_own_connection_and_goes_back(
    small: AsyncEngine,
) -> None:
    pids = set()
    for _ in range(3):
        async with raw(small) as connection:
            pids.add(await connection.fetchval("SELECT pg_backend_pid()"))
        async with reading(small) as read:
            pids.add(await read.scalar(text("SELECT pg_backend_pid()")))
    assert len(pids) == 1


async def test_each_statement_of_it_commits_by_itself(small: AsyncEngine) -> None:
    async with raw(small) as connection:
        first = await connection.fetchval("SELECT pg_current_xact_id()::text")
        second = await connection.fetchval("SELECT pg_current_xact_id()::text")
        assert first != second
        assert await connection.fetchval("SELECT current_setting('synchronous_commit')") == "on"


async def test_a_connection_that_was_lost_in_the_pool_is_replaced(
    small: AsyncEngine, database_url: str
) -> None:
    async with raw(small) as connection:
        lost = connection
        pid = await connection.fetchval("SELECT pg_backend_pid()")
    admin = await asyncpg.connect(database_url)
    await admin.execute("SELECT pg_terminate_backend($1)", pid)
    await admin.close()
    await until(lost.is_closed)
    async with raw(small) as connection:
        assert await connection.fetchval("SELECT pg_backend_pid()") != pid
    async with reading(small) as read:
        assert await read.scalar(text("SELECT 1")) == 1


async def test_a_connection_that_is_lost_in_use_does_not_go_back(small: AsyncEngine) -> None:
    async with raw(small) as connection:
        connection.terminate()
    async with reading(small) as read:
        assert await read.scalar(text("SELECT 1")) == 1


@pytest.fixture
async def connections(database_url: str) -> AsyncIterator[Connections]:
    connections = Connections(lambda: connect(database_url, schema="public"), most=2)
    yield connections
    await connections.close()


async def test_more_callers_than_connections_take_turns(connections: Connections) -> None:
    pids = await asyncio.gather(
        *(connections.fetchval("SELECT pg_backend_pid()") for _ in range(20))
    )
    assert 1 <= len(set(pids)) <= 2


async def test_a_lost_connection_is_transient_once_and_then_replaced(
    connections: Connections,
) -> None:
    with pytest.raises(Transient):
        async with faults():
            await connections.fetch("SELECT pg_terminate_backend(pg_backend_pid())")
    assert await connections.fetchval("SELECT 1") == 1


async def test_a_statements_error_leaves_its_connection_usable(connections: Connections) -> None:
    pid = await connections.fetchval("SELECT pg_backend_pid()")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await connections.execute("SELECT 1 / 0")
    assert await connections.fetchval("SELECT pg_backend_pid()") == pid


async def test_a_cancelled_statement_disturbs_nobody_after_it(connections: Connections) -> None:
    slow = [asyncio.create_task(connections.execute("SELECT pg_sleep(60)")) for _ in range(2)]
    await asyncio.sleep(0.01)
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
    assert await connections.fetchrow("SELECT 1") is not None
    assert await connections.fetchrow("SELECT 1 WHERE false") is None


async def test_who_asks_closed_connections_hears_transient(connections: Connections) -> None:
    under_way = asyncio.create_task(connections.fetchval("SELECT 7 FROM pg_sleep(0.05)"))
    await asyncio.sleep(0)
    await connections.close()
    assert await under_way == 7
    with pytest.raises(Transient):
        await connections.fetchval("SELECT 1")


async def test_a_server_that_is_away_blocks_no_place() -> None:
    away = Connections(lambda: connect("postgresql://127.0.0.1:1/none", schema="public"), most=1)
    for _ in range(3):
        with pytest.raises(Transient):
            await away.fetchval("SELECT 1")
