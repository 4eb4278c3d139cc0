"""What the room asks of a driver, and what a driver may tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from device_gateway.codes.scanned import Scanned
from device_gateway.events import DeviceKind

DeviceStateName = Literal["connected", "away"]


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A device as the log has it. Two that are equal are driven the same way."""

    device_id: str
    store_id: str
    kind: DeviceKind
    name: str
    till_id: str | None
    address: str
    """A path (`/dev/serial/by-id/…`), a host with its port, or the name of a reader."""
    settings: Mapping[str, str] = field(default_factory=dict)


class DeviceAway(Exception):
    """The device cannot be reached (any more). `reason`: a stable code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Reports(Protocol):
    """What a driver tells while it runs."""

    def connected(self) -> None:
        """It is there and works. Told as often as it helps: it also counts as a sign of life."""

    def waiting(self, reason: str) -> None:
        """It is away, and the driver itself looks for it."""

    async def scanned(self, raw: Scanned) -> None:
        """It has read something. Repeats within the debounce are dropped here."""


class Driver(Protocol):
    """One device. Built once per definition and kept while the device is away."""

    def present(self) -> bool:
        """Whether opening makes sense now: a path exists. Cheap: asked twice a second."""

    async def run(self, reports: Reports) -> None:
        """Open the device and serve it until it goes away. Raises `DeviceAway`, `OSError`; where it
        returns it is `ended`. Cancelled when the device is removed, changed or the program stops.
        """


DriverOf = Callable[[KnownDevice], Driver]
"""Makes the driver of one kind of device. Raises `DeviceAway` where it never can: a library that
is not installed."""


class DeviceListener(Protocol):
    """Who hears of all devices. Neither may raise."""

    def state(
        self, device: KnownDevice, state: DeviceStateName, reason: str, since: datetime
    ) -> None:
        """It came or went, or is away for another reason than before."""

    async def scanned(self, device: KnownDevice, raw: Scanned) -> None: ...


class DeviceShelf(Protocol):
    """Which devices there are, and which process owns which of them now."""

    async def of(self, stores: Sequence[str]) -> Sequence[KnownDevice]:
        """Raises `Transient`."""

    async def lease(
        self, devices: Sequence[str], *, owner: str, now: datetime, until: datetime
    ) -> frozenset[str]:
        """Those of `devices` that are the owner's until then. Raises `Transient`."""

    async def give_back(self, device_id: str, *, owner: str) -> None:
        """Raises `Transient`."""
