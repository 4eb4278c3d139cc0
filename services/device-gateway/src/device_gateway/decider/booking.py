"""The booking's rules: open, paid, recorded or aborted, signed, printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from device_gateway.commands import (
    AbortBooking,
    AddLines,
    BookingCommand,
    NoteHeld,
    NoteOverdue,
    NotePrinted,
    NoteQueued,
    NoteRefused,
    NoteReleased,
    NoteVerdict,
    RecordBooking,
    ReopenPayment,
    RequestPayment,
    StartBooking,
)
from device_gateway.decider.after import (
    note_overdue,
    note_printed,
    note_queued,
    note_verdict,
)
from device_gateway.decider.booking_state import Booking, Tender, evolve
from device_gateway.decider.pricing import PAYMENTS_MAX, TOTAL_MAX, priced, vat_totals
from device_gateway.decider.refusals import (
    BookingChanged,
    BookingEmpty,
    BookingExists,
    BookingIsAborted,
    BookingIsRecorded,
    BookingTooLarge,
    BookingUnknown,
    CurrencyUnknown,
    NothingOpen,
    OpenAmount,
    PaymentExceedsOpen,
    PaymentOutOfRange,
    VoucherBuysVoucher,
)
from device_gateway.decider.till import Till, must_be_active
from device_gateway.events import (
    BookingAborted,
    BookingEvent,
    BookingRecorded,
    BookingStarted,
    Line,
    LinesAdded,
    Payment,
    PaymentAccepted,
    PaymentHeld,
    PaymentRefused,
    PaymentReleased,
    PaymentReopened,
    PaymentRequested,
)
from events import Decider
from money import Money


def start(command: StartBooking, till: Till, booking: Booking) -> tuple[BookingStarted, ...]:
    """TSE and serial are the till's at this moment and stay the booking's."""
    if booking.started is not None:
        raise BookingExists
    must_be_active(till, command.store_id)
    return (
        BookingStarted(
            booking_id=command.booking_id,
            store_id=command.store_id,
            till_id=command.till_id,
            till_name=till.name,
            legal_entity_id=command.legal_entity_id,
            tse_id=till.tse_id,
            client_id=till.client_id,
            currency=command.currency,
            started_at=command.now,
        ),
    )


def _must_be_open(booking: Booking) -> BookingStarted:
    if booking.started is None:
        raise BookingUnknown
    if booking.recorded is not None:
        raise BookingIsRecorded
    if booking.aborted is not None:
        raise BookingIsAborted
    return booking.started


def add_lines(command: AddLines, booking: Booking) -> tuple[LinesAdded, ...]:
    started = _must_be_open(booking)
    lines = priced(
        command.lines,
        before=booking.lines,
        rates=command.rates,
        booking_id=started.booking_id,
        currency=started.currency,
    )
    if not lines:
        return ()
    return (
        LinesAdded(
            booking_id=started.booking_id,
            store_id=started.store_id,
            lines=lines,
            added_at=command.now,
        ),
    )


def request_payment(
    command: RequestPayment, booking: Booking
) -> tuple[PaymentAccepted | PaymentRequested, ...]:
    """Cash and card settle at once; a voucher is requested up to what it may pay."""
    started = _must_be_open(booking)
    new = command.payment
    if len(booking.tenders) >= PAYMENTS_MAX:
        raise BookingTooLarge(f"a booking has at most {PAYMENTS_MAX} payments", limit=PAYMENTS_MAX)
    if new.amount is not None:
        if new.amount.currency != started.currency:
            raise CurrencyUnknown(f"this store sells in {started.currency}")
        if not 0 < new.amount.amount <= TOTAL_MAX:
            raise PaymentOutOfRange(f"a payment is 1 to {TOTAL_MAX} minor units")
    left = booking.open_amount
    if left.amount <= 0:
        raise NothingOpen
    wanted = new.amount or left
    if new.kind != "cash" and wanted > left:
        raise PaymentExceedsOpen(open_amount=left.model_dump())
    if new.kind == "voucher":
        return (_requested(command, booking, started, left),)
    change = wanted - left if wanted > left else left.zero
    payment = Payment(
        payment_id=new.payment_id,
        kind=new.kind,
        name=new.name,
        fiscal=new.fiscal,
        amount=wanted - change,
        tendered=wanted if new.kind == "cash" else None,
        change=change if new.kind == "cash" else None,
    )
    return (
        PaymentAccepted(
            booking_id=started.booking_id,
            store_id=started.store_id,
            payment=payment,
            accepted_at=command.now,
        ),
    )


def _requested(
    command: RequestPayment, booking: Booking, started: BookingStarted, left: Money
) -> PaymentRequested:
    new = command.payment
    assert new.hold_id is not None  # The handler derives it for every voucher.
    allowed = booking.open_to_vouchers
    if allowed.amount <= 0 or (new.amount is not None and new.amount > allowed):
        raise VoucherBuysVoucher(open_to_vouchers=allowed.model_dump())
    return PaymentRequested(
        booking_id=started.booking_id,
        store_id=started.store_id,
        payment_id=new.payment_id,
        kind=new.kind,
        name=new.name,
        fiscal=new.fiscal,
        hold_id=new.hold_id,
        amount=new.amount or min(left, allowed),
        requested_at=command.now,
    )


def _requested_tender(booking: Booking, payment_id: str) -> Tender:
    tender = booking.tender(payment_id)
    assert tender is not None  # Answers are only noted for what was requested.
    return tender


def note_held(command: NoteHeld, booking: Booking) -> tuple[PaymentHeld, ...]:
    """A late answer to a payment that was given up changes nothing: its release is due."""
    tender = _requested_tender(booking, command.payment.payment_id)
    if tender.status != "requested":
        return ()
    started = _must_be_open(booking)
    assert command.payment.amount <= tender.requested
    if command.payment.amount > booking.open_to_vouchers:
        # Two vouchers were asked for side by side and together exceed what is open.
        raise BookingChanged
    return (
        PaymentHeld(
            booking_id=started.booking_id,
            store_id=started.store_id,
            payment=command.payment,
            expires_at=command.expires_at,
            held_at=command.now,
        ),
    )


def note_refused(command: NoteRefused, booking: Booking) -> tuple[PaymentRefused, ...]:
    tender = _requested_tender(booking, command.payment_id)
    if tender.status != "requested" or not booking.open:
        return ()
    assert booking.started is not None
    assert tender.hold_id is not None
    return (
        PaymentRefused(
            booking_id=booking.started.booking_id,
            store_id=booking.started.store_id,
            payment_id=command.payment_id,
            hold_id=tender.hold_id,
            code=command.code,
            detail=command.detail,
            status=command.status,
            release_due=command.release_due,
            refused_at=command.now,
        ),
    )


def reopen(command: ReopenPayment, booking: Booking) -> tuple[PaymentReopened, ...]:
    started = _must_be_open(booking)
    tender = _requested_tender(booking, command.payment_id)
    if tender.status != "held":
        return ()
    assert tender.hold_id is not None
    return (
        PaymentReopened(
            booking_id=started.booking_id,
            store_id=started.store_id,
            payment_id=command.payment_id,
            hold_id=tender.hold_id,
            code=command.code,
            reopened_at=command.now,
        ),
    )


def note_released(command: NoteReleased, booking: Booking) -> tuple[PaymentReleased, ...]:
    tender = _requested_tender(booking, command.payment_id)
    if not tender.release_due:
        return ()
    assert booking.started is not None
    assert tender.hold_id is not None
    return (
        PaymentReleased(
            booking_id=booking.started.booking_id,
            store_id=booking.started.store_id,
            payment_id=command.payment_id,
            hold_id=tender.hold_id,
            released_at=command.now,
        ),
    )


def finishable(booking: Booking) -> None:
    """Raises what keeps an open booking from being recorded."""
    _must_be_open(booking)
    if not booking.lines:
        raise BookingEmpty
    if booking.open_amount:
        raise OpenAmount(open_amount=booking.open_amount.model_dump())


def record(command: RecordBooking, booking: Booking, number: int) -> tuple[BookingRecorded, ...]:
    """The point of no return. Recorded already: nothing more happens."""
    if booking.recorded is not None:
        return ()
    started = _must_be_open(booking)
    finishable(booking)
    sold = {line.voucher_id for line in booking.lines if line.voucher_id}
    held = {paid.hold_id for paid in booking.payments if paid.hold_id}
    if not sold <= command.serials.keys() or not held <= command.confirmed:
        raise BookingChanged
    return (
        BookingRecorded(
            booking_id=started.booking_id,
            store_id=started.store_id,
            till_id=started.till_id,
            till_name=started.till_name,
            legal_entity_id=started.legal_entity_id,
            tse_id=started.tse_id,
            client_id=started.client_id,
            number=number,
            started_at=started.started_at,
            recorded_at=command.now,
            sign_by=command.sign_by,
            business_date=command.business_date,
            currency=started.currency,
            lines=tuple(_with_serial(line, command) for line in booking.lines),
            payments=booking.payments,
            total=booking.total,
            vat=vat_totals(booking.lines),
            change=booking.change,
        ),
    )


def _with_serial(line: Line, command: RecordBooking) -> Line:
    if line.voucher_id is None:
        return line
    return line.model_copy(update={"voucher_serial": command.serials[line.voucher_id]})


def abort(command: AbortBooking, booking: Booking) -> tuple[BookingAborted, ...]:
    if booking.aborted is not None:
        return ()
    started = _must_be_open(booking)
    return (
        BookingAborted(
            booking_id=started.booking_id,
            store_id=started.store_id,
            till_id=started.till_id,
            tse_id=started.tse_id,
            client_id=started.client_id,
            started_at=started.started_at,
            aborted_at=command.now,
            sign_by=command.sign_by,
            reason=command.reason,
            hold_ids=tuple(tender.hold_id for tender in booking.tenders if tender.hold_id),
            voucher_ids=tuple(line.voucher_id for line in booking.lines if line.voucher_id),
        ),
    )


def decide(command: BookingCommand, booking: Booking) -> Sequence[BookingEvent]:
    match command:
        case AddLines():
            return add_lines(command, booking)
        case RequestPayment():
            return request_payment(command, booking)
        case NoteHeld():
            return note_held(command, booking)
        case NoteRefused():
            return note_refused(command, booking)
        case ReopenPayment():
            return reopen(command, booking)
        case NoteReleased():
            return note_released(command, booking)
        case AbortBooking():
            return abort(command, booking)
        case NoteVerdict():
            return note_verdict(command, booking)
        case NoteOverdue():
            return note_overdue(command, booking)
        case NoteQueued():
            return note_queued(command, booking)
        case NotePrinted():
            return note_printed(command, booking)
        case _:
            assert_never(command)


BOOKING: Decider[BookingCommand, Booking] = Decider(initial=Booking(), decide=decide, evolve=evolve)
