"""Pick-up of web orders at a till."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from device_gateway.api.bookings import OwnTill, WaitS
from device_gateway.handlers import pickups
from device_gateway.handlers.ending import Progress
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.scans import code_of
from device_gateway.handlers.verdicts import with_verdict
from device_gateway.ports.orders import WebOrder
from device_gateway.queries import BookingAnswer, answer
from kassenverbund.kit.idempotency import AskOf
from kassenverbund.kit.routes import Body
from kassenverbund.kit.text import Identifier, SafeName
from money import Money


class FindBody(Body):
    """By the pick-up code as it was scanned, or by the order's number."""

    code: Annotated[SafeName, Field(max_length=200)] | None = None
    scan: Identifier | None = None
    """Stands for `code`: what was scanned at this till a moment ago."""
    number: Annotated[SafeName, Field(max_length=40)] | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> FindBody:
        if sum(one is not None for one in (self.code, self.scan, self.number)) != 1:
            raise ValueError("either the pick-up code or the number of the order")
        return self


class PickUpBody(FindBody):
    cashier: Identifier | None = None


class WebLineAnswer(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    quantity: str
    unit_price: Money
    sku: str | None


class OrderFoundAnswer(BaseModel):
    model_config = ConfigDict(frozen=True)

    order_id: str
    number: str
    store_id: str
    state: str
    paid: bool
    total: Money
    lines: tuple[WebLineAnswer, ...]


def _found(order: WebOrder) -> OrderFoundAnswer:
    lines: Any = (
        WebLineAnswer(
            name=line.name, quantity=line.quantity, unit_price=line.unit_price, sku=line.sku
        )
        for line in order.lines
    )
    return OrderFoundAnswer(
        order_id=order.order_id,
        number=order.number,
        store_id=order.store_id,
        state=order.state,
        paid=order.paid,
        total=order.total,
        lines=tuple(lines),
    )


def _code(gateway: Gateway, till_id: str, body: FindBody) -> str | None:
    """The same scan may be looked at, and then taken. Raises `ScanUnknown`."""
    if body.scan is None:
        return body.code
    return code_of(gateway, till_id, body.scan, by=f"pickup/{body.scan}").value


def _sent(told: BaseModel) -> Response:
    return Response(told.model_dump_json(), media_type="application/json")


def router(gateway: Gateway) -> APIRouter:
    routes = APIRouter(prefix="/{store_id}/v1/tills/{till_id}/pickups", tags=["pickups"])

    @routes.post("/find", response_model=OrderFoundAnswer)
    async def find(
        store_id: Identifier, till_id: Identifier, body: FindBody, caller: OwnTill
    ) -> Response:
        """What waits for a pick-up code, or a number. Changes nothing. 503 `order.unavailable`
        where no order service runs."""
        code = _code(gateway, till_id, body)
        order = await pickups.find(
            gateway, store_id, code=code, number=body.number, till_id=till_id
        )
        return _sent(_found(order))

    @routes.post("", response_model=BookingAnswer)
    async def pick_up(
        store_id: Identifier, till_id: Identifier, body: PickUpBody, caller: OwnTill, ask: AskOf,
        wait_s: WaitS,
    ) -> Response:  # fmt: skip
        """Take the order over: a booking with its lines. One that is paid already is recorded;
        another one is open and waits for its payments."""
        progress = await pickups.pick_up(
            gateway, store_id, till_id, code=_code(gateway, till_id, body),
            number=body.number,
            cashier_id=body.cashier, ask=ask,
        )  # fmt: skip
        booking = await with_verdict(gateway, progress.booking, wait_s=wait_s)
        return _sent(await answer(gateway, Progress(booking, progress.sold), with_codes=True))

    return routes
