"""What the service does about the gateway's bookings. Pure: `now` comes in.

A booking's own time is the business time of the facts that follow from it. Whether other holds
have run out is judged by `now`, the time here: a store box's clock may be wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from events.reaction import Incoming, Policy
from voucher.commands import ActivateVoucher, CancelVoucher, CaptureHold, ReleaseHold
from voucher.foreign import BookingAborted, BookingRecorded

TOPIC = "device-gateway"
HEARD = frozenset({"booking.recorded", "booking.aborted"})


def lane(incoming: Incoming) -> str:
    """One booking: its stream at the gateway. A malformed booking stops no other."""
    return incoming.subject


def activate_what_was_sold(booking: BookingRecorded) -> tuple[ActivateVoucher, ...]:
    """Whenever a sale is recorded, the vouchers on it can be used."""
    return tuple(
        ActivateVoucher(
            voucher_id=line.voucher_id,
            booking_id=booking.booking_id,
            value=line.amount,
            store_id=booking.store_id,
            till_id=booking.till_id,
            now=booking.recorded_at,
        )
        for line in booking.lines
        if line.kind == "voucher_sale" and line.voucher_id is not None
    )


def capture_what_was_paid(booking: BookingRecorded, now: datetime) -> tuple[CaptureHold, ...]:
    """Whenever a sale is recorded, what vouchers paid for it is spent."""
    return tuple(
        CaptureHold(
            voucher_id=payment.voucher_id,
            hold_id=payment.hold_id,
            booking_id=booking.booking_id,
            amount=payment.amount,
            store_id=booking.store_id,
            till_id=booking.till_id,
            accepted_by=booking.legal_entity_id,
            recorded_at=booking.recorded_at,
            now=now,
        )
        for payment in booking.payments
        if payment.kind == "voucher" and payment.hold_id is not None
    )


def cancel_what_was_prepared(booking: BookingAborted) -> tuple[CancelVoucher, ...]:
    """Whenever a booking is aborted, the vouchers prepared for it are not sold."""
    return tuple(
        CancelVoucher(voucher_id=voucher_id, reason="booking_aborted", now=booking.aborted_at)
        for voucher_id in booking.voucher_ids
    )


def release_what_was_held(booking: BookingAborted, now: datetime) -> tuple[ReleaseHold, ...]:
    """Whenever a booking is aborted, its holds end, the confirmed ones too."""
    return tuple(
        ReleaseHold(hold_id=hold_id, reason="aborted", now=now) for hold_id in booking.hold_ids
    )


def policies(clock: Callable[[], datetime]) -> tuple[Policy[Any, Any], ...]:
    """All of them, bound to the events they hear. The names are part of idempotency keys."""
    return (
        Policy(
            name="voucher.activate",
            event="booking.recorded",
            model=BookingRecorded,
            decide=activate_what_was_sold,
            target=lambda command: command.voucher_id,
        ),
        Policy(
            name="voucher.capture",
            event="booking.recorded",
            model=BookingRecorded,
            decide=lambda booking: capture_what_was_paid(booking, clock()),
            target=lambda command: command.hold_id,
        ),
        Policy(
            name="voucher.cancel",
            event="booking.aborted",
            model=BookingAborted,
            decide=cancel_what_was_prepared,
            target=lambda command: command.voucher_id,
        ),
        Policy(
            name="voucher.release",
            event="booking.aborted",
            model=BookingAborted,
            decide=lambda booking: release_what_was_held(booking, clock()),
            target=lambda command: command.hold_id,
        ),
    )
