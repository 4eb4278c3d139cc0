"""Card terminals: an unknown payment resolved, abort, end of day, diagnosis."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from device_gateway.api.bodies import RECEIPT_NUMBER_MAX, Body, Reason
from device_gateway.api.bookings import OwnTill, TillOrReader, booking_of, told_to
from device_gateway.api.callers import ApprovalOf, till_of_store_or_manager
from device_gateway.decider.booking_state import papers_of
from device_gateway.events import CardTotal
from device_gateway.handlers import terminal_upkeep
from device_gateway.handlers.ending import Progress
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.paper import order_of
from device_gateway.handlers.terminal import desk_of, terminal_of
from device_gateway.handlers.terminal_upkeep import Resolution
from device_gateway.ports import ReceiptOrder
from device_gateway.queries import BookingAnswer
from events import DomainError
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.idempotency import AskOf
from kassenverbund.kit.text import Identifier, SafeName
from money import Money

StoreTill = Annotated[Caller, Depends(till_of_store_or_manager)]


class ResolveBody(Body):
    """What the terminal's journal says of an unknown payment. `receipt_number`: its number there,
    where it was taken."""

    outcome: Literal["approved", "not_taken"]
    reason: Reason
    receipt_number: Annotated[SafeName, Field(max_length=RECEIPT_NUMBER_MAX)] | None = None


class TerminalAbortBody(Body):
    """`terminal`: one that the till shares; None: the till's own."""

    terminal: Identifier | None = None


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class AbortAnswer(_Answer):
    """The terminal was told; what comes of it, the payment's own request is answered."""

    payment_id: str


class TerminalAnswer(_Answer):
    """`busy_with`: the payment that it was asked for and has not answered."""

    terminal: str
    name: str
    till: str | None
    busy_with: str | None
    reconciled_at: str | None


class EndOfDayAnswer(_Answer):
    """The terminal's totals, and its own report."""

    terminal: str
    total: Money | None
    totals: tuple[CardTotal, ...]
    text: tuple[str, ...]


class DiagnosisAnswer(_Answer):
    text: tuple[str, ...]


MEDIA = {
    "html": "text/html",
    "txt": "text/plain; charset=utf-8",
    "escpos": "application/octet-stream",
    "pdf": "application/pdf",
}


class NoSlip(DomainError):
    code = "slip.none"
    status = 404
    title = "Nothing of this booking has a slip of its own"


def router(gateway: Gateway) -> APIRouter:
    routes = APIRouter(prefix="/{store_id}/v1", tags=["terminals"])
    _payments(routes, gateway)
    _slips(routes, gateway)
    _terminals(routes, gateway)
    return routes


def _payments(routes: APIRouter, gateway: Gateway) -> None:
    @routes.post(
        "/tills/{till_id}/bookings/{booking_id}/payments/{payment_id}/resolve",
        response_model=BookingAnswer,
    )
    async def resolve(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier, payment_id: Identifier,
        body: ResolveBody, caller: OwnTill, ask: AskOf, approval: ApprovalOf = None,
    ) -> Response:  # fmt: skip
        booking = await booking_of(gateway, store_id, till_id, booking_id)
        said = Resolution(body.outcome, body.reason, body.receipt_number)
        booking = await terminal_upkeep.resolve(
            gateway, booking, payment_id, said, ask=ask, approval=approval
        )
        return await told_to(gateway, Progress(booking), 0)

    @routes.post("/tills/{till_id}/terminal/abort", response_model=AbortAnswer)
    async def abort(
        store_id: Identifier, till_id: Identifier, caller: OwnTill, ask: AskOf,
        body: TerminalAbortBody | None = None,
    ) -> AbortAnswer:  # fmt: skip
        wanted = body.terminal if body is not None else None
        return AbortAnswer(
            payment_id=await terminal_upkeep.abort_at(gateway, store_id, till_id, wanted)
        )


def _slips(routes: APIRouter, gateway: Gateway) -> None:
    @routes.get(
        "/tills/{till_id}/bookings/{booking_id}/center-slip.{form}", response_class=Response
    )
    async def center_slip(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier,
        form: Literal["html", "txt", "escpos", "pdf"], caller: TillOrReader,
    ) -> Response:  # fmt: skip
        booking = await booking_of(gateway, store_id, till_id, booking_id)
        if "center_slip" not in (papers_of(booking.final) if booking.final is not None else ()):
            raise NoSlip
        order = replace(await order_of(gateway, booking), paper="center_slip")
        made: dict[str, Callable[[ReceiptOrder], str | bytes]] = {
            "html": gateway.desk.html, "txt": gateway.desk.text,
            "escpos": gateway.desk.escpos, "pdf": gateway.desk.pdf,
        }  # fmt: skip
        return Response(await asyncio.to_thread(made[form], order), media_type=MEDIA[form])


def _terminals(routes: APIRouter, gateway: Gateway) -> None:
    @routes.get("/terminals/{terminal_id}", response_model=TerminalAnswer)
    async def show(
        store_id: Identifier, terminal_id: Identifier, caller: StoreTill
    ) -> TerminalAnswer:
        device = await desk_of(gateway).devices.find(store_id, caller.till_id, terminal_id)
        terminal = await terminal_of(gateway, terminal_id)
        run = terminal.reconciled
        return TerminalAnswer(
            terminal=terminal_id,
            name=device.name,
            till=device.till_id,
            busy_with=terminal.asked.payment_id if terminal.asked is not None else None,
            reconciled_at=run.reconciled_at.isoformat() if run is not None else None,
        )

    @routes.post("/terminals/{terminal_id}/end-of-day", response_model=EndOfDayAnswer)
    async def end_of_day(
        store_id: Identifier, terminal_id: Identifier, caller: StoreTill, ask: AskOf
    ) -> EndOfDayAnswer:
        run = await terminal_upkeep.end_of_day(
            gateway, store_id, terminal_id, ask=ask, till_id=caller.till_id
        )
        return EndOfDayAnswer(
            terminal=terminal_id, total=run.total, totals=run.totals, text=run.text
        )

    @routes.post("/terminals/{terminal_id}/diagnosis", response_model=DiagnosisAnswer)
    async def diagnosis(
        store_id: Identifier, terminal_id: Identifier, caller: StoreTill, ask: AskOf
    ) -> DiagnosisAnswer:
        ended = await terminal_upkeep.diagnosis(
            gateway, store_id, terminal_id, till_id=caller.till_id
        )
        return DiagnosisAnswer(text=tuple(ended.lines))
