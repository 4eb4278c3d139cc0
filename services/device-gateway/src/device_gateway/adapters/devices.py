"""The devices of stores, and their leases, in PostgreSQL (`migrations/0041_devices.sql`)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from device_gateway.devices.ports import KnownDevice
from events.store.connection import faults, reading

DEVICES_MAX = 2_000

_OF = text(
    "SELECT device_id, store_id, kind, name, till_id, address, CAST(settings AS text) AS settings"
    " FROM device WHERE store_id = ANY(CAST(:stores AS text[])) ORDER BY device_id LIMIT :most"
)
_LEASE = text(
    "INSERT INTO device_lease (device_id, owner, until)"
    " SELECT device_id, :owner, :until FROM unnest(CAST(:devices AS text[])) AS new(device_id)"
    " ON CONFLICT (device_id) DO UPDATE SET owner = excluded.owner, until = excluded.until"
    " WHERE device_lease.owner = excluded.owner OR device_lease.until <= :now"
    " RETURNING device_id"
)
_GIVE_BACK = text("DELETE FROM device_lease WHERE device_id = :device_id AND owner = :owner")


class PostgresDeviceShelf:
    """See `devices.ports.DeviceShelf`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def of(self, stores: Sequence[str]) -> Sequence[KnownDevice]:
        wanted = {"stores": list(stores), "most": DEVICES_MAX}
        async with faults(), reading(self._engine) as connection:
            rows = (await connection.execute(_OF, wanted)).all()
        return [
            KnownDevice(
                row.device_id, row.store_id, row.kind, row.name, row.till_id, row.address,
                json.loads(row.settings),
            )
            for row in rows
        ]  # fmt: skip

    async def lease(
        self, devices: Sequence[str], *, owner: str, now: datetime, until: datetime
    ) -> frozenset[str]:
        asked = {"devices": list(devices), "owner": owner, "now": now, "until": until}
        async with faults(), self._engine.begin() as connection:
            return frozenset((await connection.execute(_LEASE, asked)).scalars())

    async def give_back(self, device_id: str, *, owner: str) -> None:
        async with faults(), self._engine.begin() as connection:
            await connection.execute(_GIVE_BACK, {"device_id": device_id, "owner": owner})
