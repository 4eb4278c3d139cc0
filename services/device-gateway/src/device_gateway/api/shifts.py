"""A till's shift: open, look at, move cash, close; and which TSE it signs with next."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from device_gateway.api.bookings import WaitS
from device_gateway.api.callers import ApprovalOf, in_store, till_or_manager, till_or_reader
from device_gateway.api.guards import guarded
from device_gateway.api.printers import PrintJobAnswer, job_answer
from device_gateway.api.shift_answers import (
    CashMoveAnswer,
    ClosingAnswer,
    ShiftAnswer,
    cash_move_answer,
    closing_answer,
    shift_answer,
)
from device_gateway.decider.booking_state import Booking
from device_gateway.handlers import closings, printers
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.paper import order_of
from device_gateway.handlers.verdicts import with_verdict
from device_gateway.ports import ReceiptOrder
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.idempotency import AskOf
from kassenverbund.kit.text import Identifier, SafeName
from money import Money

REASON_MAX = 120

TillOrManager = Annotated[Caller, Depends(till_or_manager)]
TillOrReader = Annotated[Caller, Depends(till_or_reader)]
Manager = Annotated[Caller, Depends(in_store("manager"))]

Form = Literal["html", "txt", "escpos", "pdf"]
"""Of a paper: a page, text as the till's printer shows it, bytes for that printer, or a PDF."""

ZNumber = Annotated[int, Field(ge=1, le=10**9)]


class Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OpenBody(Body):
    """`float`: what is in the drawer now; without it, what the last closing left. `cashier`: an id,
    never a name."""

    float_: Annotated[Money | None, Field(alias="float")] = None
    cashier: Identifier | None = None


class CashMoveBody(Body):
    """`amount` is above zero: the kind says whether it goes in or out."""

    kind: Literal[
        "transit_in", "transit_out", "owner_in", "owner_out", "wage", "paid_in", "paid_out",
        "tip_out",
    ]  # fmt: skip
    amount: Money
    reason: Annotated[SafeName, Field(max_length=REASON_MAX)]
    cashier: Identifier | None = None


class CloseBody(Body):
    """`counted`: the cash in the drawer, as somebody counted it. `skim`: what of it goes to the
    safe; the rest is there when the next shift begins. `abort_open`: open bookings are aborted."""

    counted: Money | None = None
    skim: Money | None = None
    abort_open: StrictBool = False
    cashier: Identifier | None = None


class TseBody(Body):
    tse_id: Identifier


def router(gateway: Gateway) -> APIRouter:
    routes = APIRouter(prefix="/{store_id}/v1/tills/{till_id}", tags=["shifts"])
    _shift(routes, gateway)
    _x_print(routes, gateway)
    _cash(routes, gateway)
    _closings(routes, gateway)
    return routes


async def _paper(gateway: Gateway, order: ReceiptOrder, form: Form) -> Response:
    match form:
        case "html":
            # A page takes long enough to hold up other tills.
            page = await asyncio.to_thread(gateway.desk.html, order)
            return Response(page, media_type="text/html")
        case "txt":
            return Response(gateway.desk.text(order), media_type="text/plain; charset=utf-8")
        case "escpos":
            job = await asyncio.to_thread(gateway.desk.escpos, order)
            return Response(job, media_type="application/octet-stream")
        case "pdf":
            pdf = await asyncio.to_thread(gateway.desk.pdf, order)
            return Response(pdf, media_type="application/pdf")


def _cashier(named: str | None, caller: Caller) -> str | None:
    """Who stands at the till: as it says, else the person who asks."""
    return named or (caller.id if caller.kind == "person" else None)


def _shift(routes: APIRouter, gateway: Gateway) -> None:
    async def look(store_id: str, till_id: str, *, report: bool = False) -> ShiftAnswer:
        till, shift = await closings.shift_at(gateway, store_id=store_id, till_id=till_id)
        return shift_answer(till, shift, report=report)

    @routes.post("/shift/open")
    async def open_till(
        store_id: Identifier, till_id: Identifier, caller: TillOrManager, ask: AskOf,
        body: OpenBody | None = None,
    ) -> ShiftAnswer:  # fmt: skip
        said = body or OpenBody()
        await closings.open_till(
            gateway,
            store_id=store_id,
            till_id=till_id,
            float_=said.float_,
            cashier_id=_cashier(said.cashier, caller),
            ask=ask,
        )
        return await look(store_id, till_id)

    @routes.get("/shift")
    async def shift(
        store_id: Identifier, till_id: Identifier, caller: TillOrReader,
        report: Annotated[Literal["x"] | None, Query()] = None, approval: ApprovalOf = None,
    ) -> ShiftAnswer:  # fmt: skip
        if report is not None:
            await guarded(gateway, caller, "x_report", approval)
        return await look(store_id, till_id, report=report == "x")

    @routes.get("/shift/report.{form}", response_class=Response)
    async def x_report(
        store_id: Identifier, till_id: Identifier, form: Form, caller: TillOrReader,
        approval: ApprovalOf = None,
    ) -> Response:  # fmt: skip
        await guarded(gateway, caller, "x_report", approval)
        order = await closings.x_report_of(gateway, store_id=store_id, till_id=till_id)
        return await _paper(gateway, order, form)

    @routes.put("/tse")
    async def tse(
        store_id: Identifier, till_id: Identifier, body: TseBody, caller: Manager, ask: AskOf
    ) -> ShiftAnswer:
        await closings.request_tse(
            gateway, store_id=store_id, till_id=till_id, tse_id=body.tse_id, by=caller.id, ask=ask
        )
        return await look(store_id, till_id)


