"""The store's contract over both adapters."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from events import EventStore
from events.store.migrate import migrate
from events.store.postgres import PostgresEventStore
from events.testing.memory import MemoryEventStore
from events.testing.store_contract import REGISTRY, StoreContract


class TestMemory(StoreContract):
    @pytest.fixture
    async def store(self) -> EventStore:
        return MemoryEventStore("counter", REGISTRY)

    @pytest.fixture
    async def other(self, store: MemoryEventStore) -> EventStore:
        return store.another_process()


class TestPostgres(StoreContract):
    @pytest.fixture
    async def schema(self, database_url: str) -> str:
        schema = f"s{uuid4().hex[:12]}"
        await migrate(database_url, schema=schema, role="test_counter")
        return schema

    @pytest.fixture
    async def store(self, database_url: str, schema: str) -> AsyncIterator[EventStore]:
        async with PostgresEventStore.open(
            database_url, service="counter", schema=schema, registry=REGISTRY, role="test_counter"
        ) as store:
            yield store

    @pytest.fixture
    async def other(self, database_url: str, schema: str) -> AsyncIterator[EventStore]:
        async with PostgresEventStore.open(
            database_url, service="counter", schema=schema, registry=REGISTRY, role="test_counter"
        ) as store:
            yield store
