"""How the facts of fees and their settlements change an account."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from voucher.decider.account import lots
from voucher.decider.account.parts import taken, with_
from voucher.decider.account.state import Fee, Opened, Pins, SettlementState, Settling
from voucher.events import (
    FeePosted,
    FeeSettled,
    FeeSettlementDropped,
    FeeSettlementFailed,
    FeeSettlementPrepared,
    FeeWithdrawn,
)


def fee_known(account: Opened, event: FeePosted | FeeWithdrawn) -> Opened:
    match event:
        case FeePosted():
            fee = Fee(
                fee_id=event.fee_id,
                kind=event.kind,
                amount=event.amount,
                due=event.due,
                text=event.text,
                open=event.amount,
                place=len(account.fees),
            )
        case FeeWithdrawn():
            known = account.fees[event.fee_id]
            fee = replace(known, open=known.open.zero, withdrawn=True)
        case _:
            assert_never(event)
    return replace(account, fees=with_(account.fees, fee.fee_id, fee))


def settlement(
    account: Opened,
    event: FeeSettlementPrepared | FeeSettlementDropped | FeeSettled | FeeSettlementFailed,
) -> Opened:
    known = account.settlements.get(event.settlement_id)
    match event:
        case FeeSettlementPrepared():
            entry = _prepared(account, event)
        case FeeSettlementDropped():
            assert known is not None
            expired = event.reason == "expired"
            state = SettlementState.EXPIRED if expired else SettlementState.DROPPED
            entry = replace(known, state=state, pins=())
        case FeeSettled():
            return _fee_settled(account, event, known)
        case FeeSettlementFailed():
            if known is not None and known.state is SettlementState.SETTLED:
                return account  # Part of it was settled by the fact before this one.
            entry = replace(known or _unprepared(event), state=SettlementState.FAILED, pins=())
        case _:
            assert_never(event)
    return replace(account, settlements=with_(account.settlements, entry.settlement_id, entry))


def _prepared(account: Opened, event: FeeSettlementPrepared) -> Settling:
    pins: Pins = ()
    if event.how == "credit" or event.from_credit:
        kind = account.fees[event.fee_id].kind
        fits = lots.settles(kind) if event.how == "credit" else lots.waives(kind)
        day = account.day(event.prepared_at)
        there = lots.free(account, fits, day, event.prepared_at)
        pins = lots.part_of(there, event.amount.amount)
    return Settling(
        settlement_id=event.settlement_id,
        fee_id=event.fee_id,
        how=event.how,
        amount=event.amount,
        booking_id=event.booking_id,
        expires_at=event.expires_at,
        state=SettlementState.PREPARED,
        from_credit=event.from_credit,
        voucher_id=event.voucher_id,
        voucher_serial=event.voucher_serial,
        reason=event.reason,
        store_id=event.store_id,
        pins=pins,
    )


def _unprepared(event: FeeSettled | FeeSettlementFailed) -> Settling:
    at = event.settled_at if isinstance(event, FeeSettled) else event.failed_at
    return Settling(
        settlement_id=event.settlement_id,
        fee_id=event.fee_id,
        how=event.how,
        amount=event.amount,
        booking_id=event.booking_id,
        expires_at=at,
        state=SettlementState.PREPARED,
        reason=event.reason,
        store_id=event.store_id,
    )


def _fee_settled(account: Opened, event: FeeSettled, known: Settling | None) -> Opened:
    fee = account.fees[event.fee_id]
    assert fee.open - event.amount == event.open
    entry = replace(
        known or _unprepared(event),
        state=SettlementState.SETTLED,
        settled=event.amount,
        voucher_serial=event.voucher_serial,
        pins=(),
    )
    fee = replace(fee, open=event.open, settlements=fee.settlements + 1)
    return replace(
        taken(account, event.uses),
        fees=with_(account.fees, fee.fee_id, fee),
        settlements=with_(account.settlements, entry.settlement_id, entry),
        balance=event.balance,
    )
