"""The lines of a booking, while it is open."""

from __future__ import annotations

from device_gateway.commands import AddLines, NoteLineRefused, NotePrepared
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.covering import overpaid, vat_keys_of
from device_gateway.decider.pricing import priced
from device_gateway.decider.refusals import (
    BookingIsAborted,
    BookingIsRecorded,
    BookingNegative,
    BookingUnknown,
    TrainingOnly,
)
from device_gateway.events import (
    BookingStarted,
    LineKind,
    LinePrepared,
    LineRefused,
    LinesAdded,
)
from money import total

TRAINED: frozenset[LineKind] = frozenset({"article", "tip", "deposit", "deposit_return"})
"""What may be practised."""


def must_be_open(booking: Booking) -> BookingStarted:
    """Raises what a booking that ended, or never began, is told."""
    if booking.started is None:
        raise BookingUnknown
    if booking.recorded is not None:
        raise BookingIsRecorded
    if booking.aborted is not None:
        raise BookingIsAborted
    return booking.started


def add_lines(command: AddLines, booking: Booking) -> tuple[LinesAdded, ...]:
    started = must_be_open(booking)
    if started.training and any(line.kind not in TRAINED for line in command.lines):
        raise TrainingOnly
    lines = priced(
        command.lines,
        before=booking.lines,
        numbered=booking.numbered,
        rates=command.rates,
        pairs=command.voucher_articles,
        booking_id=started.booking_id,
        currency=started.currency,
    )
    if not lines:
        return ()
    more = total((line.amount for line in lines), currency=started.currency)
    if booking.payments and (booking.open_amount + more).amount < 0:
        raise BookingNegative("more is paid already than these lines leave")
    takes_off = any(line.kind == "voucher_article_redemption" for line in lines)
    if booking.payments and takes_off:
        held = vat_keys_of(booking.lines, booking.payments)
        if held & overpaid((*booking.lines, *lines), booking.payments):
            raise BookingNegative("vouchers pay for these goods already")
    return (
        LinesAdded(
            booking_id=started.booking_id,
            store_id=started.store_id,
            lines=lines,
            added_at=command.now,
        ),
    )


def note_prepared(command: NotePrepared, booking: Booking) -> tuple[LinePrepared, ...]:
    started = must_be_open(booking)
    if all(line.line_id != command.line_id for line in booking.unprepared):
        return ()
    return (
        LinePrepared(
            booking_id=started.booking_id,
            store_id=started.store_id,
            line_id=command.line_id,
            voucher_id=command.voucher_id,
            voucher_serial=command.serial,
            prepared_at=command.now,
        ),
    )


def note_line_refused(command: NoteLineRefused, booking: Booking) -> tuple[LineRefused, ...]:
    started = must_be_open(booking)
    if all(line.line_id != command.line_id for line in booking.unprepared):
        return ()
    return (
        LineRefused(
            booking_id=started.booking_id,
            store_id=started.store_id,
            line_id=command.line_id,
            code=command.code,
            detail=command.detail,
            status=command.status,
            refused_at=command.now,
        ),
    )
