"""Read model: the devices as they are declared now."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from device_gateway.events import DeviceChanged, DevicePaired, DeviceRemoved
from events import Recorded
from events.projection import names_of

_KNOWN = text(
    "INSERT INTO device (device_id, store_id, kind, name, till_id, address, settings)"
    " VALUES (:device_id, :store_id, :kind, :name, :till_id, :address, CAST(:settings AS json))"
    " ON CONFLICT (device_id) DO UPDATE SET store_id = excluded.store_id, kind = excluded.kind,"
    " name = excluded.name, till_id = excluded.till_id, address = excluded.address,"
    " settings = excluded.settings"
)
_GONE = text("DELETE FROM device WHERE device_id = :device_id")


class DevicesProjection:
    """A row per device that somebody has to drive."""

    name = "devices"
    version = 1
    reads = names_of(DevicePaired, DeviceChanged, DeviceRemoved)

    async def apply(self, tx: AsyncConnection, recorded: Sequence[Recorded]) -> None:
        for entry in recorded:
            match entry.event:
                case DevicePaired() | DeviceChanged() as said:
                    await tx.execute(
                        _KNOWN,
                        {
                            "device_id": said.device_id,
                            "store_id": said.store_id,
                            "kind": said.kind,
                            "name": said.name,
                            "till_id": said.till_id,
                            "address": said.address,
                            "settings": json.dumps(said.settings),
                        },
                    )
                case DeviceRemoved() as gone:
                    await tx.execute(_GONE, {"device_id": gone.device_id})
                case _:
                    continue
