"""What each command leads to. Pure: `now` and all ids come in with the command.

A hold that has lapsed no longer counts, whether its expiry is written down or not. Whatever takes
money from the balance first writes down what has lapsed (`_expiries`), so the plain fold of the
events never shows more held than there is.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from money import Money
from voucher.commands import (
    ActivateVoucher,
    CancelVoucher,
    CaptureHold,
    ConfirmHold,
    ExpireHolds,
    IssueVoucher,
    Mode,
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
    VoucherInsufficient,
    VoucherNotUsable,
    VoucherReused,
    WrongCurrency,
)
from voucher.decider.state import Hold, HoldState, Issued, Status, Unissued, Voucher
from voucher.events import (
    CaptureFault,
    ReleaseReason,
    VoucherActivated,
    VoucherActivationFailed,
    VoucherCancelled,
    VoucherCaptureFailed,
    VoucherEvent,
    VoucherHeld,
    VoucherHoldConfirmed,
    VoucherHoldReleased,
    VoucherIssued,
    VoucherRedeemed,
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
            return _capture(command, voucher)
        case RedeemVoucher():
            return _redeem(command, voucher)
        case ExpireHolds():
            return _expiries(voucher, command.now) if isinstance(voucher, Issued) else ()
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
    _same_code(voucher, command.code_hash)
    assert isinstance(voucher, Issued)
    known = voucher.hold(command.hold_id)
    if known is not None:
        return _placed_before(command, known)
    _accepted(voucher, command)
    amount = _payable(voucher, command.amount, command.mode, command.now)
    expiries = _expiries(voucher, command.now)
    if len(voucher.open) - len(expiries) >= HOLDS_OPEN_MAX:
        raise TooManyHolds
    return (
        *expiries,
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
    return (*_expiries(voucher, command.now), again, confirmed)


def _release(command: ReleaseHold, voucher: Voucher) -> Events:
    hold = voucher.hold(command.hold_id) if isinstance(voucher, Issued) else None
    if hold is None or isinstance(voucher, Unissued):
        raise HoldUnknown
    if hold.state is HoldState.CAPTURED:
        raise HoldCaptured
    if hold.hold_id in voucher.closed:
        return ()
    available = voucher.available(command.now, without=hold.hold_id)
    return (_freed(voucher, hold, command.reason, available, command.now),)


def _capture(command: CaptureHold, voucher: Voucher) -> Events:
    """The goods are gone: take what is there, and say what is missing."""
    if isinstance(voucher, Unissued):
        if command.hold_id in voucher.failed:
            return ()
        missing = command.amount
        return (_capture_failed(command, voucher, missing, reason="hold_unknown", held=None),)
    known = voucher.hold(command.hold_id)
    if known is not None and known.state in (HoldState.CAPTURED, HoldState.FAILED):
        return ()
    held = known.amount if known is not None and command.hold_id in voucher.open else None
    free = voucher.available(command.now, without=command.hold_id)
    active = voucher.status is Status.ACTIVE
    spent = min(command.amount, free) if active else command.amount.zero
    events: list[VoucherEvent] = list(_expiries(voucher, command.now, without=command.hold_id))
    if spent:
        events.append(
            VoucherRedeemed(
                voucher_id=voucher.voucher_id,
                serial=voucher.serial,
                hold_id=command.hold_id,
                booking_id=command.booking_id,
                amount=spent,
                remaining=voucher.balance - spent,
                held=held,
                store_id=command.store_id,
                till_id=command.till_id,
                accepted_by=command.accepted_by,
                redeemed_at=command.now,
            )
        )
    if spent < command.amount:
        reason = _why_missing(voucher, known, command.now)
        open_still = None if spent else held
        missing = command.amount - spent
        events.append(_capture_failed(command, voucher, missing, reason=reason, held=open_still))
    return events


def _why_missing(voucher: Issued, known: Hold | None, now: datetime) -> CaptureFault:
    if voucher.status is not Status.ACTIVE:
        return "not_usable"
    if known is None:
        return "hold_unknown"
    if known.state is HoldState.RELEASED:
        return "hold_released"
    return "hold_expired" if known.lapsed(now) or known.state is HoldState.EXPIRED else "over_hold"


def _capture_failed(
    command: CaptureHold,
    voucher: Voucher,
    missing: Money,
    *,
    reason: CaptureFault,
    held: Money | None,
) -> VoucherCaptureFailed:
    issued = isinstance(voucher, Issued)
    return VoucherCaptureFailed(
        voucher_id=voucher.voucher_id if issued else command.voucher_id,
        serial=voucher.serial if issued else None,
        hold_id=command.hold_id,
        booking_id=command.booking_id,
        amount=command.amount,
        missing=missing,
        held=held,
        store_id=command.store_id,
        till_id=command.till_id,
        reason=reason,
        failed_at=command.now,
    )


def _redeem(command: RedeemVoucher, voucher: Voucher) -> Events:
    _same_code(voucher, command.code_hash)
    assert isinstance(voucher, Issued)
    known = voucher.hold(command.redemption_id)
    if known is not None:
        larger = known.amount > command.amount
        differs = command.mode == "exact" and known.amount != command.amount
        if known.state is not HoldState.CAPTURED or larger or differs:
            raise HoldReused
        return ()
    _accepted(voucher, command)
    amount = _payable(voucher, command.amount, command.mode, command.now)
    return (
        *_expiries(voucher, command.now),
        VoucherRedeemed(
            voucher_id=voucher.voucher_id,
            serial=voucher.serial,
            hold_id=command.redemption_id,
            amount=amount,
            remaining=voucher.balance - amount,
            store_id=command.store_id,
            accepted_by=command.accepted_by,
            redeemed_at=command.now,
        ),
    )


def _same_code(voucher: Voucher, code_hash: str) -> None:
    """The caller found this stream by the code, perhaps a while ago: it must still be its code."""
    if isinstance(voucher, Unissued) or not hmac.compare_digest(voucher.code_hash, code_hash):
        raise VoucherNotUsable


def _accepted(voucher: Issued, command: PlaceHold | RedeemVoucher) -> None:
    foreign = command.accepted_by != voucher.legal_entity_id
    if not voucher.usable(command.now) or (foreign and not command.across_entities):
        raise VoucherNotUsable
    if command.amount.currency != voucher.balance.currency:
        raise WrongCurrency


def _payable(voucher: Issued, wanted: Money, mode: Mode, now: datetime) -> Money:
    """What a payment of `wanted` gets. More than zero, never more than is available."""
    available = voucher.available(now)
    if mode == "exact" and available < wanted:
        raise VoucherInsufficient(available=available.model_dump())
    if not available:
        raise VoucherInsufficient(available=available.model_dump())
    return min(wanted, available)


def _expiries(voucher: Issued, now: datetime, *, without: str = "") -> tuple[VoucherEvent, ...]:
    available = voucher.available(now)
    lapsed = sorted(voucher.lapsed(now, without=without), key=lambda hold: hold.hold_id)
    return tuple(_freed(voucher, hold, "expired", available, now) for hold in lapsed)


def _freed(
    voucher: Issued, hold: Hold, reason: ReleaseReason, available: Money, now: datetime
) -> VoucherHoldReleased:
    return VoucherHoldReleased(
        voucher_id=voucher.voucher_id,
        serial=voucher.serial,
        hold_id=hold.hold_id,
        amount=hold.amount,
        available=available,
        reason=reason,
        released_at=now,
    )
