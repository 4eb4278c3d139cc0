"""Scanners, readers and terminals of a store."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import BaseModel, Field

from device_gateway.api.bodies import Body
from device_gateway.api.callers import in_store, store_or_reader
from device_gateway.devices.ports import KnownDevice
from device_gateway.events import DeviceKind
from device_gateway.handlers.devices import WantedDevice, put_device, remove_device
from device_gateway.handlers.gateway import Gateway
from device_gateway.queries import Answer
from events import DomainError
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.idempotency import AskOf
from kassenverbund.kit.text import Identifier, SafeName

SETTINGS_MAX = 20
SETTING_MAX = 200

Manager = Annotated[Caller, Depends(in_store("manager"))]
Looker = Annotated[Caller, Depends(store_or_reader)]
Setting = Annotated[str, Field(max_length=SETTING_MAX, pattern=r"^[\x20-\x7E]*$")]


class DevicesAway(DomainError):
    code = "devices.unavailable"
    status = 503
    title = "The list of devices is not there now"


class DeviceBody(Body):
    """`address`: a path (`/dev/serial/by-id/…`, `/dev/input/by-id/…-event-kbd`), the name of a card
    reader or the beginning of it, or a terminal's `host:port`. Scanners and readers belong to a
    till. Which `settings` a kind has: `docs/operations.md`."""

    kind: DeviceKind
    name: SafeName
    till_id: Identifier | None = None
    address: Annotated[str, Field(min_length=1, max_length=250)]
    settings: Annotated[dict[Identifier, Setting], Field(max_length=SETTINGS_MAX)] = Field(
        default_factory=dict
    )


class DeviceAnswer(Answer):
    """`state` null: the process that was asked does not drive it (yet). `reason`: why it is away,
    as a stable code; `last_seen`: its last scan, or when it came."""

    device_id: str
    kind: DeviceKind
    name: str
    till_id: str | None
    address: str
    settings: dict[str, str]
    state: Literal["connected", "away"] | None = None
    reason: str = ""
    since: datetime | None = None
    last_seen: datetime | None = None


class DevicesAnswer(Answer):
    devices: tuple[DeviceAnswer, ...]


class DeviceRemovedAnswer(BaseModel):
    device_id: str
    removed: bool = True


def router(gateway: Gateway) -> APIRouter:
    routes = APIRouter(prefix="/{store_id}/v1/devices", tags=["devices"])

    @routes.put("/{device_id}", response_model=DeviceAnswer)
    async def put(
        store_id: Identifier, device_id: Identifier, body: DeviceBody, caller: Manager, ask: AskOf
    ) -> Response:
        """Pair a device, or change it; what reads it is started anew within seconds."""
        wanted = WantedDevice(body.kind, body.name, body.till_id, body.address, body.settings)
        known = await put_device(
            gateway, store_id=store_id, device_id=device_id, wanted=wanted, ask=ask
        )
        return _sent(_answer(gateway, known))

    @routes.delete("/{device_id}", response_model=DeviceRemovedAnswer)
    async def remove(
        store_id: Identifier, device_id: Identifier, caller: Manager, ask: AskOf
    ) -> Response:
        await remove_device(gateway, store_id=store_id, device_id=device_id, ask=ask)
        return _sent(DeviceRemovedAnswer(device_id=device_id))

    @routes.get("", response_model=DevicesAnswer)
    async def devices(store_id: Identifier, caller: Looker) -> Response:
        """A moment behind what was paired."""
        await gateway.master_data(store_id)
        if gateway.device_shelf is None:
            raise DevicesAway
        known = await gateway.device_shelf.of([store_id])
        return _sent(DevicesAnswer(devices=tuple(_answer(gateway, one) for one in known)))

    return routes


def _answer(gateway: Gateway, device: KnownDevice) -> DeviceAnswer:
    now = gateway.devices.of(device.device_id)
    return DeviceAnswer(
        device_id=device.device_id,
        kind=device.kind,
        name=device.name,
        till_id=device.till_id,
        address=device.address,
        settings=dict(device.settings),
        state=None if now is None else now.state,
        reason="" if now is None else now.reason,
        since=None if now is None else now.since,
        last_seen=None if now is None else now.last_seen,
    )


def _sent(told: BaseModel) -> Response:
    return Response(told.model_dump_json(), media_type="application/json")
