"""Printers of a store and their jobs; a copy of a receipt; the drawer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from device_gateway.api.bodies import Body
from device_gateway.api.bookings import NoReceiptYet
from device_gateway.api.callers import (
    ApprovalOf,
    in_store,
    store_or_reader,
    till_or_manager,
)
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.refusals import BookingUnknown
from device_gateway.events import BookingOrdered
from device_gateway.handlers import printers
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.limits import limited
from device_gateway.handlers.printers import DrawerOpening, SeenPrinter
from device_gateway.handlers.rights import allowed
from device_gateway.printing.job import JobState, PrintJob
from kassenverbund.kit.auth import Caller, Forbidden
from kassenverbund.kit.idempotency import AskOf
from kassenverbund.kit.text import Identifier, SafeName

REASON_MAX = 120

InStore = Annotated[Caller, Depends(store_or_reader)]
TillOrManager = Annotated[Caller, Depends(till_or_manager)]
Manager = Annotated[Caller, Depends(in_store("manager"))]


async def till_or_manager_of_store(store_id: Identifier, caller: InStore) -> Caller:
    """A till of the store, or its manager: who stands in front of the printer."""
    if caller.kind != "till" and "manager" not in caller.roles:
        raise Forbidden("needs one of: manager")
    return caller


InFront = Annotated[Caller, Depends(till_or_manager_of_store)]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class PrinterAnswer(_Answer):
    """`state`: `ready`, `warning` (paper near its end), `down`, or `unknown` (nobody has reached
    for it yet); `reason`: why it is not ready (`paper_out`, `cover_open`, `unreachable`, …)."""

    printer_id: str
    till_id: str | None
    purposes: tuple[str, ...]
    way: Literal["tcp", "device", "pull", "virtual"]
    drawer: bool
    state: Literal["ready", "warning", "down", "unknown"]
    reason: str
    since: datetime | None
    seen_at: datetime | None
    waiting: int
    waiting_since: datetime | None


class PrintersAnswer(_Answer):
    printers: tuple[PrinterAnswer, ...]


class PrintJobAnswer(_Answer):
    """`reason` says why a job waits or what went wrong; `copy`: the paper says KOPIE; `seen`: what
    somebody said who looked at a job that went wrong."""

    job_id: str
    printer_id: str
    till_id: str
    booking_id: str
    document: str
    """What it prints (`printing.job.Document`); kinds may grow."""
    copy_: Annotated[bool, Field(serialization_alias="copy")]
    state: JobState
    reason: str
    tries: int
    queued_at: datetime
    changed_at: datetime | None
    seen_at: datetime | None
    seen: str | None


class PrintJobsAnswer(_Answer):
    jobs: tuple[PrintJobAnswer, ...]


class DismissBody(Body):
    reason: Annotated[SafeName, Field(max_length=REASON_MAX)]


class DrawerBody(Body):
    reason: Annotated[SafeName, Field(max_length=REASON_MAX)]


def _printer(seen: SeenPrinter) -> PrinterAnswer:
    printer, state, waiting = seen.printer, seen.state, seen.waiting
    if printer.virtual:
        way: Literal["tcp", "device", "pull", "virtual"] = "virtual"
    elif printer.device is not None:
        way = "device"
    else:
        way = "tcp" if printer.pull is None else "pull"
    return PrinterAnswer(
        printer_id=printer.printer_id,
        till_id=printer.till_id,
        purposes=printer.purposes,
        way=way,
        drawer=printer.drawer_pin is not None,
        state="unknown" if state is None else state.state,
        reason="" if state is None else state.reason,
        since=None if state is None else state.since,
        seen_at=None if state is None else state.seen_at,
        waiting=0 if waiting is None else waiting.jobs,
        waiting_since=None if waiting is None else waiting.since,
    )


def job_answer(job: PrintJob) -> PrintJobAnswer:
    """A job as the API tells it."""
    return PrintJobAnswer(
        job_id=job.job_id,
        printer_id=job.printer_id,
        till_id=job.till_id,
        booking_id=job.booking_id,
        document=job.document,
        copy_=job.is_copy,
        state=job.state,
        reason=job.reason,
        tries=job.tries,
        queued_at=job.queued_at,
        changed_at=job.changed_at,
        seen_at=job.seen_at,
        seen=job.seen_reason,
    )


async def _not_too_often(
    gateway: Gateway, store_id: str, caller: Caller, till_id: str = ""
) -> None:
    """Raises `ActTooOften`."""
    await limited(gateway, "print", store_id=store_id, till_id=caller.till_id or till_id)


def router(gateway: Gateway) -> APIRouter:
    routes = APIRouter(prefix="/{store_id}/v1", tags=["printers"])
    _looks(routes, gateway)
    _jobs(routes, gateway)
    _at_the_till(routes, gateway)
    return routes


def _looks(routes: APIRouter, gateway: Gateway) -> None:
    @routes.get("/printers")
    async def show(store_id: Identifier, caller: InStore) -> PrintersAnswer:
        seen = await printers.printers_of(gateway, store_id)
        return PrintersAnswer(printers=tuple(_printer(each) for each in seen))

    @routes.get("/print-jobs")
    async def jobs(
        store_id: Identifier,
        caller: InStore,
        state: Annotated[list[JobState] | None, Query(max_length=6)] = None,
        till: Identifier | None = None,
        limit: Annotated[int, Query(ge=1, le=printers.JOBS_SHOWN_MAX)] = 50,
    ) -> PrintJobsAnswer:
        found = await printers.jobs_of(
            gateway, store_id, states=state or (), till_id=till, jobs_max=limit
        )
        return PrintJobsAnswer(jobs=tuple(job_answer(each) for each in found))


def _jobs(routes: APIRouter, gateway: Gateway) -> None:
    @routes.post("/print-jobs/{job_id}/repeat")
    async def repeat(
        store_id: Identifier, job_id: Identifier, caller: InFront, ask: AskOf,
        approval: ApprovalOf = None,
    ) -> PrintJobAnswer:  # fmt: skip
        await _not_too_often(gateway, store_id, caller)
        job = await printers.job_of(gateway, store_id, job_id)
        if caller.kind == "till" and caller.till_id is not None and job.state != JobState.FAILED:
            # What surely failed was never printed: that is no reprint.
            await allowed(gateway, store_id, caller.till_id, "reprint", approval, ask=ask)
        return job_answer(await printers.repeat(gateway, store_id, job_id, ask=ask))

    @routes.post("/print-jobs/{job_id}/dismiss")
    async def dismiss(
        store_id: Identifier, job_id: Identifier, body: DismissBody, caller: InFront, ask: AskOf
    ) -> PrintJobAnswer:
        job = await printers.dismiss(gateway, store_id, job_id, reason=body.reason)
        return job_answer(job)

    @routes.post("/printers/{printer_id}/test")
    async def test(
        store_id: Identifier, printer_id: Identifier, caller: InFront, ask: AskOf
    ) -> PrintJobAnswer:
        await _not_too_often(gateway, store_id, caller)
        return job_answer(await printers.self_test(gateway, store_id, printer_id, ask=ask))


def _at_the_till(routes: APIRouter, gateway: Gateway) -> None:
    async def recorded(store_id: str, till_id: str, booking_id: str) -> Booking:
        booking = await gateway.process(booking_id)
        final = booking.final
        if final is None:
            raise NoReceiptYet
        if (final.store_id, final.till_id) != (store_id, till_id) or isinstance(
            final, BookingOrdered
        ):
            raise BookingUnknown
        return booking

    @routes.post("/tills/{till_id}/bookings/{booking_id}/print")
    async def copy(
        store_id: Identifier, till_id: Identifier, booking_id: Identifier, caller: TillOrManager,
        ask: AskOf, approval: ApprovalOf = None,
    ) -> PrintJobAnswer:  # fmt: skip
        await _not_too_often(gateway, store_id, caller, till_id)
        booking = await recorded(store_id, till_id, booking_id)
        if caller.kind == "till":
            await allowed(
                gateway, store_id, till_id, "reprint", approval, ask=ask, booking_id=booking_id
            )
        return job_answer(await printers.print_copy(gateway, booking, ask=ask))

    @routes.post("/tills/{till_id}/drawer")
    async def drawer(
        store_id: Identifier, till_id: Identifier, body: DrawerBody, caller: TillOrManager,
        ask: AskOf, approval: ApprovalOf = None,
    ) -> PrintJobAnswer:  # fmt: skip
        await _not_too_often(gateway, store_id, caller, till_id)
        wanted = DrawerOpening(store_id, till_id, body.reason, by=caller.id)
        if caller.kind == "till":
            who = await allowed(gateway, store_id, till_id, "open_drawer", approval, ask=ask)
            wanted = DrawerOpening(store_id, till_id, body.reason, who.cashier_id, who.approved_by)
        return job_answer(await printers.open_drawer(gateway, wanted, ask=ask))
