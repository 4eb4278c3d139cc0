"""Statements over a real database, behind HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from costcenter.api import reports
from costcenter.events import EVENTS
from costcenter.projections.statements import Statements
from costcenter.queries.month_slips import MonthSlips
from costcenter.queries.reading import SCHEMA, Reading
from costcenter.testing.statements import CALLERS, CurrentLog, Log, Office, empty
from events import Registry
from events.store.connection import engine_for
from events.store.migrate import migrate
from kassenverbund.kit.problems import install_problem_handlers
from kassenverbund.kit.testing import KnownTokens

MIGRATIONS = Path(__file__).parents[2] / "migrations"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def migrated(database_url: str) -> str:
    """A database with the service's schema, as the program makes it."""
    await migrate(database_url, schema=SCHEMA, folder=MIGRATIONS)
    return database_url


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def tables(migrated: str) -> AsyncIterator[AsyncEngine]:
    """The engine that the program hands to the service."""
    engine = engine_for(migrated, schema=SCHEMA)
    yield engine
    await engine.dispose()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def served(tables: AsyncEngine) -> AsyncIterator[tuple[httpx.AsyncClient, CurrentLog]]:
    """The reports in an application, which takes a while to build."""
    app, current = FastAPI(), CurrentLog()
    install_problem_handlers(app)
    app.state.authenticator = KnownTokens(CALLERS)
    app.include_router(
        reports.routes(
            Reading(tables, Statements()),
            MonthSlips(tables, Registry(*EVENTS)),
            current,
            time_zone="Europe/Berlin",
        )
    )
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://office") as client:
        yield client, current


@pytest.fixture
def log() -> Log:
    return Log()


@pytest_asyncio.fixture(loop_scope="session")
async def office(
    log: Log, tables: AsyncEngine, served: tuple[httpx.AsyncClient, CurrentLog]
) -> Office:
    await empty(tables)
    client, current = served
    current.log = log
    return Office(log, tables, client)
