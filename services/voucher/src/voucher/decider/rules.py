"""Rules that several decisions share."""

from __future__ import annotations

import hmac
from datetime import datetime

from money import Money
from voucher.commands import Mode, PlaceHold, RedeemVoucher
from voucher.decider.refusals import VoucherInsufficient, VoucherNotUsable, WrongCurrency
from voucher.decider.state import Hold, Issued, Unissued, Voucher
from voucher.events import ReleaseReason, VoucherEvent, VoucherHoldReleased


def same_code(voucher: Voucher, code_hash: str) -> None:
    """The caller found this stream by the code, perhaps a while ago: it must still be its code."""
    if isinstance(voucher, Unissued) or not hmac.compare_digest(voucher.code_hash, code_hash):
        raise VoucherNotUsable


def accepted(voucher: Issued, command: PlaceHold | RedeemVoucher) -> None:
    foreign = command.accepted_by != voucher.legal_entity_id
    if not voucher.usable(command.now) or (foreign and not command.across_entities):
        raise VoucherNotUsable
    if command.amount.currency != voucher.balance.currency:
        raise WrongCurrency


def payable(voucher: Issued, wanted: Money, mode: Mode, now: datetime) -> Money:
    """What a payment of `wanted` gets. More than zero, never more than is available."""
    available = voucher.available(now)
    if mode == "exact" and available < wanted:
        raise VoucherInsufficient(available=available.model_dump())
    if not available:
        raise VoucherInsufficient(available=available.model_dump())
    return min(wanted, available)


def expiries(voucher: Issued, now: datetime, *, without: str = "") -> tuple[VoucherEvent, ...]:
    available = voucher.available(now)
    lapsed = sorted(voucher.lapsed(now, without=without), key=lambda hold: hold.hold_id)
    return tuple(freed(voucher, hold, "expired", available, now) for hold in lapsed)


def freed(
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
