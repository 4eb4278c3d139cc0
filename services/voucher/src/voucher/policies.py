"""What the service does about the gateway's bookings. Pure: `now` comes in.

A booking's own time is the business time of the facts that follow from it. Whether other holds
have run out is judged by `now`, the time here: a store box's clock may be wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from events.reaction import Incoming, Policy
from money import Money
from voucher.commands import (
    ActivateVoucher,
    BookedReversal,
    BookedTopUp,
    CancelTopUp,
    CancelVoucher,
    CaptureHold,
    ReleaseGroup,
    ReleaseHold,
)
from voucher.events import Purpose
from voucher.foreign import BookingAborted, BookingRecorded

TOPIC = "device-gateway"
HEARD = frozenset({"booking.recorded", "booking.aborted"})

TAKES_BACK: dict[str, Purpose] = {
    "voucher_payout": "payout",
    "voucher_sale_reversal": "sale_reversal",
}
"""Lines that stand for a hold: money goes back to the customer for it."""


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


def top_up_what_was_sold(booking: BookingRecorded) -> tuple[BookedTopUp, ...]:
    """Whenever a top-up is recorded, its value can be used."""
    return tuple(
        BookedTopUp(
            voucher_id=line.voucher_id,
            top_up_id=line.top_up_id,
            amount=line.worth,
            booking_id=booking.booking_id,
            store_id=booking.store_id,
            till_id=booking.till_id,
            recorded_at=booking.recorded_at,
        )
        for line in booking.lines
        if line.kind == "voucher_top_up" and line.voucher_id and line.top_up_id
    )


def capture_what_was_paid(booking: BookingRecorded, now: datetime) -> tuple[CaptureHold, ...]:
    """Whenever a sale is recorded, what vouchers paid for it is spent, and what lowered its price
    too."""
    return tuple(
        _capture(
            booking,
            now,
            hold_id=payment.hold_id,
            voucher_id=payment.voucher_id,
            amount=payment.amount,
            purpose="payment",
            offline=payment.offline,
            serial=payment.voucher_serial,
        )
        for payment in booking.payments
        if payment.kind == "voucher" and payment.hold_id is not None
    ) + tuple(
        _capture(
            booking,
            now,
            hold_id=waiver.hold_id,
            voucher_id=waiver.voucher_id,
            amount=waiver.amount,
            purpose="payment",
        )
        for waiver in booking.waivers
    )


def take_back_what_was_returned(booking: BookingRecorded, now: datetime) -> tuple[CaptureHold, ...]:
    """Whenever a rest is paid out, or a voucher returned, the voucher ends."""
    return tuple(
        _capture(
            booking,
            now,
            hold_id=line.hold_id,
            voucher_id=line.voucher_id,
            amount=line.worth,
            purpose=TAKES_BACK[line.kind],
        )
        for line in booking.lines
        if line.kind in TAKES_BACK and line.hold_id is not None
    )


def _capture(
    booking: BookingRecorded,
    now: datetime,
    *,
    hold_id: str,
    voucher_id: str | None,
    amount: Money,
    purpose: Purpose,
    offline: bool = False,
    serial: str | None = None,
) -> CaptureHold:
    return CaptureHold(
        voucher_id=voucher_id,
        hold_id=hold_id,
        booking_id=booking.booking_id,
        amount=amount,
        store_id=booking.store_id,
        till_id=booking.till_id,
        accepted_by=booking.legal_entity_id,
        recorded_at=booking.recorded_at,
        now=now,
        purpose=purpose,
        offline=offline,
        serial=serial,
    )


def give_back_what_was_refunded(booking: BookingRecorded) -> tuple[BookedReversal, ...]:
    """Whenever goods that a voucher paid for come back, the value returns to it."""
    return tuple(
        BookedReversal(
            voucher_id=line.voucher_id,
            hold_id=line.hold_id,
            reversal_id=line.reversal_id,
            amount=line.worth,
            booking_id=booking.booking_id,
            store_id=booking.store_id,
            recorded_at=booking.recorded_at,
        )
        for line in booking.lines
        if line.kind == "voucher_redemption_reversal" and line.hold_id and line.reversal_id
    )


def cancel_what_was_prepared(booking: BookingAborted) -> tuple[CancelVoucher, ...]:
    """Whenever a booking is aborted, the vouchers prepared for it are not sold."""
    return tuple(
        CancelVoucher(
            voucher_id=voucher_id,
            reason="booking_aborted",
            now=booking.aborted_at,
            booking_id=booking.booking_id,
        )
        for voucher_id in booking.voucher_ids
    )


def cancel_top_ups(booking: BookingAborted) -> tuple[CancelTopUp, ...]:
    """Whenever a booking is aborted, the top-ups prepared for it are not sold."""
    return tuple(
        CancelTopUp(top_up_id=top_up_id, reason="booking_aborted", now=booking.aborted_at)
        for top_up_id in booking.top_up_ids
    )


def release_what_was_held(booking: BookingAborted, now: datetime) -> tuple[ReleaseHold, ...]:
    """Whenever a booking is aborted, its holds end, the confirmed ones too."""
    return tuple(
        ReleaseHold(hold_id=hold_id, reason="aborted", now=now) for hold_id in booking.hold_ids
    )


def release_groups(booking: BookingAborted, now: datetime) -> tuple[ReleaseGroup, ...]:
    """Whenever a booking is aborted, groups of holds end of which the till never heard."""
    return tuple(ReleaseGroup(group_id=group_id, now=now) for group_id in booking.group_ids)


def policies(clock: Callable[[], datetime]) -> tuple[Policy[Any, Any], ...]:
    """All of them, bound to the events they hear. The names are part of idempotency keys.

    A reversal comes last: it is the only one that can be refused, and then the record waits with
    everything else of its booking done.
    """
    return (*_after_recording(clock), *_after_abort(clock))


def _after_recording(clock: Callable[[], datetime]) -> tuple[Policy[Any, Any], ...]:
    recorded: dict[str, Any] = {"event": "booking.recorded", "model": BookingRecorded}
    return (
        Policy(
            name="voucher.activate",
            **recorded,
            decide=activate_what_was_sold,
            target=lambda command: command.voucher_id,
        ),
        Policy(
            name="voucher.top_up",
            **recorded,
            decide=top_up_what_was_sold,
            target=lambda command: command.top_up_id,
        ),
        Policy(
            name="voucher.capture",
            **recorded,
            decide=lambda booking: capture_what_was_paid(booking, clock()),
            target=lambda command: command.hold_id,
        ),
        Policy(
            name="voucher.take_back",
            **recorded,
            decide=lambda booking: take_back_what_was_returned(booking, clock()),
            target=lambda command: command.hold_id,
        ),
        Policy(
            name="voucher.give_back",
            **recorded,
            decide=give_back_what_was_refunded,
            target=lambda command: command.reversal_id,
        ),
    )


def _after_abort(clock: Callable[[], datetime]) -> tuple[Policy[Any, Any], ...]:
    aborted: dict[str, Any] = {"event": "booking.aborted", "model": BookingAborted}
    return (
        Policy(
            name="voucher.cancel",
            **aborted,
            decide=cancel_what_was_prepared,
            target=lambda command: command.voucher_id,
        ),
        Policy(
            name="voucher.cancel_top_up",
            **aborted,
            decide=cancel_top_ups,
            target=lambda command: command.top_up_id,
        ),
        Policy(
            name="voucher.release",
            **aborted,
            decide=lambda booking: release_what_was_held(booking, clock()),
            target=lambda command: command.hold_id,
        ),
        Policy(
            name="voucher.release_group",
            **aborted,
            decide=lambda booking: release_groups(booking, clock()),
            target=lambda command: command.group_id,
        ),
    )
