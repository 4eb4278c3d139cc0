"""Step 7: the receipt and the slips of sold vouchers go to the printing desk, once each."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from uuid import UUID, uuid5

from device_gateway.commands import NotePrinted, NoteQueued
from device_gateway.decider.booking import BOOKING
from device_gateway.decider.booking_state import Booking
from device_gateway.handlers.gateway import Gateway, booking_stream
from device_gateway.handlers.vouchers import prepared
from device_gateway.ports import ReceiptOrder, VoucherRefused, VoucherUnavailable
from events import Ask, Decision, DomainError, handle, handle_together

_log = logging.getLogger("device_gateway.paper")


async def order_of(gateway: Gateway, booking: Booking) -> ReceiptOrder:
    """What the receipt of a recorded booking is made of now."""
    assert booking.recorded is not None
    return ReceiptOrder(
        booking=booking.recorded,
        verdict=booking.verdict,
        master_data=await gateway.master_data(booking.recorded.store_id),
        outage=booking.verdict is None and booking.overdue is not None,
    )


async def queue_papers(gateway: Gateway, booking: Booking, *, note: bool = False) -> None:
    """Hand over what is due. Ids are derived and the desk takes each once, so a crash between
    the desk and the event only leads to the same call again.

    A paper that comes out at once is noted as queued when it is noted as printed: one append
    instead of two. `note`: it did not come out so far, so note it now.
    """
    for document in booking.print_due:
        assert booking.recorded is not None
        order = await order_of(gateway, booking)
        booking_id = booking.recorded.booking_id
        job_id = str(uuid5(UUID(booking_id), document))
        try:
            if document == "receipt":
                printing = await gateway.desk.enqueue(order, job_id=job_id)
            else:
                vouchers = await prepared(gateway, booking)
                printing = await gateway.desk.enqueue_voucher_slips(
                    order, job_id=job_id, vouchers=vouchers
                )
        except DomainError as wait:
            # A full print queue, or codes that can't be had now: the other paper must not wait,
            # nor the verdict be parked for it. The recovery asks again.
            _log.warning("%s of booking %s waits: %s", document, booking_id, wait.code)
            continue
        if note or not printing:
            await _note_queued(gateway, booking_id, job_id, slips=document == "voucher_slips")


async def _note_queued(gateway: Gateway, booking_id: str, job_id: str, *, slips: bool) -> None:
    command = NoteQueued(booking_id, job_id, slips, gateway.clock())
    ask = Ask.of(f"paper/{job_id}", job_id)
    await handle(gateway.store, BOOKING, booking_stream(booking_id), command, ask=ask)


async def note_printed(
    gateway: Gateway, *, booking_id: str, printer_id: str, job_id: str, is_copy: bool
) -> None:
    """The printing room says that the printer has a job; a repeat changes nothing.

    What is on paper was queued, also where nobody has noted that yet: once the codes of slips are
    forgotten they can't be queued again, so they would stay due for ever. Once the slips are on
    paper the voucher service may forget their codes.
    """
    slips = job_id == str(uuid5(UUID(booking_id), "voucher_slips"))
    ours = slips or job_id == str(uuid5(UUID(booking_id), "receipt"))
    stream, now = booking_stream(booking_id), gateway.clock()
    queued = NoteQueued(booking_id, job_id, slips, now)
    printed = NotePrinted(booking_id, printer_id, job_id, is_copy, now)

    def decide(states: Mapping[str, Booking]) -> Decision:
        before = BOOKING.decide(queued, states[stream]) if ours else ()
        return Decision({stream: [*before, *BOOKING.decide(printed, states[stream])]})

    ask = Ask.of(f"printed/{job_id}", job_id)
    done = await handle_together(gateway.store, {stream: BOOKING}, decide, ask=ask)
    booking: Booking = done.states[stream]
    if not slips:
        return
    for line in booking.lines:
        if line.voucher_id is None or not line.has_slip:
            continue
        try:
            await gateway.vouchers.delivered(line.voucher_id)
        except (VoucherUnavailable, VoucherRefused) as away:
            # Harmless: the voucher service forgets the code by itself when its time is up.
            _log.warning("code of voucher %s stays for now: %s", line.voucher_serial, away.code)
