"""How the devices of this process's stores are: connected or away, since when, why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from device_gateway.devices.ports import DeviceStateName, KnownDevice


@dataclass(frozen=True, slots=True)
class DeviceNow:
    state: DeviceStateName
    since: datetime
    reason: str
    """Why it is away: a stable code. Empty while it is connected."""
    last_seen: datetime | None = None
    """The last scan, or the moment it came."""


class DeviceBoard:
    """One per process."""

    def __init__(self) -> None:
        self._now: dict[str, DeviceNow] = {}
        self.look: Callable[[], None] = lambda: None
        """Tells the device room that something was paired, changed or removed."""

    def of(self, device_id: str) -> DeviceNow | None:
        """None: this process does not drive it (yet)."""
        return self._now.get(device_id)

    def state(self, device: KnownDevice, state: DeviceStateName, reason: str, at: datetime) -> None:
        before = self._now.get(device.device_id)
        seen = None if before is None else before.last_seen
        since = at if before is None or before.state != state else before.since
        self._now[device.device_id] = DeviceNow(
            state, since, reason, at if state == "connected" else seen
        )

    def seen(self, device_id: str, at: datetime) -> None:
        """It has done something."""
        before = self._now.get(device_id)
        if before is not None:
            self._now[device_id] = replace(before, last_seen=at)

    def forget(self, device_id: str) -> None:
        self._now.pop(device_id, None)
