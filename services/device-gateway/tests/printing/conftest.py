"""A real PostgreSQL with the print spool's tables, empty for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from device_gateway.adapters.print_queue import PostgresPrintQueue
from events.store.connection import engine_for
from events.store.pool import pool_for
from kassenverbund.kit.secrets import Secrets

MIGRATIONS = sorted((Path(__file__).parents[2] / "migrations").glob("*print*.sql"))
SCHEMA = "device_gateway"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def spool(database_url: str) -> AsyncIterator[AsyncEngine]:
    """The engine of a schema in which the migration ran."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(f"CREATE SCHEMA {SCHEMA}; SET search_path TO {SCHEMA}")
        for migration in MIGRATIONS:
            await connection.execute(migration.read_text("utf-8"))
    finally:
        await connection.close()
    engine = engine_for(database_url, schema=SCHEMA)
    yield engine
    await engine.dispose()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def pool(database_url: str, spool: AsyncEngine) -> AsyncIterator[asyncpg.Pool[Any]]:
    """What the queue works with, on the schema of `spool`."""
    async with pool_for(database_url, schema=SCHEMA) as opened:
        yield opened


@pytest.fixture
def secrets() -> Secrets:
    return Secrets(root=b"r" * 32, key_id="test")


@pytest_asyncio.fixture(loop_scope="session")
async def queue(
    spool: AsyncEngine, pool: asyncpg.Pool[Any], secrets: Secrets
) -> PostgresPrintQueue:
    async with spool.begin() as tx:
        await tx.execute(text("TRUNCATE print_job, print_lease, printer_state"))
    return PostgresPrintQueue(pool, secrets)
