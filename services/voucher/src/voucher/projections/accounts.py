"""Stored-value accounts: credit, cards, fees and how they were settled."""

from __future__ import annotations

import json
from datetime import datetime
from typing import assert_never

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
)
from voucher.projections import tables
from voucher.projections.page import Page, day_of, lot_row, of_account
from voucher.projections.spending import PAID_OUT, REDEEMED, REVERSED, spend

CREDITED = {
    "load": "loaded",
    "voucher": "claimed_in",
    "refund": "refunded",
    "goodwill": "given",
}
"""How the ledger calls what came onto an account."""

FeeEvent = (
    FeePosted
    | FeeWithdrawn
    | FeeSettlementPrepared
    | FeeSettlementDropped
    | FeeSettled
    | FeeSettlementFailed
)
SpendingEvent = (
    AccountHeld
    | AccountHoldConfirmed
    | AccountHoldReleased
    | AccountSpent
    | AccountSpendReversed
    | AccountPaidOut
)


def fold_account(page: Page, event: AccountEvent) -> None:
    """Add an account's fact to its page."""
    if isinstance(event, SpendingEvent):
        _spending(page, event)
        return
    if isinstance(event, FeeEvent):
        _fee(page, event)
        return
    match event:
        case AccountOpened():
            _opened(page, event)
        case AccountLimitsSet():
            page.account(event.account_id).limits = event.limits.model_dump_json(exclude_none=True)
        case AccountCardAssigned():
            row = page.account(event.account_id)
            row.cards = json.dumps(sorted({*json.loads(row.cards), event.card_serial}))
        case AccountCardEnded():
            row = page.account(event.account_id)
            row.cards = json.dumps(sorted({*json.loads(row.cards)} - {event.card_serial}))
        case AccountBlocked():
            page.account(event.account_id).blocked = event.reason
        case AccountUnblocked():
            page.account(event.account_id).blocked = None
        case AccountLoadPrepared():
            page.account(event.account_id)
            _prepared(page, "load", event.load_id, event, event.prepared_at)
        case AccountLoadCancelled():
            page.account(event.account_id)
            page.end_preparation("load", event.load_id)
        case AccountCredited():
            _credited(page, event)
        case _:
            assert_never(event)


def _opened(page: Page, event: AccountOpened) -> None:
    page.accounts[event.account_id] = tables.AccountRow(
        account_id=event.account_id,
        first_position=page.position,
        legal_entity_id=event.legal_entity_id,
        holder_id=event.holder_id,
        currency=event.currency,
        limits=event.limits.model_dump_json(exclude_none=True),
        receipt_duty=event.receipt_duty,
        time_zone=event.time_zone,
        opened_at=event.opened_at,
        last_at=event.opened_at,
        last_position=page.position,
    )
    page.account(event.account_id)


def _credited(page: Page, event: AccountCredited) -> None:
    row = _moved(page, event.account_id, event.balance.amount, event.credited_at)
    page.end_preparation("load", event.credit_id)
    who = of_account(row)
    for lot in event.lots:
        page.add_lot(who, lot_row(who.owner, lot), CREDITED[event.source], event.business_date)
    if event.source == "goodwill":
        page.concede(
            "goodwill", event, event.amount.amount, row.currency, event.reason or "",
            event.business_date, event.credited_at,
        )  # fmt: skip


def _spending(page: Page, event: SpendingEvent) -> None:
    match event:
        case AccountHeld():
            page.account(event.account_id).last_at = event.held_at
            page.place(
                tables.HoldRow(
                    hold_id=event.hold_id,
                    voucher_id=None,
                    account_id=event.account_id,
                    currency=event.amount.currency,
                    amount_minor=event.amount.amount,
                    confirmed=False,
                    expires_at=event.expires_at,
                    store_id=event.store_id,
                    till_id=event.till_id,
                    booking_id=event.booking_id,
                    purpose=event.purpose,
                    held_at=event.held_at,
                )
            )
        case AccountHoldConfirmed():
            page.account(event.account_id)
            if event.hold_id in page.holds:
                page.holds[event.hold_id].confirmed = True
        case AccountHoldReleased():
            page.account(event.account_id)
            page.end_hold(event.hold_id)
        case AccountSpent():
            row = _moved(page, event.account_id, event.remaining.amount, event.spent_at)
            page.end_hold(event.hold_id)
            who, day = of_account(row), event.business_date
            parts = page.take(who, event.uses, event.amount, "redeemed", day)
            spend(page, who, event.store_id, event.accepted_by, parts, REDEEMED, day)
            page.spent_at[event.hold_id] = (event.store_id, event.accepted_by)
        case AccountSpendReversed():
            _spend_reversed(page, event)
        case AccountPaidOut():
            row = _moved(page, event.account_id, event.remaining.amount, event.paid_out_at)
            page.end_hold(event.hold_id)
            who, day = of_account(row), day_of(event.paid_out_at, row.time_zone)
            parts = page.take(who, event.uses, event.amount, "paid_out", day)
            spend(page, who, event.store_id, None, parts, PAID_OUT, day)
        case _:
            assert_never(event)


