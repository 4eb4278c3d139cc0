"""How each fact changes what is known. Never refuses: what happened, happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from voucher.decider.state import Hold, HoldState, Issued, Status, Unissued, Voucher, end_of
from voucher.events import (
    VoucherActivated,
    VoucherActivationFailed,
    VoucherCancelled,
    VoucherCaptureFailed,
    VoucherEvent,
    VoucherHeld,
    VoucherHoldConfirmed,
    VoucherHoldReleased,
    VoucherIssued,
    VoucherRedeemed,
)


def evolve(voucher: Voucher, event: VoucherEvent) -> Voucher:
    if isinstance(voucher, Unissued):
        return _before_issue(voucher, event)
    match event:
        case VoucherActivated():
            balance = voucher.value if event.reinstated else voucher.balance
            return replace(voucher, status=Status.ACTIVE, balance=balance)
        case VoucherCancelled():
            return replace(voucher, status=Status.CANCELLED, balance=voucher.balance.zero)
        case VoucherHeld():
            return replace(
                voucher,
                open={**voucher.open, event.hold_id: _placed(event)},
                closed=_without(voucher.closed, event.hold_id),
            )
        case VoucherHoldConfirmed():
            confirmed = replace(voucher.open[event.hold_id], state=HoldState.CONFIRMED)
            return replace(voucher, open={**voucher.open, event.hold_id: confirmed})
        case VoucherHoldReleased():
            expired = event.reason == "expired"
            state = HoldState.EXPIRED if expired else HoldState.RELEASED
            known = voucher.hold(event.hold_id)
            assert known is not None  # A hold is placed before it is released.
            return _close(voucher, replace(known, state=state))
        case VoucherRedeemed():
            assert voucher.balance - event.amount == event.remaining
            return replace(_close(voucher, _captured(voucher, event)), balance=event.remaining)
        case VoucherCaptureFailed():
            return _failed(voucher, event)
        case VoucherIssued() | VoucherActivationFailed():
            raise AssertionError(f"{event.event_name} on an issued voucher")
        case _:
            assert_never(event)


def _before_issue(voucher: Unissued, event: VoucherEvent) -> Voucher:
    match event:
        case VoucherIssued():
            return Issued(
                voucher_id=event.voucher_id,
                serial=event.serial,
                code_hash=event.code_hash,
                value=event.value,
                legal_entity_id=event.legal_entity_id,
                booking_id=event.sold_at.booking_id,
                valid_until=event.valid_until,
                time_zone=event.time_zone,
                usable_before=end_of(event.valid_until, event.time_zone),
                status=Status.PENDING,
                balance=event.value,
            )
        case VoucherCancelled():
            return replace(voucher, cancelled=True)
        case VoucherActivationFailed():
            return replace(voucher, failed=voucher.failed | {event.booking_id})
        case VoucherCaptureFailed():
            return replace(voucher, failed=voucher.failed | {event.hold_id})
        case _:
            raise AssertionError(f"{event.event_name} before the voucher was issued")


def _placed(event: VoucherHeld) -> Hold:
    return Hold(
        hold_id=event.hold_id,
        state=HoldState.HELD,
        amount=event.amount,
        left=event.available,
        expires_at=event.expires_at,
        store_id=event.store_id,
        till_id=event.till_id,
        booking_id=event.booking_id,
        payment_id=event.payment_id,
    )


def _captured(voucher: Issued, event: VoucherRedeemed) -> Hold:
    return Hold(
        hold_id=event.hold_id,
        state=HoldState.CAPTURED,
        amount=event.amount,
        left=event.remaining,
        expires_at=event.redeemed_at,
        store_id=event.store_id,
        till_id=event.till_id or "",
        booking_id=event.booking_id or "",
    )


def _failed(voucher: Issued, event: VoucherCaptureFailed) -> Issued:
    """Part of it may have been captured by the event before; then that is what became of it."""
    known = voucher.closed.get(event.hold_id)
    if known is not None and known.state is HoldState.CAPTURED:
        return voucher
    nothing = Hold(
        hold_id=event.hold_id,
        state=HoldState.FAILED,
        amount=event.amount.zero,
        left=voucher.balance,
        expires_at=event.failed_at,
        store_id=event.store_id,
        till_id=event.till_id,
        booking_id=event.booking_id,
    )
    return _close(voucher, nothing)


def _close(voucher: Issued, hold: Hold) -> Issued:
    return replace(
        voucher,
        open=_without(voucher.open, hold.hold_id),
        closed={**voucher.closed, hold.hold_id: hold},
    )


def _without(holds: Mapping[str, Hold], hold_id: str) -> Mapping[str, Hold]:
    if hold_id not in holds:
        return holds
    return {key: hold for key, hold in holds.items() if key != hold_id}
