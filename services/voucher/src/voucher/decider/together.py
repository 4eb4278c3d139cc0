"""Several vouchers that pay one amount: who pays how much. Pure.

The one that ends soonest pays first, of those that end alike the one with the smallest balance, and
of those that are alike in both the one that pays for some goods only. So at most one of them keeps
a rest, those after it are not touched, and nobody pays nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from money import Money
from voucher.commands import PlaceHold
from voucher.decider.basket import (
    Basket,
    beside_own,
    money,
    pay_anything,
    restricted,
    room,
    take,
    unpaid,
)
from voucher.decider.holding import placed
from voucher.decider.refusals import (
    HoldExpired,
    HoldReleased,
    VoucherInsufficient,
    VoucherNotUsable,
)
from voucher.decider.rules import accepted, same_code
from voucher.decider.state import Hold, HoldState, Issued, Voucher
from voucher.events import Cover, VoucherEvent

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
    nothing here, `VoucherInsufficient` if all of them are held by others, `BasketNeeded`.
    """
    if _placed_before(command, vouchers):
        return {}
    usable = {
        stream: _usable(number, leg, vouchers[stream])
        for number, (stream, leg) in enumerate(command.legs.items())
    }
    order = sorted(usable, key=lambda name: _order(usable[name], command.now))
    basket = _basket(command, [usable[stream] for stream in order])
    due, decided = command.amount, dict[str, Sequence[VoucherEvent]]()
    for number, stream in enumerate(order):
        voucher, covers = usable[stream], tuple[Cover, ...]()
        amount = min(due, voucher.available(command.now))
        if basket is not None and restricted(voucher.terms):
            amount = min(amount, money(room(basket, voucher.terms), due.currency))
            later = [usable[other].terms for other in order[number + 1 :]]
            choosy = [terms for terms in later if restricted(terms)]
            covers, basket = take(basket, voucher.terms, amount.amount, choosy)
        elif basket is not None:
            basket = pay_anything(basket, amount.amount)
        if amount:
            decided[stream] = placed(command.legs[stream], voucher, amount, covers)
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


def _basket(command: Together, vouchers: Sequence[Issued]) -> Basket | None:
    """What is to be paid, if it matters to any of them. Raises `BasketNeeded`."""
    choosy = [voucher for voucher in vouchers if restricted(voucher.terms)]
    if not choosy:
        return None
    leg = next(iter(command.legs.values()))
    basket = unpaid(leg.basket, command.amount.currency)
    for voucher in choosy:
        basket = beside_own(basket, voucher, leg.booking_id, command.now)
    return basket
