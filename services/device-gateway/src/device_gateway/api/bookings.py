"""Bookings: one request for a whole sale, or step by step."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import Response

from device_gateway.api.bodies import (
    AbortBody,
    BookingBody,
    CancellationBody,
    FinishBody,
    LinesBody,
    PaymentsBody,
)
from device_gateway.api.callers import ApprovalOf, OverriderOf, own_till, till_or_reader
from device_gateway.api.guards import guarded
from device_gateway.api.scanned import with_codes
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.refusals import BookingIsAborted, BookingUnknown
from device_gateway.handlers import cancelling, ending, sales
from device_gateway.handlers.assortment import resolved
from device_gateway.handlers.cancelling import Cancellation
from device_gateway.handlers.ending import Progress, naming
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.paper import order_of
from device_gateway.handlers.rights import somebody_here
from device_gateway.handlers.verdicts import PREFER_WAIT_MAX_S, STILL_ALLOWED, with_verdict
from device_gateway.handlers.waiving import may_settle
from device_gateway.ports import Place
from device_gateway.queries import BookingAnswer, answer
from events import DomainError
from kassenverbund.kit.auth import Caller, CallerOf
from kassenverbund.kit.idempotency import AskOf
from kassenverbund.kit.streaming import still_allowed
from kassenverbund.kit.text import Identifier

_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*(\d{1,4})(?:$|[,;\s])")

OwnTill = Annotated[Caller, Depends(own_till)]
TillOrReader = Annotated[Caller, Depends(till_or_reader)]


class NoReceiptYet(DomainError):
    code = "receipt.not_yet"
    status = 409
    title = "A receipt exists once the booking is recorded"


async def wait_s_of(
    request: Request, caller: CallerOf, prefer: Annotated[str | None, Header()] = None
) -> float:
    """`Prefer: wait=3` (RFC 7240), at most `PREFER_WAIT_MAX_S`. Who is revoked meanwhile waits no
    longer."""
    found = _WAIT.search(prefer or "")
    if found is None:
        return 0.0
    STILL_ALLOWED.set(partial(still_allowed, request, caller))
    return float(min(int(found.group(1)), PREFER_WAIT_MAX_S))


WaitS = Annotated[float, Depends(wait_s_of)]


def _sent(told: BookingAnswer) -> Response:
    return Response(told.model_dump_json(), media_type="application/json")


def router(gateway: Gateway) -> APIRouter:
    routes = APIRouter(prefix="/{store_id}/v1/tills/{till_id}/bookings", tags=["bookings"])
    _writes(routes, gateway)
    _ends(routes, gateway)
    _reads(routes, gateway)
    return routes


async def booking_of(gateway: Gateway, store_id: str, till_id: str, booking_id: str) -> Booking:
    """The booking, if it is this till's. Raises `BookingUnknown`."""
    booking = await gateway.booking(booking_id)
    started = booking.started
    assert started is not None
    if (started.store_id, started.till_id) != (store_id, till_id):
        raise BookingUnknown
    return booking


async def told_to(gateway: Gateway, progress: Progress, wait_s: float) -> Response:
    booking = await with_verdict(gateway, progress.booking, wait_s=wait_s)
    return _sent(await answer(gateway, Progress(booking, progress.sold), with_codes=True))


def _writes(routes: APIRouter, gateway: Gateway) -> None:
    @routes.post("", response_model=BookingAnswer)
    async def sell(
        store_id: Identifier, till_id: Identifier, body: BookingBody, caller: OwnTill,
        ask: AskOf, wait_s: WaitS, overrider: OverriderOf, approval: ApprovalOf = None,
    ) -> Response:  # fmt: skip
        body = with_codes(gateway, till_id, body, ask)
        sent = [line.sent() for line in body.lines]
        place = Place(store_id, till_id, sales.booking_id_of(ask), "")
        # A repeat may be refused for other reasons than the request that has begun the booking.
        async with naming(gateway, place.booking_id):
            written = await resolved(gateway, place, sent, ask=ask, approval=approval)
            sale = body.sale(store_id, till_id, overrider, written)
            for right in sale.needs:
                who = await guarded(gateway, caller, right, approval, ask=ask)
                sale = replace(sale, approved_by=who.approved_by)
            await may_settle(gateway, place, sale.payments, ask=ask, approval=approval)
            progress = await sales.sell(gateway, sale, ask=ask)
        return await told_to(gateway, progress, wait_s)

    @routes.post("/{booking_id}/lines", response_model=BookingAnswer)
    async def lines(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier, body: LinesBody,
        caller: OwnTill, ask: AskOf, approval: ApprovalOf = None,
    ) -> Response:  # fmt: skip
        booking = await booking_of(gateway, store_id, till_id, booking_id)
        sent = [line.sent() for line in with_codes(gateway, till_id, body, ask).lines]
        place = Place(store_id, till_id, booking_id, "")
        async with naming(gateway, booking_id):
            written = await resolved(gateway, place, sent, ask=ask, approval=approval)
            progress = await sales.add(gateway, booking, written, ask=ask)
        return await told_to(gateway, progress, 0)

    @routes.post("/{booking_id}/payments", response_model=BookingAnswer)
    async def payments(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier, body: PaymentsBody,
        caller: OwnTill, ask: AskOf, overrider: OverriderOf, approval: ApprovalOf = None,
    ) -> Response:  # fmt: skip
        booking = await booking_of(gateway, store_id, till_id, booking_id)
        body = with_codes(gateway, till_id, body, ask)
        paid = [payment.tendered(overrider) for payment in body.payments]
        place = Place(store_id, till_id, booking_id, "")
        async with naming(gateway, booking_id):
            await may_settle(gateway, place, paid, ask=ask, approval=approval)
            progress = await sales.pay(gateway, booking, paid, ask=ask, approval=approval)
        return await told_to(gateway, progress, 0)


