"""A voucher service over the memory store, with the real handlers, policies and codes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from events import EventStore
from events.reaction import Incoming
from events.store.connection import engine_for
from events.store.migrate import migrate
from events.store.postgres import PostgresEventStore
from events.testing.memory import MemoryEventStore
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.problems import install_problem_handlers
from kassenverbund.kit.secrets import Secrets
from kassenverbund.kit.testing import KnownTokens
from voucher.api import reports
from voucher.handlers import Rules
from voucher.queries import Queries
from voucher.service import REGISTRY, SERVICE
from voucher.testing.bookings import aborted, recorded
from voucher.testing.fakes import SECRETS, Clock
from voucher.testing.members import Members, booked, build_members, gave_up
from voucher.testing.reports import CALLERS, STORES, CurrentLog, Log, Office, empty
from voucher.testing.shop import Shop, open_shop
from voucher.testing.world import World, build_world

__all__ = ["Clock", "Shop", "World"]


@pytest.fixture(name="recorded")
def _recorded() -> Callable[..., Incoming]:
    return recorded


@pytest.fixture(name="aborted")
def _aborted() -> Callable[..., Incoming]:
    return aborted


@pytest.fixture(name="booked")
def _booked() -> Callable[..., Incoming]:
    return booked


@pytest.fixture(name="gave_up")
def _gave_up() -> Callable[..., Incoming]:
    return gave_up


@pytest.fixture
def members(world: World, chain: Chain) -> Members:
    return build_members(world, chain)


@pytest.fixture(name="secrets")
def _secrets() -> Secrets:
    return SECRETS


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def chain() -> Chain:
    from ruamel.yaml import YAML

    path = Path(__file__).parents[3] / "chain.yaml"
    return Chain.model_validate(YAML(typ="safe").load(path))


@pytest.fixture
def new_world() -> Callable[[EventStore, Clock, Chain, Rules], World]:
    return build_world


@pytest.fixture
def unique() -> str:
    """A name that no other test uses: they share a database."""
    return uuid4().hex


@pytest.fixture
def memory(clock: Clock) -> MemoryEventStore:
    return MemoryEventStore("voucher", REGISTRY, clock=clock)


@pytest.fixture
def world(memory: MemoryEventStore, clock: Clock, chain: Chain) -> World:
    return build_world(memory, clock, chain, Rules())


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def migrated_url(database_url: str) -> str:
    """A database with the service's schema, as the program makes it."""
    await migrate(database_url, schema=SERVICE.schema, folder=SERVICE.migrations)
    return database_url


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def models(migrated_url: str) -> AsyncIterator[AsyncEngine]:
    """The engine that the program hands to the service."""
    engine = engine_for(migrated_url, schema=SERVICE.schema)
    yield engine
    await engine.dispose()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def postgres(migrated_url: str) -> AsyncIterator[PostgresEventStore]:
    async with PostgresEventStore.open(
        migrated_url, service="voucher", schema=SERVICE.schema, registry=REGISTRY
    ) as store:
        yield store


@pytest.fixture(params=["memory", "postgres"])
def either(request: pytest.FixtureRequest, clock: Clock, chain: Chain) -> World:
    """The same service over the memory store and over PostgreSQL."""
    store: EventStore = request.getfixturevalue(str(request.param))
    return build_world(store, clock, chain, Rules())


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def books_of() -> dict[str, int]:
    """How far the read models of this module's database have come."""
    return {"after": 0}


@pytest.fixture
async def shop(
    postgres: PostgresEventStore,
    models: AsyncEngine,
    chain: Chain,
    clock: Clock,
    books_of: dict[str, int],
    tmp_path: Path,
) -> AsyncIterator[Shop]:
    async with models.begin() as tx:
        await tx.execute(text("TRUNCATE attempt, attempt_budget"))
    async with open_shop(
        store=postgres, engine=models, chain=chain, clock=clock, var=tmp_path
    ) as made:
        made.after = books_of["after"]
        yield made
        books_of["after"] = made.after


@pytest.fixture
async def sold(shop: Shop, recorded: Callable[..., Incoming]) -> dict[str, Any]:
    """A voucher of 50.00, sold and active: `voucher_id`, `serial`, `code`."""
    voucher_id = uuid4().hex
    answer: dict[str, Any] = (await shop.prepare(voucher_id)).json()
    await shop.hear(recorded(f"sale-{voucher_id}", sells=[(voucher_id, "50.00")]))
    return answer


@pytest_asyncio.fixture(loop_scope="session")
async def books(models: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    """Empty read models."""
    await empty(models)
    yield models


@pytest.fixture
def log() -> Log:
    return Log()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def served(models: AsyncEngine) -> AsyncIterator[tuple[httpx.AsyncClient, CurrentLog]]:
    """The reports in an application, which takes a while to build."""
    app, current = FastAPI(), CurrentLog()
    install_problem_handlers(app)
    app.state.authenticator = KnownTokens(CALLERS)
    app.include_router(reports.routes(Queries(models, stores=STORES), current))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://office") as client:
        yield client, current


@pytest.fixture
def office(log: Log, books: AsyncEngine, served: tuple[httpx.AsyncClient, CurrentLog]) -> Office:
    client, current = served
    current.log = log
    return Office(log, books, client)
