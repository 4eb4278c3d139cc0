"""Step 7: receipt and slips (vouchers sold, new codes) go to the printing desk, once each."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID, uuid5

from device_gateway.commands import NotePrinted, NoteQueued
from device_gateway.decider.booking import BOOKING
from device_gateway.decider.booking_state import Booking
from device_gateway.events import BookingEvent, BookingOrdered, MasterDataChanged, PaperKind
from device_gateway.handlers.gateway import Gateway, booking_stream
from device_gateway.handlers.vouchers import prepared, renewed
from device_gateway.ports import ReceiptOrder, VoucherRefused, VoucherUnavailable
from device_gateway.printing.job import PrintJob
from events import Ask, Decision, DomainError, handle, handle_together

KITCHEN_MAX_AGE = timedelta(minutes=30)
"""Nobody cooks what was ordered before that."""

PAPERS: tuple[PaperKind, ...] = (
    "receipt", "voucher_slips", "remainder_slips", "center_slip", "rest_slip",
)  # fmt: skip

_log = logging.getLogger("device_gateway.paper")


async def order_of(gateway: Gateway, booking: Booking) -> ReceiptOrder:
    """What the paper is made of now: of a recorded booking, a cash move, a closing."""
    final = booking.final
    assert final is not None
    assert not isinstance(final, BookingOrdered)  # An order has no paper.
    return ReceiptOrder(
        booking=final,
        verdict=booking.verdict,
        master_data=await paper_terms(gateway, final.store_id, final.master_data),
        outage=booking.verdict is None and booking.overdue is not None,
    )


async def paper_terms(gateway: Gateway, store_id: str, version: int | None) -> MasterDataChanged:
    """Address, VAT and footer of the shift; the printers are those that stand there now."""
    now = await gateway.master_data(store_id)
    if version is None or version == now.version:
        return now
    declared = await gateway.master_data_of(store_id, version)
    return declared.model_copy(update={"printers": now.printers})


async def queue_papers(gateway: Gateway, booking: Booking, *, note: bool = False) -> None:
    """Hand over what is due. Ids are derived and the desk takes each once, so a crash between
    the desk and the event only leads to the same call again.

    A paper that comes out at once is noted as queued when it is noted as printed: one append
    instead of two. `note`: it did not come out so far, so note it now.
    """
    if isinstance(booking.final, BookingOrdered):
        await _queue_order_slips(gateway, booking, booking.final)
        return
    for document in booking.print_due:
        assert booking.final is not None
        order = await order_of(gateway, booking)
        booking_id = booking.final.booking_id
        job_id = str(uuid5(UUID(booking_id), document))
        try:
            printing = await _enqueue(gateway, booking, document, order, job_id)
        except DomainError as wait:
            # A full print queue, or codes that can't be had now: the other paper must not wait,
            # nor the verdict be parked for it. The recovery asks again.
            _log.warning("%s of booking %s waits: %s", document, booking_id, wait.code)
            continue
        if note or not printing:
            await _note_queued(gateway, booking_id, job_id, document)


async def _enqueue(
    gateway: Gateway, booking: Booking, document: PaperKind, order: ReceiptOrder, job_id: str
) -> bool:
    """Whether a printer has a new job."""
    match document:
        case "receipt":
            return await gateway.desk.enqueue(order, job_id=job_id)
        case "voucher_slips":
            sold = await prepared(gateway, booking)
            return await gateway.desk.enqueue_voucher_slips(order, job_id=job_id, vouchers=sold)
        case "center_slip" | "rest_slip":
            return await gateway.desk.enqueue(replace(order, paper=document), job_id=job_id)
        case "order_slip":
            raise AssertionError("an order is queued on its own")
        case "remainder_slips":
            rests = await renewed(gateway, booking)
            return await gateway.desk.enqueue_remainder_slips(order, job_id=job_id, vouchers=rests)


async def _queue_order_slips(gateway: Gateway, booking: Booking, ordered: BookingOrdered) -> None:
    """Noted at once: several printers have a job of it, and the last one counts."""
    if not booking.print_due:
        return
    job_id = str(uuid5(UUID(ordered.booking_id), "order_slip"))
    if gateway.clock() - ordered.recorded_at < KITCHEN_MAX_AGE:
        store = await gateway.master_data(ordered.store_id)
        try:
            await gateway.desk.enqueue_order_slips(ordered, store, job_id=job_id)
        except DomainError as wait:
            _log.warning("slip of order %s waits: %s", ordered.booking_id, wait.code)
            return
    await _note_queued(gateway, ordered.booking_id, job_id, "order_slip")


async def _note_queued(gateway: Gateway, booking_id: str, job_id: str, document: PaperKind) -> None:
    command = NoteQueued(booking_id, job_id, document, gateway.clock())
    ask = Ask.of(f"paper/{job_id}", job_id)
    await handle(gateway.store, BOOKING, booking_stream(booking_id), command, ask=ask)


async def note_printed(
    gateway: Gateway,
    *,
    booking_id: str,
    printer_id: str,
    job_id: str,
    is_copy: bool,
    document: PaperKind | None = None,
) -> None:
    """The printing room says that the printer has a job; a repeat changes nothing. `document`:
    what it is; None: its id says so, unless somebody asked for it again.

    What is on paper was queued, also where nobody has noted that yet: once the codes of slips are
    forgotten they can't be queued again, so they would stay due for ever. Once the slips are on
    paper the voucher service may forget their codes.
    """
    if document is None:
        jobs = {str(uuid5(UUID(booking_id), paper)): paper for paper in PAPERS}
        document = jobs.get(job_id)
    stream, now = booking_stream(booking_id), gateway.clock()
    printed = NotePrinted(booking_id, printer_id, job_id, is_copy, now)

    def decide(states: Mapping[str, Booking]) -> Decision:
        before: Sequence[BookingEvent] = ()
        if document is not None and document != "order_slip":
            queued = NoteQueued(booking_id, job_id, document, now)
            before = BOOKING.decide(queued, states[stream])
        return Decision({stream: [*before, *BOOKING.decide(printed, states[stream])]})

    ask = Ask.of(f"printed/{job_id}", job_id)
    done = await handle_together(gateway.store, {stream: BOOKING}, decide, ask=ask)
    booking: Booking = done.states[stream]
    if document == "voucher_slips":
        for line in booking.lines:
            if line.voucher_id is not None and line.has_slip:
                await _forgotten(gateway.vouchers.delivered(line.voucher_id), line.voucher_id)
    elif document == "remainder_slips" and booking.recorded is not None:
        for hold_id in booking.recorded.renewed:
            await _forgotten(gateway.vouchers.new_code_delivered(hold_id), hold_id)


async def _forgotten(told: Awaitable[None], name: str) -> None:
    try:
        await told
    except (VoucherUnavailable, VoucherRefused) as away:
        # Harmless: the voucher service forgets the code by itself when its time is up.
        _log.warning("code of %s stays for now: %s", name, away.code)


@dataclass(frozen=True, slots=True)
class Printed:
    """The printing room's listener: tells the booking that the printer has its paper."""

    gateway: Gateway

    async def printed(self, job: PrintJob) -> None:
        """Of a test, a pulse for the drawer, an X report or a terminal's day there is nobody to
        tell."""
        document = job.document
        if document == "self_test" or document == "drawer":
            return
        if document == "terminal_report" or document == "x_report":
            return
        await note_printed(
            self.gateway,
            booking_id=job.booking_id,
            printer_id=job.printer_id,
            job_id=job.job_id,
            is_copy=job.is_copy,
            document=document,
        )
