"""Card payments that a terminal takes, and what stays of them: taken, not taken, unknown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from device_gateway.commands import NewPayment
from device_gateway.commands.terminal import (
    CardCommand,
    NoteNotTaken,
    NoteTaken,
    NoteUnknown,
    ResolvePayment,
)
from device_gateway.decider.booking_state import Booking, Tender
from device_gateway.decider.lines import must_be_open
from device_gateway.decider.refusals import (
    CardAtTerminal,
    CardTaken,
    NotUnknown,
    PaymentOutOfRange,
)
from device_gateway.events import (
    BookingEvent,
    BookingStarted,
    Payment,
    PaymentAccepted,
    PaymentRefused,
    PaymentRequested,
    PaymentResolved,
    PaymentUnknown,
)
from money import Money, total

NOT_TAKEN = "card.not_taken"
"""Code of a payment of which a person said that it was not taken."""


def asked_of(
    started: BookingStarted, new: NewPayment, amount: Money, now: object
) -> PaymentRequested:
    """The intent: stored before any terminal is asked."""
    assert new.terminal is not None
    return PaymentRequested.model_validate(
        {
            "booking_id": started.booking_id,
            "store_id": started.store_id,
            "payment_id": new.payment_id,
            "kind": new.kind,
            "name": new.name,
            "fiscal": new.fiscal,
            "hold_id": "",
            "amount": amount,
            "requested_at": now,
            "terminal": new.terminal,
        }
    )


def request_refund(new: NewPayment, booking: Booking, now: object) -> tuple[PaymentRequested, ...]:
    """Money goes back to a card: what a return leaves, or what this booking's own cards paid.
    Raises `CardAtTerminal`, `PaymentOutOfRange`."""
    started = must_be_open(booking)
    nothing_at_terminal(booking)
    assert new.amount is not None
    owed = -min(booking.open_amount.amount, 0)
    most = max(owed, taken_by_terminals(booking).amount)
    if not 0 < -new.amount.amount <= most:
        raise PaymentOutOfRange(f"at most {most} minor units go back")
    return (asked_of(started, new, new.amount, now),)


def card_decide(command: CardCommand, booking: Booking) -> Sequence[BookingEvent]:
    """What a terminal or a person said of a payment. The first word stands."""
    tender = booking.tender(command.payment_id)
    if tender is None or tender.terminal is None or not booking.open:
        return ()
    match command:
        case NoteTaken() if tender.status == "requested":
            return (_accepted(command, booking, tender),)
        case NoteNotTaken() if tender.status == "requested":
            return (_refused(command, booking),)
        case NoteUnknown() if tender.status == "requested":
            return (_unknown(command, booking),)
        case ResolvePayment():
            return _resolved(command, booking, tender)
        case _:
            return ()


def _accepted(command: NoteTaken, booking: Booking, tender: Tender) -> PaymentAccepted:
    assert booking.started is not None
    assert tender.request is not None
    return PaymentAccepted(
        booking_id=booking.started.booking_id,
        store_id=booking.started.store_id,
        payment=Payment(
            payment_id=tender.payment_id,
            kind=tender.kind,
            name=tender.name,
            fiscal=tender.request.fiscal,
            amount=tender.requested,
            payment_type=command.payment_type,
            terminal=command.receipt,
            receipt_number=command.receipt_number,
        ),
        accepted_at=command.now,
    )


def _refused(command: NoteNotTaken, booking: Booking) -> PaymentRefused:
    assert booking.started is not None
    return PaymentRefused(
        booking_id=booking.started.booking_id,
        store_id=booking.started.store_id,
        payment_id=command.payment_id,
        hold_id="",
        code=command.code,
        detail=command.detail,
        status=command.status,
        release_due=False,
        refused_at=command.now,
    )


def _unknown(command: NoteUnknown, booking: Booking) -> PaymentUnknown:
    assert booking.started is not None
    return PaymentUnknown(
        booking_id=booking.started.booking_id,
        store_id=booking.started.store_id,
        payment_id=command.payment_id,
        terminal_id=command.terminal_id,
        reason=command.reason,
        at=command.now,
    )


def _resolved(
    command: ResolvePayment, booking: Booking, tender: Tender
) -> tuple[BookingEvent, ...]:
    """Raises `NotUnknown`."""
    if tender.status != "unknown":
        raise NotUnknown(state=tender.status)
    assert booking.started is not None
    said = PaymentResolved(
        booking_id=booking.started.booking_id,
        store_id=booking.started.store_id,
        payment_id=command.payment_id,
        outcome=command.outcome,
        reason=command.reason,
        receipt_number=command.receipt_number,
        cashier_id=command.cashier_id,
        approved_by=command.approved_by,
        resolved_at=command.now,
    )
    if command.outcome == "approved":
        taken = NoteTaken(
            command.booking_id, command.payment_id, command.now,
            receipt_number=command.receipt_number, payment_type=command.payment_type,
        )  # fmt: skip
        return (said, _accepted(taken, booking, tender))
    gone = NoteNotTaken(
        command.booking_id, command.payment_id, NOT_TAKEN, command.reason, 409, command.now
    )
    return (said, _refused(gone, booking))


def waiting(tenders: Iterable[Tender]) -> tuple[Tender, ...]:
    """Payments of which nobody knows yet whether a terminal took them."""
    return tuple(
        each for each in tenders
        if each.terminal is not None and each.status in ("requested", "unknown")
    )  # fmt: skip


def nothing_at_terminal(booking: Booking) -> None:
    """Raises `CardAtTerminal` where a payment waits for a terminal, or for a person."""
    for tender in waiting(booking.tenders):
        raise CardAtTerminal(payment_id=tender.payment_id, payment_state=tender.status)


def taken_by_terminals(booking: Booking) -> Money:
    """What terminals took for this booking, less what they gave back."""
    return total(
        (paid.amount for paid in booking.payments if is_of_terminal(booking, paid)),
        currency=booking.currency,
    )


def is_of_terminal(booking: Booking, paid: Payment) -> bool:
    """Whether a terminal moved this money; also where a person had to say that it did."""
    tender = booking.tender(paid.payment_id)
    return tender is not None and tender.terminal is not None


def abortable(booking: Booking) -> None:
    """Raises `CardAtTerminal`, and `CardTaken` where a card's money is still here."""
    nothing_at_terminal(booking)
    taken = taken_by_terminals(booking)
    if taken:
        raise CardTaken(taken=taken.model_dump())
