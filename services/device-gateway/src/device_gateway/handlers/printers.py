"""What people do about printers: look, print again, let it be, try one out, open the drawer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import uuid5

from device_gateway.decider.booking_state import Booking
from device_gateway.decider.till import TILL, Till, must_be_active
from device_gateway.events import BookingOrdered, DrawerOpened, StorePrinter
from device_gateway.handlers.closings import x_report_of
from device_gateway.handlers.gateway import IDS, Gateway, till_stream
from device_gateway.handlers.limits import limited
from device_gateway.handlers.paper import order_of
from device_gateway.handlers.vouchers import prepared, renewed
from device_gateway.ports.printers import Printers
from device_gateway.printing.job import NO_BOOKING, JobState, PrintJob
from device_gateway.printing.ports import Waiting
from device_gateway.printing.state import PrinterState
from events import Ask, Decision, DomainError, handle_together

JOBS_SHOWN_MAX = 200


class PrinterUnknown(DomainError):
    code = "printer.unknown"
    status = 404
    title = "This store has no such printer"


class NoPrinter(DomainError):
    code = "printer.none"
    status = 409
    title = "No printer prints this for this till"


class NoDrawerHere(DomainError):
    code = "drawer.none"
    status = 409
    title = "This till's printer has no cash drawer"


class JobUnknown(DomainError):
    code = "print_job.unknown"
    status = 404
    title = "This store has no such print job"


class JobWaits(DomainError):
    code = "print_job.waits"
    status = 409
    title = "This job still waits or is being printed: it needs no repeat"


class JobNotRepeatable(DomainError):
    """A test, a pulse for the drawer; slips whose codes are gone."""

    code = "print_job.not_repeatable"
    status = 409
    title = "This job cannot be printed again"


class JobSettled(DomainError):
    code = "print_job.settled"
    status = 409
    title = "There is nothing to dismiss: it was printed, or somebody looked at it before"


class NoSpool(DomainError):
    code = "printer.no_spool"
    status = 503
    title = "This process has no print spool"


@dataclass(frozen=True, slots=True)
class SeenPrinter:
    """A declared printer, what is known of it, and what waits for it."""

    printer: StorePrinter
    state: PrinterState | None
    waiting: Waiting | None


def _spool(gateway: Gateway) -> Printers:
    if gateway.printers is None:
        raise NoSpool
    return gateway.printers


async def printers_of(gateway: Gateway, store_id: str) -> list[SeenPrinter]:
    """Raises `StoreUnknown`."""
    spool = _spool(gateway)
    declared = (await gateway.master_data(store_id)).printers
    states, waiting = await spool.states(store_id), await spool.waiting(store_id)
    return [
        SeenPrinter(each, states.get(each.printer_id), waiting.get(each.printer_id))
        for each in declared
    ]


async def printer_of(gateway: Gateway, store_id: str, printer_id: str) -> StorePrinter:
    """Raises `PrinterUnknown`, `StoreUnknown`."""
    for printer in (await gateway.master_data(store_id)).printers:
        if printer.printer_id == printer_id:
            return printer
    raise PrinterUnknown


async def jobs_of(
    gateway: Gateway,
    store_id: str,
    *,
    states: Sequence[JobState] = (),
    till_id: str | None = None,
    jobs_max: int = JOBS_SHOWN_MAX,
) -> Sequence[PrintJob]:
    """Newest first."""
    return await _spool(gateway).jobs(
        store_id, states=states, till_id=till_id, jobs_max=min(jobs_max, JOBS_SHOWN_MAX)
    )


async def job_of(gateway: Gateway, store_id: str, job_id: str) -> PrintJob:
    """Raises `JobUnknown`."""
    job = await _spool(gateway).find(job_id)
    if job is None or job.store_id != store_id:
        raise JobUnknown
    return job


async def dismiss(gateway: Gateway, store_id: str, job_id: str, *, reason: str) -> PrintJob:
    """Raises `JobUnknown`, `JobSettled`."""
    job = await job_of(gateway, store_id, job_id)
    if not await _spool(gateway).dismiss(job, reason=reason) and job.seen_reason != reason:
        raise JobSettled
    return await job_of(gateway, store_id, job_id)


async def repeat(gateway: Gateway, store_id: str, job_id: str, *, ask: Ask) -> PrintJob:
    """The paper of a job again, in a job of its own. It says KOPIE unless every job of it surely
    failed. The same ask: the same job.

    Raises `JobUnknown`, `JobWaits`, `JobNotRepeatable`, `PrinterQueueFull`.
    """
    spool = _spool(gateway)
    again_id = str(uuid5(IDS, f"print/{ask.key}"))
    again = await spool.find(again_id)
    if again is not None:
        return again
    job = await job_of(gateway, store_id, job_id)
    if not job.state.is_final:
        raise JobWaits
    if job.document in NO_BOOKING:
        raise JobNotRepeatable
    booking = await gateway.process(job.booking_id)
    if not await _enqueue_again(gateway, booking, job, again_id):
        raise JobNotRepeatable
    await spool.dismiss(job, reason="repeated")
    return await job_of(gateway, store_id, again_id)


async def _enqueue_again(gateway: Gateway, booking: Booking, job: PrintJob, again_id: str) -> bool:
    desk = gateway.desk
    if isinstance(booking.final, BookingOrdered):
        store = await gateway.master_data(booking.final.store_id)
        return await desk.repeat_order_slip(
            booking.final, store, printer_id=job.printer_id, job_id=again_id
        )
    order = await order_of(gateway, booking)
    match job.document:
        case "voucher_slips":
            sold = await prepared(gateway, booking)
            return await desk.enqueue_voucher_slips(order, job_id=again_id, vouchers=sold)
        case "remainder_slips":
            rests = await renewed(gateway, booking)
            return await desk.enqueue_remainder_slips(order, job_id=again_id, vouchers=rests)
        case "center_slip" | "rest_slip":
            return await desk.enqueue(replace(order, paper=job.document), job_id=again_id)
        case _:
            return await desk.enqueue(order, job_id=again_id)


async def print_copy(gateway: Gateway, booking: Booking, *, ask: Ask) -> PrintJob:
    """The receipt once more, as KOPIE. The same ask: the same job. Raises `NoPrinter`,
    `PrinterQueueFull`, `ActTooOften`."""
    final = booking.final
    assert final is not None
    await limited(gateway, "print", store_id=final.store_id, till_id=final.till_id)
    job_id = str(uuid5(IDS, f"print/{ask.key}"))
    order = replace(await order_of(gateway, booking), is_copy=True)
    await gateway.desk.enqueue(order, job_id=job_id)
    job = await _spool(gateway).find(job_id)
    if job is None:
        raise NoPrinter
    return job


async def print_x_report(
    gateway: Gateway, *, store_id: str, till_id: str, cashier_id: str | None, ask: Ask
) -> PrintJob:
    """The shift so far, on the till's paper. It is no process: nothing of it is recorded. The same
    ask: the same job. Raises `TillUnknown`, `TillNotOpen`, `NoPrinter`, `PrinterQueueFull`,
    `ActTooOften`."""
    job_id = str(uuid5(IDS, f"print/{ask.key}"))
    before = await _spool(gateway).find(job_id)
    if before is not None:
        return before
    await limited(gateway, "print", store_id=store_id, till_id=till_id)
    order = await x_report_of(gateway, store_id=store_id, till_id=till_id, cashier_id=cashier_id)
    await gateway.desk.enqueue(replace(order, paper="x_report"), job_id=job_id)
    job = await _spool(gateway).find(job_id)
    if job is None:
        raise NoPrinter
    return job


async def self_test(gateway: Gateway, store_id: str, printer_id: str, *, ask: Ask) -> PrintJob:
    """Raises `PrinterUnknown`, `PrinterQueueFull`."""
    printer = await printer_of(gateway, store_id, printer_id)
    await limited(gateway, "print", store_id=store_id, till_id=f"printer/{printer_id}")
    master_data = await gateway.master_data(store_id)
    job_id = str(uuid5(IDS, f"print/{ask.key}"))
    await _spool(gateway).enqueue_self_test(printer, master_data, job_id=job_id)
    return await job_of(gateway, store_id, job_id)


@dataclass(frozen=True, slots=True)
class DrawerOpening:
    """Who wants the drawer open, and why."""

    store_id: str
    till_id: str
    reason: str
    cashier_id: str | None = None
    approved_by: str | None = None
    by: str | None = None


async def open_drawer(gateway: Gateway, wanted: DrawerOpening, *, ask: Ask) -> PrintJob:
    """Record it, then send the pulse: a drawer that opens stands in the log. The same ask opens it
    once. Raises `NoDrawerHere`, `TillUnknown`, `TillRevokedAlready`, `PrinterQueueFull`."""
    master_data = await gateway.master_data(wanted.store_id)
    if not gateway.desk.has_drawer(master_data, wanted.till_id):
        raise NoDrawerHere
    await limited(gateway, "print", store_id=wanted.store_id, till_id=wanted.till_id)
    now, stream = gateway.clock(), till_stream(wanted.till_id)

    def decide(states: Mapping[str, Any]) -> Decision:
        till: Till = states[stream]
        must_be_active(till, wanted.store_id)
        return Decision({stream: (_opened(wanted, now),)})

    await handle_together(gateway.store, {stream: TILL}, decide, ask=ask)
    job_id = str(uuid5(IDS, f"print/{ask.key}"))
    await _spool(gateway).enqueue_drawer(master_data, wanted.till_id, job_id=job_id)
    return await job_of(gateway, wanted.store_id, job_id)


def _opened(wanted: DrawerOpening, now: datetime) -> DrawerOpened:
    return DrawerOpened(
        store_id=wanted.store_id,
        till_id=wanted.till_id,
        reason=wanted.reason,
        cashier_id=wanted.cashier_id,
        approved_by=wanted.approved_by,
        by=wanted.by,
        at=now,
    )
