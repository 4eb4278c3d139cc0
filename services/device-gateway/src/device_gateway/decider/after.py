"""What happens to a booking after it was recorded or aborted: verdict and paper."""

from __future__ import annotations

from collections.abc import Sequence

from device_gateway.commands import NoteOverdue, NotePrinted, NoteQueued, NoteVerdict
from device_gateway.decider.booking_state import Booking
from device_gateway.events import BookingEvent, ReceiptPrinted, ReceiptQueued, VerdictOverdue


def note_verdict(command: NoteVerdict, booking: Booking) -> Sequence[BookingEvent]:
    """The first verdict stands. One for a booking that is open or unknown here is ignored: the
    signer only hears of what this log holds, so such a record belongs to another log."""
    if booking.verdict is not None or (booking.final is None and booking.aborted is None):
        return ()
    return (command.verdict,)


def note_overdue(command: NoteOverdue, booking: Booking) -> tuple[VerdictOverdue, ...]:
    if booking.final is None or booking.verdict is not None or booking.overdue is not None:
        return ()
    return (
        VerdictOverdue(
            booking_id=booking.final.booking_id,
            store_id=booking.final.store_id,
            till_id=booking.final.till_id,
            overdue_at=command.now,
        ),
    )


def note_queued(command: NoteQueued, booking: Booking) -> tuple[ReceiptQueued, ...]:
    if booking.final is None or booking.job_queued(command.document):
        return ()
    return (
        ReceiptQueued(
            booking_id=booking.final.booking_id,
            store_id=booking.final.store_id,
            till_id=booking.final.till_id,
            job_id=command.job_id,
            document=command.document,
            queued_at=command.now,
        ),
    )


def note_printed(command: NotePrinted, booking: Booking) -> tuple[ReceiptPrinted, ...]:
    if booking.final is None or any(job.job_id == command.job_id for job in booking.printed):
        return ()
    return (
        ReceiptPrinted(
            booking_id=booking.final.booking_id,
            store_id=booking.final.store_id,
            till_id=booking.final.till_id,
            printer_id=command.printer_id,
            job_id=command.job_id,
            copy_=command.is_copy,
            printed_at=command.now,
        ),
    )
