"""The device room: an owner task for each device of this process's stores."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from device_gateway.codes.scanned import Scanned
from device_gateway.devices.debounce import MS, Debounce
from device_gateway.devices.ports import (
    DeviceAway,
    DeviceListener,
    DeviceShelf,
    DeviceStateName,
    Driver,
    DriverOf,
    KnownDevice,
)
from device_gateway.events import DeviceKind
from events import Transient

log = logging.getLogger(__name__)

DEVICES_MAX = 2_000
"""That one process drives."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the room waits for what, in seconds."""

    look_every_s: float = 2.0
    """A device that was paired, changed or removed is known after this long at the latest."""
    present_every_s: float = 0.5
    backoff_s: tuple[float, ...] = (0.2, 0.5, 1.0, 2.0)
    lease_s: float = 15.0
    renew_every_s: float = 5.0


class _Owner:
    """Drives one device, again and again."""

    def __init__(self, room: DeviceRoom, device: KnownDevice, driver: Driver) -> None:
        self.device = device
        self.driver = driver
        self._room = room
        self._debounce = Debounce(
            window_ms=int(device.settings.get("debounce_ms", MS)),
            style="sliding" if device.settings.get("debounce") == "sliding" else "leading",
        )
        self._told: tuple[DeviceStateName, str] | None = None
        self._worked = False
        self.leased_until: datetime | None = None

    # --- what the driver tells ---

    def connected(self) -> None:
        self._worked = True
        self._tell("connected", "")

    def waiting(self, reason: str) -> None:
        self._tell("away", reason)

    async def scanned(self, raw: Scanned) -> None:
        self.connected()
        if self._debounce.admits(raw.text, self._room.monotonic()):
            await self._room.listener.scanned(self.device, raw)

    # --- the task ---

    async def run(self) -> None:
        """Until cancelled. A fault of a driver is the driver's: others go on."""
        patience = self._room.patience
        tries = 0
        try:
            while True:
                if not self._present():
                    self._tell("away", "not_plugged")
                    await asyncio.sleep(patience.present_every_s)
                    continue
                if not await self._room.holds(self):
                    self._tell("away", "driven_elsewhere")
                    await asyncio.sleep(patience.look_every_s)
                    continue
                self._worked = False
                self._tell("away", await self._driven())
                tries = 0 if self._worked else tries + 1
                wait_s = patience.backoff_s[min(tries, len(patience.backoff_s) - 1)]
                await asyncio.sleep(wait_s)
        finally:
            await self._room.let_go(self)

    def _present(self) -> bool:
        try:
            return self.driver.present()
        except OSError:
            return False  # A folder on the way to it may not be looked into.

    async def _driven(self) -> str:
        """Serve it until it goes away, or somebody else has it; tells why."""
        driving = asyncio.create_task(self.driver.run(self), name=f"driver {self.device.device_id}")
        try:
            while not driving.done():
                await asyncio.wait({driving}, timeout=self._room.patience.renew_every_s)
                if not driving.done() and not await self._room.holds(self):
                    return "driven_elsewhere"
        finally:
            driving.cancel()
            # Its file or line is closed before anybody opens it again.
            await asyncio.gather(driving, return_exceptions=True)
        return _reason(driving, self.device.device_id)

    def _tell(self, state: DeviceStateName, reason: str) -> None:
        if self._told != (state, reason):
            self._told = (state, reason)
            self._room.listener.state(self.device, state, reason, self._room.clock())


