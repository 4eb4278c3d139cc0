"""Rules that several decisions share."""

from __future__ import annotations

import hmac
from datetime import datetime

from money import Money
from voucher.commands import Mode, PlaceHold, RedeemVoucher
from voucher.decider.lots import drawn
from voucher.decider.refusals import (
    VoucherInsufficient,
    VoucherNotUsable,
    WrongCurrency,
)
from voucher.decider.state import Hold, Issued, Unissued, Voucher
from voucher.events import (
    LotUse,
    ReleaseReason,
    VoucherEvent,
    VoucherHoldReleased,
)


def same_code(voucher: Voucher, code_hash: str) -> None:
    """The caller found this stream by the code, perhaps a while ago: it must still be its code."""
    if isinstance(voucher, Unissued) or not hmac.compare_digest(voucher.code_hash, code_hash):
        raise VoucherNotUsable


def accepted(voucher: Issued, command: PlaceHold | RedeemVoucher) -> None:
    if not voucher.usable(command.now) or not taken_at(
        voucher, command.store_id, command.accepted_by, across_entities=command.across_entities
    ):
        raise VoucherNotUsable
    if command.amount.currency != voucher.balance.currency:
        raise WrongCurrency


def taken_at(voucher: Issued, store_id: str, accepted_by: str, *, across_entities: bool) -> bool:
    """Whether a store of this legal entity takes the voucher at all."""
    limits = voucher.terms.restrictions
    own = accepted_by == voucher.legal_entity_id
    if not own and not across_entities and accepted_by not in limits.legal_entities:
        return False
    return not limits.stores or store_id in limits.stores


def payable(
    voucher: Issued, wanted: Money, mode: Mode, now: datetime, *, limit: Money | None
) -> Money:
    """What a payment of `wanted` gets. More than zero, never more than is available, nor than the
    goods that the voucher may pay for (`limit`)."""
    available = voucher.available(now)
    if limit is not None:
        if not limit:
            raise VoucherNotUsable
        available = min(available, limit)
    if mode == "exact" and available < wanted:
        raise VoucherInsufficient(available=available.model_dump())
    if not available:
        raise VoucherInsufficient(available=available.model_dump())
    return min(wanted, available)


def uses_of(
    voucher: Issued, amount: Money, now: datetime, *, without: str = ""
) -> tuple[LotUse, ...]:
    """From which lots `amount` is taken, beside what other payments hold."""
    if len(voucher.lots) == 1:
        return (voucher.lots[0].use(amount),)
    return drawn(voucher.rooms(now, without=without), amount)


def usable_uses(voucher: Issued, amount: Money, now: datetime) -> tuple[LotUse, ...]:
    """As `uses_of`, from lots that are not past their day."""
    if len(voucher.lots) == 1:
        return (voucher.lots[0].use(amount),)
    rooms = [(part, room) for part, room in voucher.rooms(now) if now < part.usable_before]
    return drawn(rooms, amount)


def expiries(voucher: Issued, now: datetime, *, without: str = "") -> tuple[VoucherEvent, ...]:
    if not voucher.open:
        return ()
    lapsed = sorted(voucher.lapsed(now, without=without), key=lambda hold: hold.hold_id)
    if not lapsed:
        return ()
    available = voucher.available(now)
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
