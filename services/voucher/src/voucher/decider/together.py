"""Several vouchers that pay one amount: who pays how much. Pure.

The one that ends soonest pays first, of those that end alike the one with the smallest balance, and
of those that are alike in both the one that pays for some goods only. So at most one of them keeps
a rest, those after it are not touched, and nobody pays nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from money import Money, total
from voucher.commands import Goods, PlaceHold
from voucher.decider.holding import place
from voucher.decider.refusals import (
    HoldExpired,
    HoldReleased,
    VoucherInsufficient,
    VoucherNotUsable,
)
from voucher.decider.rules import accepted, fits, restricted, same_code
from voucher.decider.state import Hold, HoldState, Issued, Voucher
from voucher.events import VoucherEvent

CODES_MAX = 10
"""Vouchers that pay together."""


@dataclass(frozen=True, slots=True)
class Together:
    """One amount, and one command per voucher, that asks for all of it."""

    amount: Money
    legs: Mapping[str, PlaceHold]
    """By stream, in the order of the request."""
    now: datetime


def place_together(
    command: Together, vouchers: Mapping[str, Voucher]
) -> dict[str, Sequence[VoucherEvent]]:
    """The facts of each voucher that pays; nothing for a repeat.

    Raises `VoucherNotUsable` (`extra`: `voucher`, its place in the request) if any of them pays
    nothing here, `VoucherInsufficient` if all of them are held by others.
    """
    if _placed_before(command, vouchers):
        return {}
    usable = {
        stream: _usable(number, leg, vouchers[stream])
        for number, (stream, leg) in enumerate(command.legs.items())
    }
    due, decided = command.amount, dict[str, Sequence[VoucherEvent]]()
    basket = next(iter(command.legs.values())).basket
    goods = None if basket is None else list(basket)
    for stream in sorted(usable, key=lambda name: _order(usable[name], command.now)):
        voucher = usable[stream]
        amount = min(due, voucher.available(command.now))
        if restricted(voucher.terms) and goods is not None:
            fitting = [part.gross for part in goods if fits(voucher.terms, part)]
            amount = min(amount, max(due.zero, total(fitting, currency=due.currency)))
        if not amount:
            continue
        leg = replace(
            command.legs[stream],
            amount=amount,
            mode="exact",
            basket=None if goods is None else tuple(goods),
        )
        decided[stream] = place(leg, voucher)
        if goods is not None:
            goods = _paid(goods, amount, voucher, list(usable.values()))
        due = due - amount
    if not decided:
        raise VoucherInsufficient(available=command.amount.zero.model_dump())
    return decided


def _placed_before(command: Together, vouchers: Mapping[str, Voucher]) -> bool:
    """The same group again, because an answer was lost."""
    known = holds_of(command, vouchers)
    for hold in known.values():
        if hold.state is HoldState.RELEASED:
            raise HoldReleased
        if hold.state in (HoldState.EXPIRED, HoldState.FAILED) or hold.lapsed(command.now):
            raise HoldExpired
    return bool(known)


def holds_of(command: Together, vouchers: Mapping[str, Voucher]) -> dict[str, Hold]:
    """The holds of the group, by stream."""
    found: dict[str, Hold] = {}
    for stream, leg in command.legs.items():
        voucher = vouchers[stream]
        hold = voucher.hold(leg.hold_id) if isinstance(voucher, Issued) else None
        if hold is not None:
            found[stream] = hold
    return found


def _usable(number: int, leg: PlaceHold, voucher: Voucher) -> Issued:
    try:
        same_code(voucher, leg.code_hash)
        assert isinstance(voucher, Issued)
        accepted(voucher, leg)
    except VoucherNotUsable:
        raise VoucherNotUsable(voucher=number) from None
    return voucher


def _order(voucher: Issued, now: datetime) -> tuple[date, int, bool, str]:
    soonest = min(
        part.valid_until for part in voucher.lots if part.left and now < part.usable_before
    )
    return (soonest, voucher.balance.amount, not restricted(voucher.terms), voucher.serial)


def _paid(
    goods: Sequence[Goods], amount: Money, voucher: Issued, others: Sequence[Issued]
) -> list[Goods]:
    """What is left to be paid of the basket. A voucher for everything pays first for what the
    choosy ones cannot."""
    choosy = [other.terms for other in others if restricted(other.terms)]
    ranked = sorted(
        range(len(goods)), key=lambda place: sum(fits(terms, goods[place]) for terms in choosy)
    )
    left = list(goods)
    for number in ranked:
        part = left[number]
        if restricted(voucher.terms) and not fits(voucher.terms, part):
            continue
        taken = min(amount, max(part.gross, part.gross.zero))
        left[number] = replace(part, gross=part.gross - taken)
        amount = amount - taken
    return left