class DeviceRoom:
    """Runs the owners of all devices of `stores`; knows within seconds what was paired, changed or
    removed, also by another process.

    A device is driven by one process at a time (a lease), and only by one that can see it.
    """

    def __init__(
        self,
        shelf: DeviceShelf,
        listener: DeviceListener,
        *,
        stores: Sequence[str],
        drivers: Mapping[DeviceKind, DriverOf],
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        patience: Patience | None = None,
    ) -> None:
        self.listener = listener
        self.clock = clock
        self.monotonic = monotonic
        self.patience = patience or Patience()
        self._shelf = shelf
        self._stores = tuple(stores)
        self._drivers = dict(drivers)
        self._name = f"devices-{uuid4()}"
        self._owners: dict[str, tuple[_Owner, asyncio.Task[None]]] = {}
        self._news = asyncio.Event()

    def look(self) -> None:
        """Something was paired, changed or removed: look soon."""
        self._news.set()

    def driver(self, device_id: str) -> Driver | None:
        """What drives a device in this process; None: it is not driven here."""
        found = self._owners.get(device_id)
        return None if found is None else found[0].driver

    def devices(self, store_id: str, kind: DeviceKind) -> list[KnownDevice]:
        """Those of a store that this process knows, by id."""
        known = [owner.device for owner, _ in self._owners.values()]
        found = [one for one in known if (one.store_id, one.kind) == (store_id, kind)]
        return sorted(found, key=lambda one: one.device_id)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                self._news.clear()
                try:
                    await self._know(await self._shelf.of(self._stores))
                except Transient as fault:
                    log.warning("devices cannot be looked up: %s", fault)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self.patience.look_every_s):
                        await self._news.wait()
        finally:
            await self._end(list(self._owners))

    async def holds(self, owner: _Owner) -> bool:
        """Whether this process has the device's lease, renewed where it is due."""
        now = self.clock()
        patience = self.patience
        fresh = timedelta(seconds=patience.lease_s - patience.renew_every_s)
        if owner.leased_until is not None and owner.leased_until - now >= fresh:
            return True
        until = now + timedelta(seconds=patience.lease_s)
        device_id = owner.device.device_id
        try:
            ours = await self._shelf.lease([device_id], owner=self._name, now=now, until=until)
        except Transient as fault:
            log.warning("device %s: no lease: %s", device_id, fault)
            # A store goes on scanning while its database restarts, as long as the lease lasts.
            return owner.leased_until is not None and owner.leased_until > now
        owner.leased_until = until if device_id in ours else None
        return owner.leased_until is not None

    async def let_go(self, owner: _Owner) -> None:
        """Another process may drive it at once."""
        if owner.leased_until is not None:
            owner.leased_until = None
            with contextlib.suppress(Transient):
                await self._shelf.give_back(owner.device.device_id, owner=self._name)

    async def _know(self, devices: Sequence[KnownDevice]) -> None:
        wanted = {device.device_id: device for device in devices[:DEVICES_MAX]}
        ended = [
            device_id
            for device_id, (owner, _) in self._owners.items()
            if wanted.get(device_id) != owner.device
        ]
        await self._end(ended)
        for device_id, device in wanted.items():
            if device_id in self._owners or device.kind not in self._drivers:
                continue
            try:
                driver = self._drivers[device.kind](device)
            except DeviceAway as never:
                driver = _Never(never.reason)
            except Exception:
                # One device that cannot be driven must not stop the others, and the tills.
                log.exception("device %s", device_id)
                driver = _Never("fault")
            owner = _Owner(self, device, driver)
            task = asyncio.create_task(owner.run(), name=f"device {device_id}")
            self._owners[device_id] = (owner, task)

    async def _end(self, device_ids: Sequence[str]) -> None:
        tasks = [self._owners.pop(device_id)[1] for device_id in device_ids]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class _Never:
    """Stands for a driver that cannot be made here."""

    reason: str

    def present(self) -> bool:
        return True

    async def run(self, reports: object) -> None:
        raise DeviceAway(self.reason)


def _reason(driving: asyncio.Task[None], device_id: str) -> str:
    if driving.cancelled():
        return "ended"
    fault = driving.exception()
    match fault:
        case None:
            return "ended"
        case DeviceAway():
            return fault.reason
        case OSError():
            log.info("device %s: %s", device_id, fault)
            return "unplugged"
        case _:
            log.error("device %s", device_id, exc_info=fault)
            return "fault"
