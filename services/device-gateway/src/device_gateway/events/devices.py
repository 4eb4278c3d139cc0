"""Devices of a store: scanners, readers, terminals. Printers stand in `chain.yaml`."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from device_gateway.events.parts import Rare
from events import Event, event_type

DeviceKind = Literal["serial_scanner", "wedge_scanner", "card_reader", "card_terminal"]


@event_type("device.paired")
class DevicePaired(Event):
    """A device belongs to a store, and what it reads to a till."""

    device_id: str
    store_id: str
    kind: DeviceKind
    name: str
    till_id: Rare[str] = None
    """None: a terminal that all tills share."""
    address: str
    """A path, a host with its port, or the name of a reader."""
    settings: dict[str, str]
    """How it is set. Never a password: see `devices/settings.py`."""
    paired_at: datetime


@event_type("device.changed")
class DeviceChanged(Event):
    """All of it, as it is from now on. The kind stays."""

    device_id: str
    store_id: str
    kind: DeviceKind
    name: str
    till_id: Rare[str] = None
    address: str
    settings: dict[str, str]
    changed_at: datetime


@event_type("device.removed")
class DeviceRemoved(Event):
    """Nobody drives it any more."""

    device_id: str
    store_id: str
    removed_at: datetime
