"""A payment of an open sale is taken back at the till: what it settled is open again. Pure."""

from __future__ import annotations

from device_gateway.commands import WithdrawPayment
from device_gateway.decider.booking_state import Booking, Tender
from device_gateway.decider.lines import must_be_open
from device_gateway.events import PaymentWithdrawn
from events import DomainError


class PaymentUnknown(DomainError):
    code = "payment.not_there"
    status = 404
    title = "This sale has no such payment"


class PaymentStays(DomainError):
    """`reason`: terminal (it is refunded, not taken back), requested (its answer is still to come)
    or offline (only an abort of the sale gives it back)."""

    code = "payment.stays"
    title = "This payment cannot be taken back"


def withdraw(command: WithdrawPayment, booking: Booking) -> tuple[PaymentWithdrawn, ...]:
    """Taken back before: nothing. Raises `PaymentUnknown`, `PaymentStays` and what a sale that has
    ended says."""
    started = must_be_open(booking)
    tender = booking.tender(command.payment_id)
    if tender is None:
        raise PaymentUnknown
    if tender.status in ("reopened", "refused"):
        return ()
    _may_go(tender)
    return (
        PaymentWithdrawn(
            booking_id=started.booking_id,
            store_id=started.store_id,
            payment_id=tender.payment_id,
            hold_id=tender.hold_id,
            withdrawn_at=command.now,
        ),
    )


def _may_go(tender: Tender) -> None:
    paid = tender.payment
    if paid is None:
        raise PaymentStays(reason="requested")
    if paid.offline:
        raise PaymentStays(reason="offline")
    if tender.terminal is not None:
        raise PaymentStays(reason="terminal")
