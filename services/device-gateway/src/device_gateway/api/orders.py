"""Orders: what a waiter takes down, before there is a bill."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import Field

from device_gateway.api.bodies import LINE_NAME_MAX, SKU_MAX, Body
from device_gateway.api.bookings import OwnTill, TillOrReader, WaitS
from device_gateway.commands import NewOrderLine
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.pricing import LINES_MAX
from device_gateway.events import BookingOrdered, OrderedLine, Quantity
from device_gateway.handlers import orders
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.orders import Order
from device_gateway.handlers.verdicts import with_verdict
from device_gateway.queries import (
    Answer,
    SignatureAnswer,
    State,
    signature_of,
    state_of_booking,
    unsigned_reason_of,
)
from kassenverbund.kit.idempotency import AskOf
from kassenverbund.kit.text import Identifier, SafeName
from money import Money

GROUP_MAX = 50
"""Characters: ABRECHNUNGSKREIS of DSFinV-K."""


class OrderLineBody(Body):
    """`quantity` below zero takes back what was ordered before; `unit_price` is gross."""

    name: Annotated[SafeName, Field(max_length=LINE_NAME_MAX)]
    quantity: Quantity = "1"
    unit_price: Money
    vat: Identifier
    sku: Annotated[SafeName, Field(max_length=SKU_MAX)] | None = None
    article_group: Identifier | None = None
    """Which printers of the kitchen it concerns."""

    def sent(self) -> NewOrderLine:
        return NewOrderLine(
            name=self.name,
            quantity=Decimal(self.quantity),
            unit_price=self.unit_price,
            vat=self.vat,
            sku=self.sku,
            article_group=self.article_group,
        )


class OrderBody(Body):
    """`group`: the table, or what else is settled together. `order_of`: the order before."""

    lines: Annotated[list[OrderLineBody], Field(min_length=1, max_length=LINES_MAX)]
    group: Annotated[SafeName, Field(max_length=GROUP_MAX)] | None = None
    order_of: Identifier | None = None
    cashier: Identifier | None = None


class OrderAnswer(Answer):
    """An order, and its signature once the signer has said. There is no receipt of it: the bill
    names it in `references`, and shows when the first order began."""

    booking_id: str
    store_id: str
    till_id: str
    state: State
    number: int
    recorded_at: datetime
    business_date: str
    lines: tuple[OrderedLine, ...]
    group: str | None
    order_of: str | None
    signature: SignatureAnswer | None
    unsigned_reason: str | None


def _answer(booking: Booking) -> Response:
    ordered = booking.final
    assert isinstance(ordered, BookingOrdered)
    told = OrderAnswer(
        booking_id=ordered.booking_id,
        store_id=ordered.store_id,
        till_id=ordered.till_id,
        state=state_of_booking(booking),
        number=ordered.number,
        recorded_at=ordered.recorded_at,
        business_date=ordered.business_date.isoformat(),
        lines=ordered.lines,
        group=ordered.group,
        order_of=ordered.order_of,
        signature=signature_of(booking.verdict),
        unsigned_reason=unsigned_reason_of(booking),
    )
    return Response(told.model_dump_json(), media_type="application/json")


def router(gateway: Gateway) -> APIRouter:
    routes = APIRouter(prefix="/{store_id}/v1/tills/{till_id}/orders", tags=["orders"])

    @routes.post("", response_model=OrderAnswer)
    async def order(
        store_id: Identifier, till_id: Identifier, body: OrderBody, caller: OwnTill,
        ask: AskOf, wait_s: WaitS,
    ) -> Response:  # fmt: skip
        wanted = Order(
            store_id=store_id,
            till_id=till_id,
            lines=[line.sent() for line in body.lines],
            group=body.group,
            order_of=body.order_of,
            cashier_id=body.cashier,
        )
        booking = await orders.order(gateway, wanted, ask=ask)
        return _answer(await with_verdict(gateway, booking, wait_s=wait_s))

    @routes.get("/{booking_id}", response_model=OrderAnswer)
    async def show(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier, caller: TillOrReader,
        wait_s: WaitS,
    ) -> Response:  # fmt: skip
        booking = await orders.order_of(gateway, store_id, till_id, booking_id)
        return _answer(await with_verdict(gateway, booking, wait_s=wait_s))

    return routes
