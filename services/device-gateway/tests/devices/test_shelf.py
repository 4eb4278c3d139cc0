"""The list of devices and their leases in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest_asyncio

from device_gateway.adapters.devices import PostgresDeviceShelf
from device_gateway.devices.ports import KnownDevice
from device_gateway.events import DeviceChanged, DevicePaired, DeviceRemoved, registry
from device_gateway.projections_devices import DevicesProjection
from events import AppendRequest, NewEvents
from events.store.connection import engine_for
from events.testing.memory import MemoryEventStore
from events.version import NO_STREAM

MIGRATION = Path(__file__).parents[2] / "migrations" / "0041_devices.sql"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shelf(database_url: str) -> AsyncIterator[PostgresDeviceShelf]:
    """With what three devices have been through: one was changed, one removed, one is Köln's."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("CREATE SCHEMA device_gateway; SET search_path TO device_gateway")
        await connection.execute(MIGRATION.read_text("utf-8"))
    finally:
        await connection.close()
    log = MemoryEventStore("device-gateway", registry(), clock=lambda: NOW)
    for device_id, store_id in (("a", "berlin"), ("b", "berlin"), ("c", "koeln")):
        paired = DevicePaired(
            device_id=device_id, store_id=store_id, kind="serial_scanner", name="S",
            till_id="till-1", address=f"/dev/{device_id}", settings={}, paired_at=NOW,
        )  # fmt: skip
        changed = DeviceChanged(
            device_id=device_id, store_id=store_id, kind="serial_scanner", name="T",
            till_id="till-2", address="/dev/x", settings={"baudrate": "115200"}, changed_at=NOW,
        )  # fmt: skip
        gone = DeviceRemoved(device_id=device_id, store_id=store_id, removed_at=NOW)
        events = {"a": (paired, changed), "b": (paired, gone), "c": (paired,)}[device_id]
        stream = NewEvents(f"device-{device_id}", NO_STREAM, events)
        await log.append(AppendRequest(device_id, bytes(32), (stream,)))
    engine = engine_for(database_url, schema="device_gateway")
    async with engine.begin() as tx:
        await DevicesProjection().apply(tx, log.log)
    yield PostgresDeviceShelf(engine)
    await engine.dispose()


async def test_the_devices_of_a_store_are_those_that_it_has_now(shelf: PostgresDeviceShelf) -> None:
    assert await shelf.of(["berlin"]) == [
        KnownDevice(
            "a", "berlin", "serial_scanner", "T", "till-2", "/dev/x", {"baudrate": "115200"}
        )
    ]
    assert [one.device_id for one in await shelf.of(["berlin", "koeln"])] == ["a", "c"]
    assert await shelf.of([]) == []


async def test_one_process_drives_a_device_until_its_lease_ends(shelf: PostgresDeviceShelf) -> None:
    until = NOW + timedelta(seconds=15)

    async def leased(owner: str, now: datetime) -> bool:
        return bool(await shelf.lease(["a"], owner=owner, now=now, until=now + (until - NOW)))

    assert [await leased("one", NOW), await leased("two", NOW)] == [True, False]
    assert await leased("one", NOW + timedelta(seconds=14))
    assert not await leased("two", NOW + timedelta(seconds=16))
    assert await leased("two", NOW + timedelta(seconds=30))
    await shelf.give_back("a", owner="one")
    assert not await leased("one", NOW + timedelta(seconds=31))
    await shelf.give_back("a", owner="two")
    assert await leased("one", NOW + timedelta(seconds=31))