def _spend_reversed(page: Page, event: AccountSpendReversed) -> None:
    row = _moved(page, event.account_id, event.balance.amount, event.reversed_at)
    who, day = of_account(row), event.business_date
    parts = page.give_back(who, event.uses, event.amount, "reversed", day)
    if event.hold_id in page.spent_at:
        store_id, acceptor = page.spent_at[event.hold_id]
        spend(page, who, store_id, acceptor, parts, REVERSED, day)
    page.concede(
        "spend_reversed", event, event.amount.amount, row.currency, "goods_returned",
        day, event.reversed_at,
    )  # fmt: skip
    valid_until = vars(event).get("valid_until")
    for lot, _ in parts:
        if valid_until is not None and (lot.valid_until or valid_until) < valid_until:
            lot.valid_until = valid_until


def _fee(page: Page, event: FeeEvent) -> None:
    if isinstance(event, FeeSettlementFailed):
        # Of an account that may never have been opened here.
        page.end_preparation("settlement", event.settlement_id)
        _failed(page, event)
        return
    row = page.account(event.account_id)
    match event:
        case FeePosted():
            row.open_fees_minor += event.amount.amount
            row.last_at = event.posted_at
            page.fees[event.account_id, event.fee_id] = tables.FeeRow(
                account_id=event.account_id,
                fee_id=event.fee_id,
                position=page.position,
                kind=event.kind,
                currency=event.amount.currency,
                amount_minor=event.amount.amount,
                open_minor=event.amount.amount,
                due=event.due,
                note=event.text,
                posted_at=event.posted_at,
            )
            page.fee(event.account_id, event.fee_id)
        case FeeWithdrawn():
            fee = page.fee(event.account_id, event.fee_id)
            row.open_fees_minor -= fee.open_minor
            fee.open_minor, fee.state = 0, "withdrawn"
            day = day_of(event.withdrawn_at, row.time_zone)
            page.concede(
                "fee_withdrawn", event, event.amount.amount, row.currency, event.reason, day,
                event.withdrawn_at,
            )  # fmt: skip
        case FeeSettlementPrepared():
            _prepared(page, "settlement", event.settlement_id, event, event.prepared_at)
        case FeeSettlementDropped():
            page.end_preparation("settlement", event.settlement_id)
        case FeeSettled():
            _settled(page, row, event)
        case _:
            assert_never(event)


def _settled(page: Page, row: tables.AccountRow, event: FeeSettled) -> None:
    fee = page.fee(event.account_id, event.fee_id)
    row.open_fees_minor += event.open.amount - fee.open_minor
    fee.open_minor = event.open.amount
    if not fee.open_minor:
        fee.state = "settled"
    row.balance_minor, row.last_at = event.balance.amount, event.settled_at
    day = event.business_date
    if event.uses:
        page.take(of_account(row), event.uses, event.amount, "fee_settled", day)
    page.end_preparation("settlement", event.settlement_id)
    if event.how == "waiver":
        page.concede(
            "fee_waiver", event, event.amount.amount, row.currency, event.reason or event.kind,
            day, event.settled_at,
        )  # fmt: skip
    page.settlements.append(
        tables.SettlementRow(
            position=page.position,
            settlement_id=event.settlement_id,
            account_id=event.account_id,
            fee_id=event.fee_id,
            kind=event.kind,
            how=event.how,
            currency=event.amount.currency,
            amount_minor=event.amount.amount,
            voucher_serial=event.voucher_serial,
            reason=event.reason,
            actor=page.entry.metadata.actor,
            booking_id=event.booking_id,
            store_id=event.store_id,
            day=day,
            at=event.settled_at,
        )
    )


def _moved(page: Page, account_id: str, balance: int, at: datetime) -> tables.AccountRow:
    row = page.account(account_id)
    row.balance_minor, row.last_at = balance, at
    return row


def _prepared(
    page: Page,
    what: str,
    preparation_id: str,
    event: AccountLoadPrepared | FeeSettlementPrepared,
    at: datetime,
) -> None:
    page.prepare(
        tables.PreparationRow(
            what=what,
            preparation_id=preparation_id,
            position=page.position,
            voucher_id=None,
            account_id=event.account_id,
            serial=None,
            currency=event.amount.currency,
            amount_minor=event.amount.amount,
            store_id=event.store_id,
            till_id=event.till_id,
            booking_id=event.booking_id,
            prepared_at=at,
            expires_at=event.expires_at if isinstance(event, FeeSettlementPrepared) else None,
        )
    )


def _failed(page: Page, event: FeeSettlementFailed) -> None:
    page.failures.append(
        tables.FailureRow(
            position=page.position,
            name=event.event_name,
            voucher_id=None,
            account_id=event.account_id,
            serial=None,
            booking_id=event.booking_id,
            store_id=event.store_id,
            currency=event.amount.currency,
            missing_minor=event.amount.amount,
            reason=event.reason,
            offline=False,
            at=event.failed_at,
        )
    )
