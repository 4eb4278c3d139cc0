"""How each event changes a booking."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from device_gateway.decider.booking_state import Booking, Tender
from device_gateway.events import (
    BookingAborted,
    BookingEvent,
    BookingOrdered,
    BookingParked,
    BookingRecorded,
    BookingResumed,
    BookingStarted,
    BookingTakenBack,
    CashMoved,
    Line,
    LineChanged,
    LineGivenBack,
    LinePrepared,
    LineRefused,
    LinesAdded,
    LineVoided,
    PaymentAccepted,
    PaymentHeld,
    PaymentRefused,
    PaymentReleased,
    PaymentReopened,
    PaymentRequested,
    PaymentResolved,
    PaymentUnknown,
    PaymentWithdrawn,
    ReceiptPrinted,
    ReceiptQueued,
    TillClosed,
    TrainingRecorded,
    VerdictOverdue,
    VerdictReceived,
)


def evolve(booking: Booking, event: BookingEvent) -> Booking:
    match event:
        case BookingStarted():
            return replace(booking, started=event, last_at=event.started_at)
        case LinesAdded():
            return replace(
                booking,
                lines=booking.lines + event.lines,
                numbered=booking.numbered + len(event.lines),
                acts=booking.acts + event.acts,
                parked=None,
                last_at=event.added_at,
            )
        case LinePrepared():
            return _line_prepared(booking, event)
        case LineRefused():
            return _line_refused(booking, event)
        case LineVoided() | LineChanged():
            return _line_edited(booking, event)
        case LineGivenBack():
            due = (each for each in booking.give_back_due if each.line_id != event.line_id)
            return replace(booking, give_back_due=tuple(due))
        case BookingParked():
            return replace(booking, parked=event, last_at=event.parked_at)
        case BookingResumed():
            return replace(booking, parked=None, last_at=event.resumed_at)
        case BookingRecorded() | TrainingRecorded():
            return replace(booking, recorded=event, final=event, lines=event.lines)
        case BookingOrdered() | CashMoved() | TillClosed():
            return replace(booking, final=event)
        case BookingTakenBack():
            return replace(booking, taken_back=(*booking.taken_back, event))
        case BookingAborted():
            return replace(booking, aborted=event)
        case VerdictReceived():
            return replace(booking, verdict=event)
        case VerdictOverdue():
            return replace(booking, overdue=event)
        case ReceiptQueued():
            return replace(booking, queued=(*booking.queued, event))
        case ReceiptPrinted():
            return replace(booking, printed=(*booking.printed, event))
        case (
            PaymentAccepted()
            | PaymentRequested()
            | PaymentHeld()
            | PaymentRefused()
            | PaymentReopened()
            | PaymentReleased()
            | PaymentWithdrawn()
            | PaymentUnknown()
            | PaymentResolved()
        ):
            return _evolve_payment(booking, event)
        case _:
            assert_never(event)


def _line_prepared(booking: Booking, event: LinePrepared) -> Booking:
    def prepared(line: Line) -> Line:
        if line.line_id != event.line_id:
            return line
        known = {"voucher_serial": event.voucher_serial}
        if line.voucher_id is None:
            # A card keeps the id of its preparation: an abort cancels it by that.
            known["voucher_id"] = event.voucher_id
        return line.model_copy(update=known)

    lines = tuple(prepared(line) for line in booking.lines)
    return replace(booking, lines=lines, last_at=event.prepared_at)


def _line_refused(booking: Booking, event: LineRefused) -> Booking:
    kept = tuple(line for line in booking.lines if line.line_id != event.line_id)
    gone = tuple((line, event) for line in booking.lines if line.line_id == event.line_id)
    return replace(
        booking,
        lines=kept,
        refused_lines=booking.refused_lines + gone,
        last_at=event.refused_at,
    )


def _line_edited(booking: Booking, event: LineVoided | LineChanged) -> Booking:
    acts = booking.acts if event.act is None else (*booking.acts, event.act)
    if isinstance(event, LineChanged):
        changed, gone, at = {event.line.line_id: event.line}, frozenset[str](), event.changed_at
    else:
        changed = {line.line_id: line for line in event.changed}
        gone, at = frozenset(event.gone), event.voided_at
    due = booking.give_back_due
    if isinstance(event, LineVoided) and event.give_back:
        due += tuple(line for line in booking.lines if line.line_id == event.line_id)
    lines = (changed.get(line.line_id, line) for line in booking.lines if line.line_id not in gone)
    return replace(
        booking, lines=tuple(lines), acts=acts, give_back_due=due, parked=None, last_at=at
    )


PaymentEvent = (
    PaymentAccepted
    | PaymentRequested
    | PaymentHeld
    | PaymentRefused
    | PaymentReopened
    | PaymentReleased
    | PaymentWithdrawn
    | PaymentUnknown
    | PaymentResolved
)


def _evolve_payment(booking: Booking, event: PaymentEvent) -> Booking:
    match event:
        case PaymentAccepted(payment=payment) if booking.tender(payment.payment_id) is not None:
            tender = replace(
                _tender(booking, payment.payment_id), status="settled", payment=payment
            )
            return _with(booking, tender, at=event.accepted_at)
        case PaymentUnknown():
            tender = replace(_tender(booking, event.payment_id), status="unknown", unknown=event)
            return _with(booking, tender, at=event.at)
        case PaymentResolved():
            return replace(booking, last_at=event.resolved_at)
        case PaymentAccepted(payment=payment):
            tender = Tender(
                payment_id=payment.payment_id,
                kind=payment.kind,
                name=payment.name,
                status="settled",
                requested=payment.tendered or payment.amount,
                payment=payment,
            )
            tenders = (*booking.tenders, tender)
            return replace(booking, tenders=tenders, parked=None, last_at=event.accepted_at)
        case PaymentRequested():
            tender = Tender(
                payment_id=event.payment_id,
                kind=event.kind,
                name=event.name,
                status="requested",
                requested=event.amount,
                hold_id=event.hold_id or None,
                request=event,
                together=event.together,
                since=event.requested_at,
                terminal=event.terminal,
            )
            tenders = (*booking.tenders, tender)
            return replace(booking, tenders=tenders, parked=None, last_at=event.requested_at)
        case PaymentHeld() if event.request_id is not None:
            return _leg_held(booking, event, event.request_id)
        case PaymentHeld():
            return _held(booking, event)
        case _:
            return _evolve_ended(booking, event)


PaymentEnd = PaymentRefused | PaymentReopened | PaymentWithdrawn | PaymentReleased


def _evolve_ended(booking: Booking, event: PaymentEnd) -> Booking:
    """What settles nothing, or nothing any more."""
    match event:
        case PaymentRefused():
            tender = replace(
                _tender(booking, event.payment_id),
                status="refused",
                refusal=event,
                payment=None,
                subsidies=(),
                release_due=event.release_due,
            )
            return _with(booking, tender, at=event.refused_at)
        case PaymentReopened():
            # Why it could not be confirmed does not matter: the hold has to be gone for sure.
            tender = replace(
                _tender(booking, event.payment_id),
                status="reopened",
                payment=None,
                subsidies=(),
                release_due=True,
            )
            return _with(booking, tender, at=event.reopened_at)
        case PaymentWithdrawn():
            tender = replace(
                _tender(booking, event.payment_id),
                status="reopened",
                payment=None,
                subsidies=(),
                release_due=event.hold_id is not None,
            )
            return _with(booking, tender, at=event.withdrawn_at)
        case PaymentReleased():
            tender = replace(_tender(booking, event.payment_id), release_due=False)
            return _with(booking, tender, at=booking.last_at)
        case _:
            assert_never(event)


def _held(booking: Booking, event: PaymentHeld) -> Booking:
    tender = replace(
        _tender(booking, event.payment.payment_id),
        status="held",
        payment=event.payment,
        subsidies=event.subsidies,
        warnings=event.warnings,
    )
    return _with(booking, tender, at=event.held_at)


def _leg_held(booking: Booking, event: PaymentHeld, request_id: str) -> Booking:
    request = _tender(booking, request_id)
    leg = Tender(
        payment_id=event.payment.payment_id,
        kind=request.kind,
        name=request.name,
        status="held",
        requested=event.payment.amount,
        hold_id=event.payment.hold_id,
        payment=event.payment,
        since=event.held_at,
    )
    divided = _with(booking, replace(request, status="divided"), at=event.held_at)
    return replace(divided, tenders=(*divided.tenders, leg))


def _tender(booking: Booking, payment_id: str) -> Tender:
    found = booking.tender(payment_id)
    assert found is not None  # A payment is requested before anything else happens to it.
    return found


def _with(booking: Booking, changed: Tender, *, at: datetime | None) -> Booking:
    tenders = tuple(
        changed if each.payment_id == changed.payment_id else each for each in booking.tenders
    )
    return replace(booking, tenders=tenders, last_at=at)
