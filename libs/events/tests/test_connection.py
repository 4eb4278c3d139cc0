"""Connections out of an engine's pool, without what SQLAlchemy does around each statement."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from events.store.connection import engine_for, raw, reading
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
