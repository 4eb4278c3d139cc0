"""Decisions that take money from the balance, and that give it back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from money import Money, total
from voucher.commands import CaptureHold, CapturePart, RedeemVoucher, ReverseRedemption
from voucher.decider.basket import eligible
from voucher.decider.lots import proportion
from voucher.decider.refusals import (
    HoldCaptured,
    HoldExpired,
    HoldReleased,
    HoldReused,
    HoldUnknown,
    RedemptionUnknown,
    ReversalReused,
    ReversalTooLarge,
    VoucherEnded,
    VoucherInsufficient,
    WrongCurrency,
)
from voucher.decider.rules import (
    accepted,
    expiries,
    payable,
    same_code,
    usable_uses,
    uses_of,
)
from voucher.decider.state import ENDED, Hold, HoldState, Issued, Status, Unissued, Voucher
from voucher.events import (
    CaptureFault,
    LotUse,
    VoucherCaptureFailed,
    VoucherEvent,
    VoucherPaidOut,
    VoucherRedeemed,
    VoucherRedemptionReversed,
    VoucherSaleReversed,
)

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
    if known is not None and command.booking_id in known.captured_by:
        return ()
    held = known.amount if known is not None and command.hold_id in voucher.open else None
    free = voucher.free(command.now, without=command.hold_id)
    active = voucher.status is Status.ACTIVE
    spent = min(command.amount, free) if active else command.amount.zero
    events: list[VoucherEvent] = list(expiries(voucher, command.now, without=command.hold_id))
    if spent:
        events.append(_taken(command, voucher, spent, held))
    if spent < command.amount:
        reason = _why_missing(voucher, known, command.now)
        open_still = None if spent else held
        missing = command.amount - spent
        events.append(_capture_failed(command, voucher, missing, reason=reason, held=open_still))
    return events


def _taken(command: CaptureHold, voucher: Issued, spent: Money, held: Money | None) -> VoucherEvent:
    uses = uses_of(voucher, spent, command.now, without=command.hold_id)
    remaining = voucher.balance - spent
    match command.purpose:
        case "payment":
            keeps = held is not None and not command.final and spent < held
            return VoucherRedeemed(
                voucher_id=voucher.voucher_id,
                serial=voucher.serial,
                hold_id=command.hold_id,
                booking_id=command.booking_id,
                amount=spent,
                remaining=remaining,
                held=held,
                held_still=held - spent if keeps and held is not None else None,
                uses=uses,
                waiver=voucher.waiver,
                store_id=command.store_id,
                till_id=command.till_id,
                issued_by=voucher.legal_entity_id,
                accepted_by=command.accepted_by,
                offline=command.offline,
                redeemed_at=command.recorded_at,
            )
        case "payout":
            return VoucherPaidOut(
                voucher_id=voucher.voucher_id,
                serial=voucher.serial,
                hold_id=command.hold_id,
                booking_id=command.booking_id,
                amount=spent,
                remaining=remaining,
                uses=uses,
                store_id=command.store_id,
                till_id=command.till_id,
                paid_out_at=command.recorded_at,
            )
        case "sale_reversal":
            values = total((part.value for part in voucher.lots), currency=spent.currency)
            return VoucherSaleReversed(
                voucher_id=voucher.voucher_id,
                serial=voucher.serial,
                hold_id=command.hold_id,
                booking_id=command.booking_id,
                refunded=spent,
                spent=values - voucher.balance,
                uses=uses,
                store_id=command.store_id,
                till_id=command.till_id,
                reversed_at=command.recorded_at,
            )


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
        offline=command.offline,
        failed_at=command.recorded_at,
    )


def capture_part(command: CapturePart, voucher: Voucher) -> Events:
    """As a till's booking does, but asked and not told: it takes no more than the hold keeps."""
    hold = voucher.hold(command.hold_id) if isinstance(voucher, Issued) else None
    if hold is None or isinstance(voucher, Unissued):
        raise HoldUnknown
    if command.booking_id in hold.captured_by:
        return ()
    if hold.state is HoldState.CAPTURED:
        if hold.booking_id == command.booking_id:
            return ()
        raise HoldCaptured
    if hold.state in (HoldState.RELEASED, HoldState.FAILED):
        raise HoldReleased
    if hold.state is HoldState.EXPIRED or hold.lapsed(command.now):
        raise HoldExpired
    if hold.purpose != "payment" or hold.amount.currency != command.amount.currency:
        raise HoldReused
    if command.amount > hold.amount:
        raise VoucherInsufficient(available=hold.amount.model_dump())
    recorded = CaptureHold(
        voucher_id=voucher.voucher_id,
        hold_id=hold.hold_id,
        booking_id=command.booking_id,
        amount=command.amount,
        store_id=hold.store_id,
        till_id=hold.till_id,
        accepted_by=None,
        recorded_at=command.now,
        now=command.now,
        final=command.final,
    )
    return capture(recorded, voucher)


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
    limit = eligible(voucher.terms, command.basket, command.amount.currency)
    amount = payable(voucher, command.amount, command.mode, command.now, limit=limit)
    return (
        *expiries(voucher, command.now),
        VoucherRedeemed(
            voucher_id=voucher.voucher_id,
            serial=voucher.serial,
            hold_id=command.redemption_id,
            amount=amount,
            remaining=voucher.balance - amount,
            uses=usable_uses(voucher, amount, command.now),
            waiver=voucher.waiver,
            store_id=command.store_id,
            issued_by=voucher.legal_entity_id,
            accepted_by=command.accepted_by,
            redeemed_at=command.now,
        ),
    )


def reverse(command: ReverseRedemption, voucher: Voucher) -> Events:
    """Goods came back. All reversals of a redemption together never exceed it."""
    known = voucher.hold(command.hold_id) if isinstance(voucher, Issued) else None
    if known is None or isinstance(voucher, Unissued):
        raise RedemptionUnknown
    before = voucher.past.reversals.get(command.reversal_id)
    if before is not None:
        if not command.recorded and before != command.amount:
            raise ReversalReused
        return ()
    if known.state is not HoldState.CAPTURED or known.purpose != "payment":
        raise RedemptionUnknown
    if known.amount.currency != command.amount.currency:
        raise WrongCurrency
    if voucher.status is Status.REPLACED or (voucher.status in ENDED and not command.recorded):
        # Of a merged voucher it goes on to the successor: `moving.forward`.
        raise VoucherEnded(state=voucher.status.value)
    back = known.amount.zero if known.back is None else known.back
    left = known.amount - back
    if command.amount > left and not command.recorded:
        raise ReversalTooLarge(reversible=left.model_dump())
    credited = min(command.amount, left)
    uses = proportion(known.uses, back, credited)
    return (
        VoucherRedemptionReversed(
            voucher_id=voucher.voucher_id,
            serial=voucher.serial,
            reversal_id=command.reversal_id,
            hold_id=command.hold_id,
            booking_id=command.booking_id,
            amount=credited,
            balance=voucher.balance + credited,
            uses=uses,
            valid_until=command.revived_until if _past(voucher, uses, command.now) else None,
            refused=command.amount - credited if credited < command.amount else None,
            store_id=command.store_id,
            reversed_at=command.now,
        ),
    )


def _past(voucher: Issued, uses: Sequence[LotUse], now: datetime) -> bool:
    touched = {use.lot_id for use in uses}
    return any(part.lot_id in touched and part.usable_before <= now for part in voucher.lots)
