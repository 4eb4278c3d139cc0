"""A payment of an open sale is taken back."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from device_gateway.api.bookings import OwnTill, booking_of
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.withdrawing import withdraw
from device_gateway.queries import BookingAnswer, answer
from kassenverbund.kit.idempotency import AskOf
from kassenverbund.kit.text import Identifier


def router(gateway: Gateway) -> APIRouter:
    routes = APIRouter(prefix="/{store_id}/v1/tills/{till_id}/bookings", tags=["bookings"])

    @routes.post("/{booking_id}/payments/{payment_id}/release", response_model=BookingAnswer)
    async def release(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier, payment_id: Identifier,
        caller: OwnTill, ask: AskOf,
    ) -> Response:  # fmt: skip
        booking = await booking_of(gateway, store_id, till_id, booking_id)
        progress = await withdraw(gateway, booking, payment_id, ask=ask)
        told = await answer(gateway, progress, with_codes=True)
        return Response(told.model_dump_json(), media_type="application/json")

    return routes
