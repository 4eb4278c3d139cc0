"""Decisions that take money from the balance."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from money import Money
from voucher.commands import CaptureHold, RedeemVoucher
from voucher.decider.refusals import HoldReused
from voucher.decider.rules import accepted, expiries, payable, same_code
from voucher.decider.state import Hold, HoldState, Issued, Status, Unissued, Voucher
from voucher.events import CaptureFault, VoucherCaptureFailed, VoucherEvent, VoucherRedeemed

Events = Sequence[VoucherEvent]


def capture(command: CaptureHold, voucher: Voucher) -> Events:
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
    events: list[VoucherEvent] = list(expiries(voucher, command.now, without=command.hold_id))
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
                redeemed_at=command.recorded_at,
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
    return VoucherCaptureFailed(
        voucher_id=voucher.voucher_id if isinstance(voucher, Issued) else command.voucher_id,
        serial=voucher.serial if isinstance(voucher, Issued) else None,
        hold_id=command.hold_id,
        booking_id=command.booking_id,
        amount=command.amount,
        missing=missing,
        held=held,
        store_id=command.store_id,
        till_id=command.till_id,
        reason=reason,
        failed_at=command.recorded_at,
    )


def redeem(command: RedeemVoucher, voucher: Voucher) -> Events:
    same_code(voucher, command.code_hash)
    assert isinstance(voucher, Issued)
    known = voucher.hold(command.redemption_id)
    if known is not None:
        larger = known.amount > command.amount
        differs = command.mode == "exact" and known.amount != command.amount
        if known.state is not HoldState.CAPTURED or larger or differs:
            raise HoldReused
        return ()
    accepted(voucher, command)
    amount = payable(voucher, command.amount, command.mode, command.now)
    return (
        *expiries(voucher, command.now),
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