def _ends(routes: APIRouter, gateway: Gateway) -> None:
    @routes.post("/{booking_id}/finish", response_model=BookingAnswer)
    async def finish(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier,
        caller: OwnTill, ask: AskOf, wait_s: WaitS, body: FinishBody | None = None,
    ) -> Response:  # fmt: skip
        booking = await booking_of(gateway, store_id, till_id, booking_id)
        await somebody_here(gateway, booking, ask)
        refund = (body or FinishBody()).refund
        async with naming(gateway, booking_id):
            progress = await ending.finish(gateway, booking, ask=ask, refund=refund)
        return await told_to(gateway, progress, wait_s)

    @routes.post("/{booking_id}/cancellation", response_model=BookingAnswer)
    async def cancellation(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier, body: CancellationBody,
        caller: OwnTill, ask: AskOf, wait_s: WaitS, approval: ApprovalOf = None,
    ) -> Response:  # fmt: skip
        original = await booking_of(gateway, store_id, till_id, booking_id)
        who = await guarded(gateway, caller, "cancel", approval, ask=ask, booking_id=booking_id)
        wanted = Cancellation(
            reason=body.reason,
            codes={each.line_id: each.code for each in body.codes},
            cashier_id=body.cashier,
            approved_by=who.approved_by,
        )
        progress = await cancelling.cancel(gateway, original, wanted, ask=ask)
        return await told_to(gateway, progress, wait_s)

    @routes.post("/{booking_id}/abort", response_model=BookingAnswer)
    async def abort(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier,
        caller: OwnTill, ask: AskOf, approval: ApprovalOf = None, body: AbortBody | None = None,
    ) -> Response:  # fmt: skip
        booking = await booking_of(gateway, store_id, till_id, booking_id)
        reason, approved_by = (body or AbortBody()).reason, None
        if booking.lines:
            who = await guarded(
                gateway, caller, "void_sale", approval, ask=ask, booking_id=booking_id
            )
            approved_by = who.approved_by
        async with naming(gateway, booking_id):
            progress = await ending.abort(
                gateway, booking, reason=reason, ask=ask, approved_by=approved_by
            )
        return await told_to(gateway, progress, 0)


def _reads(routes: APIRouter, gateway: Gateway) -> None:
    async def ordered(store_id: str, till_id: str, booking_id: str) -> Booking:
        booking = await booking_of(gateway, store_id, till_id, booking_id)
        if booking.aborted is not None:
            raise BookingIsAborted
        if booking.recorded is None:
            raise NoReceiptYet
        return booking

    @routes.get("/{booking_id}", response_model=BookingAnswer)
    async def show(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier,
        caller: TillOrReader, wait_s: WaitS,
    ) -> Response:  # fmt: skip
        booking = await booking_of(gateway, store_id, till_id, booking_id)
        booking = await with_verdict(gateway, booking, wait_s=wait_s)
        # Codes are told in answers to writes alone: a look at a booking never shows one.
        return _sent(await answer(gateway, Progress(booking), with_codes=False))

    @routes.get("/{booking_id}/receipt.html", response_class=Response)
    async def html(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier, caller: TillOrReader
    ) -> Response:
        order = await order_of(gateway, await ordered(store_id, till_id, booking_id))
        # A page takes long enough to hold up other tills.
        page = await asyncio.to_thread(gateway.desk.html, order)
        return Response(page, media_type="text/html")

    @routes.get("/{booking_id}/receipt.txt", response_class=Response)
    async def text(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier, caller: TillOrReader
    ) -> Response:
        order = await order_of(gateway, await ordered(store_id, till_id, booking_id))
        return Response(gateway.desk.text(order), media_type="text/plain; charset=utf-8")

    @routes.get("/{booking_id}/receipt.escpos", response_class=Response)
    async def escpos(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier, caller: TillOrReader
    ) -> Response:
        order = await order_of(gateway, await ordered(store_id, till_id, booking_id))
        job = await asyncio.to_thread(gateway.desk.escpos, order)
        return Response(job, media_type="application/octet-stream")

    @routes.get("/{booking_id}/receipt.pdf", response_class=Response)
    async def pdf(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier, caller: TillOrReader
    ) -> Response:
        order = await order_of(gateway, await ordered(store_id, till_id, booking_id))
        page = await asyncio.to_thread(gateway.desk.pdf, order)
        return Response(page, media_type="application/pdf")
