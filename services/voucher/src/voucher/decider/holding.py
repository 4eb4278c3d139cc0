"""Holds: placed, confirmed, released."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from money import Money
from voucher.commands import ConfirmHold, PlaceHold, ReleaseHold
from voucher.decider.basket import beside_own, money, restricted, room, take, unpaid
from voucher.decider.refusals import (
    HoldCaptured,
    HoldExpired,
    HoldReleased,
    HoldReused,
    HoldUnknown,
    PayoutNotAllowed,
    SaleNotReversible,
    TooManyHolds,
    VoucherHeldNow,
    VoucherNotUsable,
)
from voucher.decider.rules import accepted, expiries, freed, payable, same_code
from voucher.decider.state import Hold, HoldState, Issued, Unissued, Voucher
from voucher.events import Cover, VoucherEvent, VoucherHeld, VoucherHoldConfirmed

HOLDS_OPEN_MAX = 20
"""Payments that may hold one voucher at once. More is a defect of a till or an attack."""

CONFIRMED_AGAIN = HoldState.CONFIRMED, HoldState.CAPTURED
Events = Sequence[VoucherEvent]


def place(command: PlaceHold, voucher: Voucher) -> Events:
    same_code(voucher, command.code_hash)
    assert isinstance(voucher, Issued)
    known = voucher.hold(command.hold_id)
    if known is not None:
        return _placed_before(command, known)
    accepted(voucher, command)
    return placed(command, voucher, *_amount(command, voucher))


def placed(
    command: PlaceHold, voucher: Issued, amount: Money, covers: Sequence[Cover] = ()
) -> Events:
    """A hold of `amount`, which is available. Raises `TooManyHolds`."""
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
            purpose=command.purpose,
            group_id=command.group_id,
            approved_by=command.approved_by if command.purpose == "payout" else None,
            covers=tuple(covers),
        ),
    )


def _amount(command: PlaceHold, voucher: Issued) -> tuple[Money, Sequence[Cover]]:
    match command.purpose:
        case "payment":
            return _payment(command, voucher)
        case "payout":
            return _payout(command, voucher), ()
        case "sale_reversal":
            return _sale_reversal(command, voucher), ()


def _payment(command: PlaceHold, voucher: Issued) -> tuple[Money, Sequence[Cover]]:
    if not restricted(voucher.terms):
        return payable(voucher, command.amount, command.mode, command.now, limit=None), ()
    currency = command.amount.currency
    basket = unpaid(command.basket, currency)
    basket = beside_own(basket, voucher, command.booking_id, command.now)
    limit = money(room(basket, voucher.terms), currency)
    amount = payable(voucher, command.amount, command.mode, command.now, limit=limit)
    covers, _ = take(basket, voucher.terms, amount.amount)
    return amount, covers


def _payout(command: PlaceHold, voucher: Issued) -> Money:
    """The whole rest or nothing, as the terms allow: what could be turned into money at any time
    would be no voucher (UStG § 3 (13))."""
    terms = voucher.terms
    own = command.accepted_by == voucher.legal_entity_id
    allowed = {
        "never": False,
        "below_minimum": terms.payout_below is not None and voucher.balance < terms.payout_below,
        "goodwill": command.approved_by is not None,
    }
    if not own or not allowed[terms.payout]:
        raise PayoutNotAllowed(policy=terms.payout)
    most = command.payout_max
    if most is not None and voucher.balance > most:
        raise PayoutNotAllowed(policy=terms.payout, payout_max=most.model_dump())
    whole = _whole(command, voucher)
    if whole is None:
        raise PayoutNotAllowed(policy=terms.payout, available=voucher.balance.model_dump())
    return whole


def _sale_reversal(command: PlaceHold, voucher: Issued) -> Money:
    """What is still there goes back to the buyer, all of it: the voucher ends."""
    if voucher.waiver is not None or command.accepted_by != voucher.legal_entity_id:
        raise SaleNotReversible
    whole = _whole(command, voucher)
    if whole is None:
        raise SaleNotReversible(available=voucher.balance.model_dump())
    return whole


def _whole(command: PlaceHold, voucher: Issued) -> Money | None:
    """All of the balance, if nobody else holds a part of it and the request asks for no less."""
    if voucher.available(command.now) != voucher.balance:
        raise VoucherHeldNow
    short = command.amount < voucher.balance
    if short or (command.mode == "exact" and command.amount != voucher.balance):
        return None
    return voucher.balance


def _placed_before(command: PlaceHold, known: Hold) -> Events:
    """The same id again, because an answer was lost: nothing happens, the hold is shown."""
    if known.state is HoldState.RELEASED:
        raise HoldReleased
    if known.state in (HoldState.EXPIRED, HoldState.FAILED) or known.lapsed(command.now):
        raise HoldExpired
    larger = known.amount > command.amount
    if larger or (command.mode == "exact" and known.amount != command.amount):
        raise HoldReused
    if known.purpose != command.purpose or known.group_id != command.group_id:
        raise HoldReused
    return ()


def confirm(command: ConfirmHold, voucher: Voucher) -> Events:
    hold = voucher.hold(command.hold_id) if isinstance(voucher, Issued) else None
    if hold is None or isinstance(voucher, Unissued):
        raise HoldUnknown
    if hold.state in CONFIRMED_AGAIN:
        return ()
    if hold.state in (HoldState.RELEASED, HoldState.FAILED):
        raise HoldReleased
    if voucher.blocked:
        raise VoucherNotUsable
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
    if hold.purpose != "payment" and left != voucher.balance:
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
        purpose=hold.purpose,
        group_id=hold.group_id,
        covers=hold.covers,
    )
    return (*expiries(voucher, command.now), again, confirmed)


def release(command: ReleaseHold, voucher: Voucher) -> Events:
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
