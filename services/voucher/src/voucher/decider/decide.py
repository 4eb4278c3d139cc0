"""What each command leads to. Pure: `now` and all ids come in with the command.

A hold that has lapsed no longer counts, whether its expiry is written down or not. Whatever takes
money from the balance first writes down what has lapsed (`expiries`), so the plain fold of the
events never shows more held than there is.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from voucher.commands import (
    ActivateVoucher,
    CancelVoucher,
    CaptureHold,
    ConfirmHold,
    ExpireHolds,
    IssueVoucher,
    PlaceHold,
    RedeemVoucher,
    ReleaseHold,
    VoucherCommand,
)
from voucher.decider.refusals import (
    CodeGone,
    HoldCaptured,
    HoldExpired,
    HoldReleased,
    HoldReused,
    HoldUnknown,
    TooManyHolds,
    VoucherCancelledBefore,
    VoucherReused,
)
from voucher.decider.rules import accepted, expiries, freed, payable, same_code
from voucher.decider.spend import capture, redeem
from voucher.decider.state import Hold, HoldState, Issued, Status, Unissued, Voucher
from voucher.events import (
    VoucherActivated,
    VoucherActivationFailed,
    VoucherCancelled,
    VoucherEvent,
    VoucherHeld,
    VoucherHoldConfirmed,
    VoucherIssued,
)

HOLDS_OPEN_MAX = 20
"""Payments that may hold one voucher at once. More is a defect of a till or an attack."""

CONFIRMED_AGAIN = HoldState.CONFIRMED, HoldState.CAPTURED
Events = Sequence[VoucherEvent]


def decide(command: VoucherCommand, voucher: Voucher) -> Events:
    match command:
        case IssueVoucher():
            return _issue(command, voucher)
        case ActivateVoucher():
            return _activate(command, voucher)
        case CancelVoucher():
            return _cancel(command, voucher)
        case PlaceHold():
            return _place(command, voucher)
        case ConfirmHold():
            return _confirm(command, voucher)
        case ReleaseHold():
            return _release(command, voucher)
        case CaptureHold():
            return capture(command, voucher)
        case RedeemVoucher():
            return redeem(command, voucher)
        case ExpireHolds():
            return expiries(voucher, command.now) if isinstance(voucher, Issued) else ()
        case _:
            assert_never(command)


def _issue(command: IssueVoucher, voucher: Voucher) -> Events:
    if isinstance(voucher, Unissued):
        if voucher.cancelled:
            raise VoucherCancelledBefore
        return (
            VoucherIssued(
                voucher_id=command.voucher_id,
                serial=command.serial,
                code_hash=command.code_hash,
                hash_key_id=command.hash_key_id,
                value=command.value,
                legal_entity_id=command.legal_entity_id,
                sold_at=command.sold_at,
                valid_until=command.valid_until,
                time_zone=command.time_zone,
                issued_at=command.now,
            ),
        )
    if (voucher.value, voucher.legal_entity_id) != (command.value, command.legal_entity_id):
        raise VoucherReused
    if voucher.booking_id != command.sold_at.booking_id:
        raise VoucherReused
    if voucher.status is Status.CANCELLED:
        raise VoucherCancelledBefore
    if not hmac.compare_digest(voucher.code_hash, command.code_hash):
        raise CodeGone
    return ()


def _activate(command: ActivateVoucher, voucher: Voucher) -> Events:
    if isinstance(voucher, Unissued):
        if command.booking_id in voucher.failed:
            return ()
        return (
            VoucherActivationFailed(
                voucher_id=command.voucher_id,
                booking_id=command.booking_id,
                value=command.value,
                store_id=command.store_id,
                till_id=command.till_id,
                reason="never_issued",
                failed_at=command.now,
            ),
        )
    if voucher.status is Status.ACTIVE:
        return ()
    return (
        VoucherActivated(
            voucher_id=voucher.voucher_id,
            serial=voucher.serial,
            booking_id=command.booking_id,
            value=voucher.value,
            activated_at=command.now,
            reinstated=voucher.status is Status.CANCELLED,
        ),
    )


def _cancel(command: CancelVoucher, voucher: Voucher) -> Events:
    if isinstance(voucher, Unissued):
        if voucher.cancelled:
            return ()
        return (
            VoucherCancelled(
                voucher_id=command.voucher_id, reason=command.reason, cancelled_at=command.now
            ),
        )
    # A recorded sale wins: the customer has paid and holds the paper.
    if voucher.status is not Status.PENDING:
        return ()
    return (
        VoucherCancelled(
            voucher_id=voucher.voucher_id,
            serial=voucher.serial,
            value=voucher.value,
            reason=command.reason,
            cancelled_at=command.now,
        ),
    )


def _place(command: PlaceHold, voucher: Voucher) -> Events:
    same_code(voucher, command.code_hash)
    assert isinstance(voucher, Issued)
    known = voucher.hold(command.hold_id)
    if known is not None:
        return _placed_before(command, known)
    accepted(voucher, command)
    amount = payable(voucher, command.amount, command.mode, command.now)
    lapsed = expiries(voucher, command.now)
    if len(voucher.open) - len(lapsed) >= HOLDS_OPEN_MAX:
        raise TooManyHolds
    return (
        *lapsed,
        VoucherHeld(
            voucher_id=voucher.voucher_id,
            serial=voucher.serial,
            hold_id=command.hold_id,
            amount=amount,
            available=voucher.available(command.now) - amount,
            store_id=command.store_id,
            till_id=command.till_id,
            booking_id=command.booking_id,
            payment_id=command.payment_id,
            expires_at=command.expires_at,
            held_at=command.now,
        ),
    )


def _placed_before(command: PlaceHold, known: Hold) -> Events:
    """The same id again, because an answer was lost: nothing happens, the hold is shown."""
    if known.state is HoldState.RELEASED:
        raise HoldReleased
    if known.state in (HoldState.EXPIRED, HoldState.FAILED) or known.lapsed(command.now):
        raise HoldExpired
    larger = known.amount > command.amount
    if larger or (command.mode == "exact" and known.amount != command.amount):
        raise HoldReused
    return ()


def _confirm(command: ConfirmHold, voucher: Voucher) -> Events:
    hold = voucher.hold(command.hold_id) if isinstance(voucher, Issued) else None
    if hold is None or isinstance(voucher, Unissued):
        raise HoldUnknown
    if hold.state in CONFIRMED_AGAIN:
        return ()
    if hold.state in (HoldState.RELEASED, HoldState.FAILED):
        raise HoldReleased
    confirmed = VoucherHoldConfirmed(
        voucher_id=voucher.voucher_id,
        serial=voucher.serial,
        hold_id=hold.hold_id,
        confirmed_at=command.now,
    )
    if hold.state is HoldState.HELD and not hold.lapsed(command.now):
        return (confirmed,)
    # The cashier took longer than the hold lasts. If nobody took the money meanwhile, it is still
    # there for the customer who stands at the till; what the expiry freed is held again.
    left = voucher.available(command.now, without=hold.hold_id)
    if not voucher.usable(command.now) or left < hold.amount:
        raise HoldExpired
    again = VoucherHeld(
        voucher_id=voucher.voucher_id,
        serial=voucher.serial,
        hold_id=hold.hold_id,
        amount=hold.amount,
        available=left - hold.amount,
        store_id=hold.store_id,
        till_id=hold.till_id,
        booking_id=hold.booking_id,
        payment_id=hold.payment_id,
        expires_at=command.now,
        held_at=command.now,
    )
    return (*expiries(voucher, command.now), again, confirmed)


def _release(command: ReleaseHold, voucher: Voucher) -> Events:
    hold = voucher.hold(command.hold_id) if isinstance(voucher, Issued) else None
    if hold is None or isinstance(voucher, Unissued):
        raise HoldUnknown
    if hold.state is HoldState.CAPTURED:
        raise HoldCaptured
    available = voucher.available(command.now, without=hold.hold_id)
    if hold.state is HoldState.EXPIRED:
        # Its amount is free already. But an expired hold may be confirmed again while the money is
        # there, and a confirm that comes late must find that nobody wants it any more.
        gone = replace(hold, amount=hold.amount.zero)
        return (freed(voucher, gone, command.reason, available, command.now),)
    if hold.hold_id in voucher.closed:
        return ()
    return (freed(voucher, hold, command.reason, available, command.now),)
