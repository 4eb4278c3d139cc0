"""What can be asked about devices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from device_gateway.events import DeviceKind


@dataclass(frozen=True, slots=True)
class PutDevice:
    device_id: str
    store_id: str
    kind: DeviceKind
    name: str
    till_id: str | None
    address: str
    settings: Mapping[str, str]
    now: datetime


@dataclass(frozen=True, slots=True)
class RemoveDevice:
    device_id: str
    store_id: str
    now: datetime


DeviceCommand = PutDevice | RemoveDevice
