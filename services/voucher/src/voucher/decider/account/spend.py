"""Holds on an account, their capture, and what comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from voucher.commands import CaptureHold, ConfirmHold, ReleaseHold
from voucher.decider.account import limits, lots
from voucher.decider.account.commands import PlaceAccountHold, ReverseSpend
from voucher.decider.account.evolve import AccountFact
from voucher.decider.account.refusals import ReversalReused, ReversalTooLarge
from voucher.decider.account.state import Account, AccountHold, Opened, Pins, Unopened
from voucher.decider.refusals import (
    HoldCaptured,
    HoldExpired,
    HoldReleased,
    HoldReused,
    HoldUnknown,
    TooManyHolds,
    VoucherInsufficient,
    VoucherNotUsable,
    WrongCurrency,
)
from voucher.decider.state import HoldState
from voucher.events import (
    AccountHeld,
    AccountHoldConfirmed,
    AccountHoldReleased,
    AccountPaidOut,
    AccountSpendReversed,
    AccountSpent,
    CaptureFault,
    FeeSettlementDropped,
    Purpose,
    ReleaseReason,
    VoucherCaptureFailed,
)

HOLDS_OPEN_MAX = 20
"""Payments that may hold one account at once. More is a defect of a till or an attack."""

Facts = Sequence[AccountFact]


def available(
    account: Opened, now: datetime, *, purpose: Purpose = "payment", without: str = ""
) -> int:
    """What a new hold can get, before limits."""
    fits = lots.returns if purpose == "payout" else lots.pays
    return lots.worth(lots.free(account, fits, account.day(now), now, without=without))


def expiries(account: Opened, now: datetime, *, without: str = "") -> list[AccountFact]:
    """Holds and settlements whose time is over. They stopped counting at that instant; whatever
    uses credit first writes them down, so the plain fold never keeps more than there is."""
    facts: list[AccountFact] = []
    shown = available(account, now)
    for hold in sorted(account.lapsed(now, without=without), key=lambda hold: hold.hold_id):
        facts.append(_freed(account, hold, "expired", shown, now))
    for entry in account.preparing():
        if entry.settlement_id != without and not entry.live(now):
            facts.append(
                FeeSettlementDropped(
                    account_id=account.account_id,
                    fee_id=entry.fee_id,
                    settlement_id=entry.settlement_id,
                    reason="expired",
                    dropped_at=now,
                )
            )
    return facts


def place(command: PlaceAccountHold, account: Account) -> Facts:
    card = account.card_of(command.code_hash) if isinstance(account, Opened) else None
    if isinstance(account, Unopened) or card is None:
        raise VoucherNotUsable
    known = account.hold(command.hold_id)
    if known is not None:
        return _placed_before(command, known)
    if account.blocked is not None or command.accepted_by != account.legal_entity_id:
        raise VoucherNotUsable
    if command.purpose == "sale_reversal":
        raise VoucherNotUsable
    if command.amount.currency != account.currency:
        raise WrongCurrency
    day = account.day(command.now)
    there = available(account, command.now, purpose=command.purpose)
    if command.purpose == "payout":
        most = 0 if command.payout_max is None else command.payout_max.amount
        allowed = there if there <= most else 0  # The whole rest, or nothing.
        if command.amount.amount < there:
            allowed = 0
    else:
        limit = limits.spendable(account, day, command.now)
        allowed = there if limit is None else min(there, limit)
    if not allowed or (command.mode == "exact" and allowed < command.amount.amount):
        raise VoucherInsufficient(available=account.money(allowed).model_dump())
    lapsed = expiries(account, command.now)
    if len(account.open) - len([*account.lapsed(command.now)]) >= HOLDS_OPEN_MAX:
        raise TooManyHolds
    amount = min(command.amount.amount, allowed)
    return (
        *lapsed,
        AccountHeld(
            account_id=account.account_id,
            hold_id=command.hold_id,
            amount=account.money(amount),
            available=account.money(available(account, command.now) - amount),
            store_id=command.store_id,
            till_id=command.till_id,
            booking_id=command.booking_id,
            payment_id=command.payment_id,
            card_serial=card.serial,
            purpose=command.purpose,
            business_date=day,
            expires_at=command.expires_at,
            held_at=command.now,
        ),
    )


def _placed_before(command: PlaceAccountHold, known: AccountHold) -> Facts:
    """The same id again, because an answer was lost: nothing happens, the hold is shown."""
    if known.state is HoldState.RELEASED:
        raise HoldReleased
    if known.state in (HoldState.EXPIRED, HoldState.FAILED) or known.lapsed(command.now):
        raise HoldExpired
    larger = known.amount > command.amount
    differs = command.mode == "exact" and known.amount != command.amount
    if larger or differs or known.purpose != command.purpose:
        raise HoldReused
    return ()


def confirm(command: ConfirmHold, account: Account) -> Facts:
    hold = account.hold(command.hold_id) if isinstance(account, Opened) else None
    if hold is None or isinstance(account, Unopened):
        raise HoldUnknown
    if hold.state in (HoldState.CONFIRMED, HoldState.CAPTURED):
        return ()
    if hold.state in (HoldState.RELEASED, HoldState.FAILED):
        raise HoldReleased
    if account.blocked is not None:
        raise HoldExpired  # Lost meanwhile: only what was confirmed before is honoured.
    confirmed = AccountHoldConfirmed(
        account_id=account.account_id, hold_id=hold.hold_id, confirmed_at=command.now
    )
    if hold.state is HoldState.HELD and not hold.lapsed(command.now):
        return (confirmed,)
    # The cashier took longer than the hold lasts; if nobody took the credit, it is held again.
    day = account.day(command.now)
    there = available(account, command.now, purpose=hold.purpose, without=hold.hold_id)
    limit = limits.spendable(account, day, command.now, without=hold.hold_id)
    if hold.purpose == "payment" and limit is not None:
        there = min(there, limit)
    if there < hold.amount.amount:
        raise HoldExpired
    left = available(account, command.now, without=hold.hold_id) - hold.amount.amount
    again = AccountHeld(
        account_id=account.account_id,
        hold_id=hold.hold_id,
        amount=hold.amount,
        available=account.money(left),
        store_id=hold.store_id,
        till_id=hold.till_id,
        booking_id=hold.booking_id,
        payment_id=hold.payment_id,
        card_serial=hold.card_serial,
        purpose=hold.purpose,
        business_date=day,
        expires_at=command.now,
        held_at=command.now,
    )
    return (*expiries(account, command.now), again, confirmed)


def release(command: ReleaseHold, account: Account) -> Facts:
    hold = account.hold(command.hold_id) if isinstance(account, Opened) else None
    if hold is None or isinstance(account, Unopened):
        raise HoldUnknown
    if hold.state is HoldState.CAPTURED:
        raise HoldCaptured
    shown = available(account, command.now, without=hold.hold_id)
    if hold.state is HoldState.EXPIRED:
        # Its amount is free already; a confirm that comes late must find that nobody wants it.
        gone = replace(hold, amount=hold.amount.zero)
        return (_freed(account, gone, command.reason, shown, command.now),)
    if hold.hold_id in account.closed:
        return ()
    return (_freed(account, hold, command.reason, shown, command.now),)


def _freed(
    account: Opened, hold: AccountHold, reason: ReleaseReason, shown: int, now: datetime
) -> AccountHoldReleased:
    return AccountHoldReleased(
        account_id=account.account_id,
        hold_id=hold.hold_id,
        amount=hold.amount,
        available=account.money(shown),
        reason=reason,
        released_at=now,
    )


def capture(command: CaptureHold, account: Account) -> Facts:
    """The goods are gone: take what is there, and say what is missing."""
    if isinstance(account, Unopened):
        failed = command.hold_id in account.failed
        return () if failed else (_missing(command, command.amount.amount, "hold_unknown"),)
    known = account.hold(command.hold_id)
    if known is not None and known.state in (HoldState.CAPTURED, HoldState.FAILED):
        return ()
    facts: list[AccountFact] = expiries(account, command.now, without=command.hold_id)
    purpose: Purpose = "payment" if known is None else known.purpose
    fits = lots.returns if purpose == "payout" else lots.pays
    # A lot that has passed its last day since it was held pays all the same: `honoured`.
    there = lots.honoured(account, command.hold_id, fits, account.day(command.now), command.now)
    parts = lots.part_of(there, command.amount.amount)
    spent = lots.worth(parts)
    if spent:
        facts.append(_taken(command, account, known, purpose, parts))
    if spent < command.amount.amount:
        why = _why_missing(known, command.now)
        facts.append(_missing(command, command.amount.amount - spent, why, known, account))
    return facts


def _taken(
    command: CaptureHold,
    account: Opened,
    known: AccountHold | None,
    purpose: Purpose,
    parts: Pins,
) -> AccountSpent | AccountPaidOut:
    spent = account.money(lots.worth(parts))
    if purpose == "payout":
        return AccountPaidOut(
            account_id=account.account_id,
            hold_id=command.hold_id,
            booking_id=command.booking_id,
            amount=spent,
            remaining=account.balance - spent,
            uses=lots.uses(account, parts),
            store_id=command.store_id,
            paid_out_at=command.recorded_at,
        )
    return AccountSpent(
        account_id=account.account_id,
        hold_id=command.hold_id,
        booking_id=command.booking_id,
        amount=spent,
        remaining=account.balance - spent,
        held=known.amount if known is not None and command.hold_id in account.open else None,
        uses=lots.uses(account, parts),
        card_serial=None if known is None else known.card_serial,
        store_id=command.store_id,
        till_id=command.till_id,
        accepted_by=command.accepted_by,
        business_date=account.day(command.recorded_at) if known is None else known.day,
        spent_at=command.recorded_at,
    )


def _why_missing(known: AccountHold | None, now: datetime) -> CaptureFault:
    if known is None:
        return "hold_unknown"
    if known.state is HoldState.RELEASED:
        return "hold_released"
    return "hold_expired" if known.lapsed(now) or known.state is HoldState.EXPIRED else "over_hold"


def _missing(
    command: CaptureHold,
    minor: int,
    reason: CaptureFault,
    known: AccountHold | None = None,
    account: Opened | None = None,
) -> VoucherCaptureFailed:
    """The same fact as for a voucher, so that it is shown and booked to the store's overdraft in
    the same way."""
    open_still = account is not None and command.hold_id in account.open
    all_of_it = minor == command.amount.amount
    return VoucherCaptureFailed(
        serial=None if known is None else known.card_serial,
        hold_id=command.hold_id,
        booking_id=command.booking_id,
        amount=command.amount,
        missing=command.amount.zero.model_copy(update={"amount": minor}),
        held=known.amount if known is not None and open_still and all_of_it else None,
        store_id=command.store_id,
        till_id=command.till_id,
        reason=reason,
        failed_at=command.recorded_at,
    )


def reverse(command: ReverseSpend, account: Account) -> Facts:
    """Never more than was spent, over all reversals of one hold."""
    hold = account.hold(command.hold_id) if isinstance(account, Opened) else None
    if isinstance(account, Unopened) or hold is None or hold.state is not HoldState.CAPTURED:
        raise HoldUnknown
    before = account.reversals.get(command.reversal_id)
    if before is not None:
        if before != (command.hold_id, command.amount):
            raise ReversalReused
        return ()
    left = hold.amount.amount - hold.given_back if hold.purpose == "payment" else 0
    if command.amount.amount > left and not command.recorded:
        raise ReversalTooLarge(left=account.money(left).model_dump())
    amount = account.money(min(command.amount.amount, left))
    parts = lots.returned(hold.uses, hold.given_back, amount.amount)
    day = account.day(command.now)
    late = any(account.credits[lot_id].lot.valid_until < day for lot_id, _ in parts)
    return (
        AccountSpendReversed(
            account_id=account.account_id,
            reversal_id=command.reversal_id,
            hold_id=command.hold_id,
            booking_id=command.booking_id,
            amount=amount,
            balance=account.balance + amount,
            uses=lots.back(account, parts),
            valid_until=command.revive_until if late else None,
            refused=command.amount - amount if amount < command.amount else None,
            business_date=day,
            reversed_at=command.now,
        ),
    )
