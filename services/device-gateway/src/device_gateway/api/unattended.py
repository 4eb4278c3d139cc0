"""Other services book at tills without a person (web orders)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from device_gateway.api.bodies import BookingBody
from device_gateway.api.bookings import WaitS, booking_of
from device_gateway.api.callers import in_store
from device_gateway.handlers.assortment import resolved
from device_gateway.handlers.ending import Progress
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.sales import booking_id_of
from device_gateway.handlers.unattended import book
from device_gateway.handlers.verdicts import with_verdict
from device_gateway.ports import Place
from device_gateway.queries import BookingAnswer, answer
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.idempotency import AskOf
from kassenverbund.kit.text import Identifier

OtherService = Annotated[Caller, Depends(in_store("service"))]


class UnattendedBody(BookingBody):
    """A whole sale; `finish` is always meant. No cash, neither in nor out (`refund: "card"`)."""


async def _told(gateway: Gateway, progress: Progress, wait_s: float) -> Response:
    booking = await with_verdict(gateway, progress.booking, wait_s=wait_s)
    found = await answer(gateway, Progress(booking, progress.sold), with_codes=False)
    return Response(found.model_dump_json(), media_type="application/json")


def router(gateway: Gateway) -> APIRouter:
    routes = APIRouter(prefix="/{store_id}/v1/unattended/{till_id}/bookings", tags=["unattended"])

    @routes.post("", response_model=BookingAnswer)
    async def sell(
        store_id: Identifier, till_id: Identifier, body: UnattendedBody, caller: OtherService,
        ask: AskOf, wait_s: WaitS,
    ) -> Response:  # fmt: skip
        whole = body.model_copy(update={"finish": True})
        sent = [line.sent() for line in whole.lines]
        place = Place(store_id, till_id, booking_id_of(ask), "")
        written = await resolved(gateway, place, sent, ask=ask)
        sale = whole.sale(store_id, till_id, None, written)
        return await _told(gateway, await book(gateway, sale, ask=ask), wait_s)

    @routes.get("/{booking_id}", response_model=BookingAnswer)
    async def show(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier, caller: OtherService,
        wait_s: WaitS,
    ) -> Response:  # fmt: skip
        booking = await booking_of(gateway, store_id, till_id, booking_id)
        return await _told(gateway, Progress(booking), wait_s)

    return routes
