"""What all settlements of fees have in common."""

from __future__ import annotations

from datetime import datetime

from money import Money
from voucher.decider.account import lots
from voucher.decider.account.state import Fee, Opened, Pins
from voucher.events import FeeSettled, Settlement


def fits(how: Settlement, fee: Fee) -> lots.Fits:
    return lots.settles(fee.kind) if how == "credit" else lots.waives(fee.kind)


def settled(
    account: Opened,
    fee: Fee,
    *,
    settlement_id: str,
    how: Settlement,
    amount: Money,
    parts: Pins,
    voucher_serial: str | None,
    reason: str | None,
    booking_id: str | None,
    store_id: str | None,
    at: datetime,
) -> FeeSettled:
    return FeeSettled(
        account_id=account.account_id,
        fee_id=fee.fee_id,
        settlement_id=settlement_id,
        kind=fee.kind,
        how=how,
        amount=amount,
        open=fee.open - amount,
        balance=account.balance - account.money(lots.worth(parts)),
        uses=lots.uses(account, parts),
        voucher_serial=voucher_serial,
        reason=reason,
        booking_id=booking_id,
        store_id=store_id,
        business_date=account.day(at),
        settled_at=at,
    )


def given_reason(account: Opened, parts: Pins) -> str | None:
    return next((account.credits[lot_id].reason for lot_id, _ in parts), None)


def given_by(account: Opened, parts: Pins) -> str | None:
    return next((account.credits[lot_id].voucher_serial for lot_id, _ in parts), None)
