"""A device: paired, changed, removed, and paired again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from device_gateway.commands.devices import DeviceCommand, PutDevice, RemoveDevice
from device_gateway.devices.settings import NEEDS_TILL, fault_of
from device_gateway.events import DeviceChanged, DeviceEvent, DevicePaired, DeviceRemoved
from events import Decider, DomainError


class DeviceUnknown(DomainError):
    code = "device.unknown"
    status = 404
    title = "This store has no such device"


class DeviceTaken(DomainError):
    code = "device.taken"
    title = "A device of another store, or of another kind, has this id"


class DeviceAddressTaken(DomainError):
    code = "device.address_taken"
    title = "Another device of this store has this address"


class DeviceWrong(DomainError):
    """`extra`: `field`."""

    code = "device.wrong"
    status = 422
    title = "This does not fit a device of this kind"


@dataclass(frozen=True, slots=True)
class Device:
    """`said` None: it was removed, or never was."""

    said: DevicePaired | DeviceChanged | None = None
    used: bool = False


def decide(command: DeviceCommand, device: Device) -> tuple[DeviceEvent, ...]:
    match command:
        case PutDevice():
            return _put(command, device)
        case RemoveDevice():
            if device.said is None and device.used:
                return ()
            if device.said is None or device.said.store_id != command.store_id:
                raise DeviceUnknown
            return (
                DeviceRemoved(
                    device_id=command.device_id,
                    store_id=command.store_id,
                    removed_at=command.now,
                ),
            )
        case _:
            assert_never(command)


def _put(command: PutDevice, device: Device) -> tuple[DeviceEvent, ...]:
    wrong = fault_of(command.kind, command.address, command.settings)
    if wrong is not None:
        raise DeviceWrong(f"{wrong} does not fit a {command.kind}", field=wrong)
    if command.till_id is None and command.kind in NEEDS_TILL:
        raise DeviceWrong(f"a {command.kind} belongs to a till", field="till_id")
    said = device.said
    if said is None:
        return (
            DevicePaired(
                device_id=command.device_id, store_id=command.store_id, kind=command.kind,
                name=command.name, till_id=command.till_id, address=command.address,
                settings=dict(command.settings), paired_at=command.now,
            ),
        )  # fmt: skip
    if (said.store_id, said.kind) != (command.store_id, command.kind):
        raise DeviceTaken
    changed = DeviceChanged(
        device_id=command.device_id, store_id=command.store_id, kind=command.kind,
        name=command.name, till_id=command.till_id, address=command.address,
        settings=dict(command.settings), changed_at=command.now,
    )  # fmt: skip
    return () if _same(said, changed) else (changed,)


def _same(said: DevicePaired | DeviceChanged, changed: DeviceChanged) -> bool:
    return all(
        getattr(said, name) == getattr(changed, name)
        for name in ("name", "till_id", "address", "settings")
    )


def evolve(device: Device, event: DeviceEvent) -> Device:
    match event:
        case DevicePaired() | DeviceChanged():
            return Device(said=event, used=True)
        case DeviceRemoved():
            return Device(said=None, used=True)
        case _:
            assert_never(event)


DEVICE: Decider[DeviceCommand, Device] = Decider(initial=Device(), decide=decide, evolve=evolve)
