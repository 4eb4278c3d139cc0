"""Devices of a store: paired, changed, removed; and what they tell while they run."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from device_gateway.codes.scanned import Scanned
from device_gateway.codes.uid import canonical
from device_gateway.commands.devices import DeviceCommand, PutDevice, RemoveDevice
from device_gateway.decider.devices import (
    DEVICE,
    Device,
    DeviceAddressTaken,
    DeviceUnknown,
    decide,
)
from device_gateway.devices.ports import DeviceStateName, KnownDevice
from device_gateway.events import DeviceKind
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.live import LiveEvent
from device_gateway.handlers.scans import tell_scan
from device_gateway.handlers.tills import till_of
from events import (
    Ask,
    Claim,
    ClaimTaken,
    Decision,
    GiveBack,
    Take,
    handle_together,
    state_of,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WantedDevice:
    kind: DeviceKind
    name: str
    till_id: str | None
    address: str
    settings: Mapping[str, str]


def device_stream(device_id: str) -> str:
    return f"device-{device_id}"


def _address_claim(store_id: str, address: str) -> str:
    return f"device-address:{store_id}:{address}"


async def put_device(
    gateway: Gateway, *, store_id: str, device_id: str, wanted: WantedDevice, ask: Ask
) -> KnownDevice:
    """Pair it, or change it. Raises `StoreUnknown`, `TillUnknown`, `DeviceTaken`,
    `DeviceAddressTaken`, `DeviceWrong`."""
    await gateway.master_data(store_id)
    if wanted.till_id is not None:
        await till_of(gateway, store_id=store_id, till_id=wanted.till_id)
    command = PutDevice(
        device_id=device_id,
        store_id=store_id,
        kind=wanted.kind,
        name=wanted.name,
        till_id=wanted.till_id,
        address=wanted.address,
        settings=wanted.settings,
        now=gateway.clock(),
    )
    await _decided(gateway, command, ask)
    return await device_of(gateway, store_id, device_id)


async def remove_device(gateway: Gateway, *, store_id: str, device_id: str, ask: Ask) -> None:
    """Nobody drives it any more. Raises `DeviceUnknown`."""
    await _decided(gateway, RemoveDevice(device_id, store_id, gateway.clock()), ask)
    gateway.devices.forget(device_id)


async def device_of(gateway: Gateway, store_id: str, device_id: str) -> KnownDevice:
    """As the log has it now. Raises `DeviceUnknown`."""
    _, device = await state_of(gateway.store, DEVICE, device_stream(device_id))
    said = device.said
    if said is None or said.store_id != store_id:
        raise DeviceUnknown
    return KnownDevice(
        device_id=said.device_id,
        store_id=said.store_id,
        kind=said.kind,
        name=said.name,
        till_id=said.till_id,
        address=said.address,
        settings=said.settings,
    )


async def _decided(gateway: Gateway, command: DeviceCommand, ask: Ask) -> None:
    stream = device_stream(command.device_id)

    def both(states: Mapping[str, Any]) -> Decision:
        device: Device = states[stream]
        return Decision({stream: decide(command, device)}, _claims(command, device))

    try:
        await handle_together(gateway.store, {stream: DEVICE}, both, ask=ask)
    except ClaimTaken:
        raise DeviceAddressTaken from None
    gateway.devices.look()


def _claims(command: DeviceCommand, device: Device) -> list[Claim]:
    """Two devices at one path would tear each other's scans apart."""
    before = None if device.said is None else device.said.address
    after = command.address if isinstance(command, PutDevice) else None
    if before == after:
        return []
    claims: list[Claim] = []
    if before is not None:
        claims.append(GiveBack(_address_claim(command.store_id, before), command.device_id))
    if after is not None:
        claims.append(Take(_address_claim(command.store_id, after), command.device_id))
    return claims


class DevicesTold:
    """What the device room hears goes to the screens: the state to all, a scan to its till."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def state(
        self, device: KnownDevice, state: DeviceStateName, reason: str, since: datetime
    ) -> None:
        self._gateway.devices.state(device, state, reason, since)
        told = {
            "device": device.device_id, "kind": device.kind, "name": device.name, "state": state,
            "reason": reason,
        }  # fmt: skip
        self._gateway.live.tell(device.store_id, device.till_id, LiveEvent("device", told, since))

    async def scanned(self, device: KnownDevice, raw: Scanned) -> None:
        """Never raises: a scan that cannot be told does not end its scanner."""
        self._gateway.devices.seen(device.device_id, self._gateway.clock())
        if device.till_id is None:
            return
        try:
            await tell_scan(
                self._gateway, device.store_id, device.till_id, device.device_id, _read(device, raw)
            )
        except Exception as fault:
            # Neither the fault's text nor its trace may carry what was read.
            log.error("a scan of %s was lost: %s", device.device_id, type(fault).__name__)


def _read(device: KnownDevice, raw: Scanned) -> Scanned:
    """A card reader that types: what it types is a uid in its own writing."""
    settings = device.settings
    if raw.source == "card" or settings.get("reads") != "uid":
        return raw
    length = settings.get("uid_length")
    uid = canonical(
        raw.text,
        written="dec" if settings.get("uid_format") == "dec" else "hex",
        order="lsb" if settings.get("uid_order") == "lsb" else "msb",
        length=None if length is None else int(length),
    )
    # What is no uid is shown as a damaged card, and never taken for the code of something else.
    return Scanned(uid or "?", "card")
