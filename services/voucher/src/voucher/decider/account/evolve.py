"""How each fact changes what is known of an account. Never refuses: what happened, happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import assert_never

from money import Money
from voucher.decider.account import lots
from voucher.decider.account.evolve_fees import fee_known, settlement
from voucher.decider.account.parts import taken, with_, without
from voucher.decider.account.state import (
    Account,
    AccountHold,
    Card,
    Credit,
    Load,
    LoadState,
    Opened,
    Unopened,
)
from voucher.decider.state import HoldState
from voucher.events import (
    AccountBlocked,
    AccountCardAssigned,
    AccountCardEnded,
    AccountCredited,
    AccountEvent,
    AccountHeld,
    AccountHoldConfirmed,
    AccountHoldReleased,
    AccountLimitsSet,
    AccountLoadCancelled,
    AccountLoadPrepared,
    AccountOpened,
    AccountPaidOut,
    AccountSpendReversed,
    AccountSpent,
    AccountUnblocked,
    FeePosted,
    FeeSettled,
    FeeSettlementDropped,
    FeeSettlementFailed,
    FeeSettlementPrepared,
    FeeWithdrawn,
    Purpose,
    VoucherCaptureFailed,
)

AccountFact = AccountEvent | VoucherCaptureFailed
"""`voucher.capture_failed` also stands on an account's stream: a prepaid card that a recorded
booking was paid with had too little."""

PAYMENT: Purpose = "payment"
PAYOUT: Purpose = "payout"


def evolve(account: Account, event: AccountFact) -> Account:
    if isinstance(account, Unopened):
        return _before_opening(account, event)
    match event:
        case AccountLimitsSet():
            return replace(account, limits=event.limits)
        case AccountCardAssigned():
            card = Card(serial=event.card_serial, code_hash=event.code_hash)
            return replace(account, cards=with_(account.cards, card.serial, card))
        case AccountCardEnded():
            ended = replace(account.cards[event.card_serial], live=False)
            return replace(account, cards=with_(account.cards, ended.serial, ended))
        case AccountBlocked():
            return replace(account, blocked=event.reason)
        case AccountUnblocked():
            return replace(account, blocked=None)
        case AccountLoadPrepared() | AccountLoadCancelled() | AccountCredited():
            return _loaded(account, event)
        case AccountHeld() | AccountHoldConfirmed() | AccountHoldReleased():
            return _held(account, event)
        case AccountSpent() | AccountPaidOut() | AccountSpendReversed() | VoucherCaptureFailed():
            return _spent(account, event)
        case FeePosted() | FeeWithdrawn():
            return fee_known(account, event)
        case (
            FeeSettlementPrepared() | FeeSettlementDropped() | FeeSettled() | FeeSettlementFailed()
        ):
            return settlement(account, event)
        case AccountOpened():
            raise AssertionError("an account is opened once")
        case _:
            assert_never(event)


def _before_opening(account: Unopened, event: AccountFact) -> Account:
    match event:
        case AccountOpened():
            return Opened(
                account_id=event.account_id,
                legal_entity_id=event.legal_entity_id,
                holder_id=event.holder_id,
                currency=event.currency,
                limits=event.limits,
                receipt_duty=event.receipt_duty,
                time_zone=event.time_zone,
                balance=Money(amount=0, currency=event.currency),
            )
        case FeeSettlementFailed():
            return replace(account, failed=account.failed | {event.settlement_id})
        case VoucherCaptureFailed():
            return replace(account, failed=account.failed | {event.hold_id})
        case _:
            raise AssertionError(f"{event.event_name} before the account was opened")


def _loaded(
    account: Opened, event: AccountLoadPrepared | AccountLoadCancelled | AccountCredited
) -> Opened:
    match event:
        case AccountLoadPrepared():
            load = Load(
                load_id=event.load_id,
                amount=event.amount,
                booking_id=event.booking_id,
                day=account.day(event.prepared_at),
                state=LoadState.PREPARED,
            )
            return replace(account, loads=with_(account.loads, load.load_id, load))
        case AccountLoadCancelled():
            gone = replace(account.loads[event.load_id], state=LoadState.CANCELLED)
            return replace(account, loads=with_(account.loads, gone.load_id, gone))
        case AccountCredited():
            return _credited(account, event)
        case _:
            assert_never(event)


def _credited(account: Opened, event: AccountCredited) -> Opened:
    assert account.balance + event.amount == event.balance
    credits = dict(account.credits)
    for lot in event.lots:
        assert lot.lot_id not in credits  # Each credit brings its own lots.
        credits[lot.lot_id] = Credit(lot, event.source, event.voucher_serial, event.reason)
    loads, loaded = account.loads, account.loaded
    if event.source == "load":
        known = loads.get(event.credit_id)
        load = Load(
            load_id=event.credit_id,
            amount=event.amount,
            booking_id=event.booking_id or "",
            day=event.business_date if known is None else known.day,
            state=LoadState.CREDITED,
        )
        loads = with_(loads, load.load_id, load)
        loaded = _counted(loaded, [_month(load.day)], event.amount.amount)
    return replace(
        account,
        credits=credits,
        credit_ids=with_(account.credit_ids, event.credit_id, event.amount),
        loads=loads,
        loaded=loaded,
        balance=event.balance,
    )


def _held(
    account: Opened, event: AccountHeld | AccountHoldConfirmed | AccountHoldReleased
) -> Opened:
    match event:
        case AccountHeld():
            return _placed(account, event)
        case AccountHoldConfirmed():
            confirmed = replace(account.open[event.hold_id], state=HoldState.CONFIRMED)
            return replace(account, open=with_(account.open, event.hold_id, confirmed))
        case AccountHoldReleased():
            expired = event.reason == "expired"
            known = account.hold(event.hold_id)
            assert known is not None  # A hold is placed before it is released.
            state = HoldState.EXPIRED if expired else HoldState.RELEASED
            return _close(account, replace(known, state=state, pins=()))
        case _:
            assert_never(event)


def _placed(account: Opened, event: AccountHeld) -> Opened:
    fits = lots.returns if event.purpose == "payout" else lots.pays
    there = lots.free(account, fits, event.business_date, event.held_at)
    hold = AccountHold(
        hold_id=event.hold_id,
        state=HoldState.HELD,
        amount=event.amount,
        left=event.available,
        expires_at=event.expires_at,
        store_id=event.store_id,
        till_id=event.till_id,
        booking_id=event.booking_id,
        payment_id=event.payment_id,
        card_serial=event.card_serial,
        purpose=event.purpose,
        day=event.business_date,
        pins=lots.part_of(there, event.amount.amount),
    )
    return replace(
        account,
        open=with_(account.open, hold.hold_id, hold),
        closed=without(account.closed, hold.hold_id),
    )


def _spent(
    account: Opened,
    event: AccountSpent | AccountPaidOut | AccountSpendReversed | VoucherCaptureFailed,
) -> Opened:
    match event:
        case AccountSpent():
            assert account.balance - event.amount == event.remaining
            less = taken(account, event.uses)
            counted = _counted(account.spent, _windows(event.business_date), event.amount.amount)
            captured = _captured(account, event)
            return replace(_close(less, captured), balance=event.remaining, spent=counted)
        case AccountPaidOut():
            assert account.balance - event.amount == event.remaining
            captured = _captured(account, event)
            return replace(_close(taken(account, event.uses), captured), balance=event.remaining)
        case AccountSpendReversed():
            return _reversed(account, event)
        case VoucherCaptureFailed():
            known = account.hold(event.hold_id)
            if known is not None and known.state is HoldState.CAPTURED:
                return account  # Part of it was captured by the fact before this one.
            return _close(account, _failed(account, event))
        case _:
            assert_never(event)


def _captured(account: Opened, event: AccountSpent | AccountPaidOut) -> AccountHold:
    known = account.hold(event.hold_id)
    match event:
        case AccountSpent():
            day, at, purpose, till_id = event.business_date, event.spent_at, PAYMENT, event.till_id
        case AccountPaidOut():
            at, purpose, till_id = event.paid_out_at, PAYOUT, ""
            day = account.day(at)
        case _:
            assert_never(event)
    return AccountHold(
        hold_id=event.hold_id,
        state=HoldState.CAPTURED,
        amount=event.amount,
        left=event.remaining,
        expires_at=at,
        store_id=event.store_id,
        till_id=till_id,
        booking_id=event.booking_id or "",
        payment_id=known.payment_id if known else "",
        card_serial=known.card_serial if known else None,
        purpose=purpose,
        day=day,
        uses=event.uses,
    )


def _failed(account: Opened, event: VoucherCaptureFailed) -> AccountHold:
    return AccountHold(
        hold_id=event.hold_id,
        state=HoldState.FAILED,
        amount=event.amount.zero,
        left=account.balance,
        expires_at=event.failed_at,
        store_id=event.store_id,
        till_id=event.till_id,
        booking_id=event.booking_id,
        payment_id="",
        card_serial=None,
        purpose="payment",
        day=account.day(event.failed_at),
    )


def _reversed(account: Opened, event: AccountSpendReversed) -> Opened:
    assert account.balance + event.amount == event.balance
    hold = account.closed[event.hold_id]
    asked = event.amount if event.refused is None else event.amount + event.refused
    credits = dict(account.credits)
    for use in event.uses:
        credit = credits[use.lot_id]
        until = credit.lot.valid_until
        if event.valid_until is not None and until < event.business_date:
            until = event.valid_until
        lot = credit.lot.model_copy(
            update={"amount": credit.lot.amount + use.amount, "valid_until": until}
        )
        credits[use.lot_id] = replace(credit, lot=lot)
    given_back = replace(hold, given_back=hold.given_back + event.amount.amount)
    # The allowance comes back in the period of the purchase, not of the return.
    spent = _counted(account.spent, _windows(hold.day), -event.amount.amount)
    return replace(
        account,
        credits=credits,
        closed=with_(account.closed, hold.hold_id, given_back),
        reversals=with_(account.reversals, event.reversal_id, (hold.hold_id, asked)),
        spent=spent,
        balance=event.balance,
    )


def _close(account: Opened, hold: AccountHold) -> Opened:
    return replace(
        account,
        open=without(account.open, hold.hold_id),
        closed=with_(account.closed, hold.hold_id, hold),
    )


def _month(day: date) -> str:
    return f"{day:%Y-%m}"


def _windows(day: date) -> list[str]:
    return [day.isoformat(), _month(day)]


def _counted(sums: Mapping[str, int], windows: list[str], minor: int) -> Mapping[str, int]:
    return {**sums, **{window: sums.get(window, 0) + minor for window in windows}}
