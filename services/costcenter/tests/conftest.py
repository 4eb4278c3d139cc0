"""A cost center service over the memory store and over PostgreSQL, with the real handlers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from costcenter.service import REGISTRY, SERVICE
from costcenter.testing.fakes import Clock
from costcenter.testing.office import Office, open_office
from costcenter.testing.shop import Shop, open_shop
from costcenter.testing.world import World, build_world
from events.store.connection import engine_for
from events.store.migrate import migrate
from events.store.postgres import PostgresEventStore
from events.testing.memory import MemoryEventStore
from kassenverbund.kit.chain import Chain

__all__ = ["Clock", "Office", "Shop", "World"]

_PREFIXES = count(100)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def chain() -> Chain:
    from ruamel.yaml import YAML

    path = Path(__file__).parents[3] / "chain.yaml"
    return Chain.model_validate(YAML(typ="safe").load(path))


@pytest.fixture
def unique() -> str:
    """A name that no other test uses: they share a database."""
    return uuid4().hex


@pytest.fixture
def memory(clock: Clock) -> MemoryEventStore:
    return MemoryEventStore("costcenter", REGISTRY, clock=clock)


@pytest.fixture
def world(memory: MemoryEventStore, clock: Clock, chain: Chain) -> World:
    return build_world(memory, clock, chain)


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
        migrated_url, service="costcenter", schema=SERVICE.schema, registry=REGISTRY
    ) as store:
        yield store


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def furnished() -> set[str]:
    """What this module's database has been furnished with."""
    return set()


@pytest.fixture
async def shop(
    postgres: PostgresEventStore,
    models: AsyncEngine,
    chain: Chain,
    clock: Clock,
    furnished: set[str],
    tmp_path: Path,
) -> AsyncIterator[Shop]:
    """Main group 1, center 4711 and its virtual card are there."""
    async with open_shop(
        store=postgres, engine=models, chain=chain, clock=clock, var=tmp_path
    ) as made:
        if not furnished:
            await made.world.furnish()
            furnished.add("4711")
        yield made


@pytest.fixture
async def office(shop: Shop) -> AsyncIterator[Office]:
    """Back office with its lists and its background work."""
    async with open_office(shop, next(_PREFIXES)) as opened:
        yield opened