def _x_print(routes: APIRouter, gateway: Gateway) -> None:
    @routes.post("/shift/report/print")
    async def print_x_report(
        store_id: Identifier, till_id: Identifier, caller: TillOrManager, ask: AskOf,
        approval: ApprovalOf = None,
    ) -> PrintJobAnswer:  # fmt: skip
        who = await guarded(gateway, caller, "x_report", approval, ask=ask)
        job = await printers.print_x_report(
            gateway,
            store_id=store_id,
            till_id=till_id,
            cashier_id=who.cashier_id or _cashier(None, caller),
            ask=ask,
        )
        return job_answer(job)


def _cash(routes: APIRouter, gateway: Gateway) -> None:
    @routes.post("/cash-moves")
    async def move_cash(
        store_id: Identifier, till_id: Identifier, body: CashMoveBody, caller: TillOrManager,
        ask: AskOf, wait_s: WaitS, approval: ApprovalOf = None,
    ) -> CashMoveAnswer:  # fmt: skip
        who = await guarded(gateway, caller, "cash_move", approval, ask=ask)
        moved = await closings.move_till_cash(
            gateway,
            store_id=store_id,
            till_id=till_id,
            kind=body.kind,
            amount=body.amount,
            reason=body.reason,
            cashier_id=who.cashier_id or _cashier(body.cashier, caller),
            approved_by=who.approved_by,
            ask=ask,
        )
        return cash_move_answer(await with_verdict(gateway, moved, wait_s=wait_s))

    async def moved_of(store_id: str, till_id: str, booking_id: str) -> Booking:
        return await closings.move_of(
            gateway, store_id=store_id, till_id=till_id, booking_id=booking_id
        )

    @routes.get("/cash-moves/{booking_id}")
    async def move(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier, caller: TillOrReader,
        wait_s: WaitS,
    ) -> CashMoveAnswer:  # fmt: skip
        found = await moved_of(store_id, till_id, booking_id)
        return cash_move_answer(await with_verdict(gateway, found, wait_s=wait_s))

    @routes.get("/cash-moves/{booking_id}/paper.{form}", response_class=Response)
    async def slip(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier, form: Form,
        caller: TillOrReader,
    ) -> Response:  # fmt: skip
        found = await moved_of(store_id, till_id, booking_id)
        return await _paper(gateway, await order_of(gateway, found), form)


def _closings(routes: APIRouter, gateway: Gateway) -> None:
    @routes.post("/shift/close")
    async def close_till(
        store_id: Identifier, till_id: Identifier, caller: TillOrManager, ask: AskOf,
        wait_s: WaitS, approval: ApprovalOf = None, body: CloseBody | None = None,
    ) -> ClosingAnswer:  # fmt: skip
        said = body or CloseBody()
        who = await guarded(gateway, caller, "close", approval, ask=ask)
        closed = await closings.close_till(
            gateway,
            store_id=store_id,
            till_id=till_id,
            counted=said.counted,
            skim=said.skim,
            abort_open=said.abort_open,
            cashier_id=who.cashier_id or _cashier(said.cashier, caller),
            approved_by=who.approved_by,
            ask=ask,
        )
        return closing_answer(await with_verdict(gateway, closed, wait_s=wait_s))

    @routes.get("/closings/{z_number}")
    async def closing(
        store_id: Identifier, till_id: Identifier, z_number: ZNumber, caller: TillOrReader,
        wait_s: WaitS,
    ) -> ClosingAnswer:  # fmt: skip
        found = await closings.closing_of(
            gateway, store_id=store_id, till_id=till_id, z_number=z_number
        )
        return closing_answer(await with_verdict(gateway, found, wait_s=wait_s))

    @routes.get("/closings/{z_number}/paper.{form}", response_class=Response)
    async def z_report(
        store_id: Identifier, till_id: Identifier, z_number: ZNumber, form: Form,
        caller: TillOrReader,
    ) -> Response:  # fmt: skip
        found = await closings.closing_of(
            gateway, store_id=store_id, till_id=till_id, z_number=z_number
        )
        return await _paper(gateway, await order_of(gateway, found), form)
