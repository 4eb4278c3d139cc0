"""Holds, redemptions and what is given back, of vouchers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from money import Money
from voucher.events import (
    VoucherActivationFailed,
    VoucherCaptureFailed,
    VoucherHeld,
    VoucherHoldConfirmed,
    VoucherPaidOut,
    VoucherRedeemed,
    VoucherRedemptionReversed,
    VoucherSaleReversed,
)
from voucher.projections import tables
from voucher.projections.page import Holder, Page, day_of, of_voucher, seen

REDEEMED, REVERSED, PAID_OUT = 0, 1, 2
"""Columns of a store's day."""

Parts = Iterable[tuple[tables.LotRow, int]]


def held(page: Page, event: VoucherHeld) -> None:
    seen(page, event.voucher_id, event.store_id, event.held_at)
    page.place(
        tables.HoldRow(
            hold_id=event.hold_id,
            voucher_id=event.voucher_id,
            account_id=None,
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


def confirmed(page: Page, event: VoucherHoldConfirmed) -> None:
    page.voucher(event.voucher_id)
    if event.hold_id in page.holds:
        page.holds[event.hold_id].confirmed = True


def redeemed(page: Page, event: VoucherRedeemed) -> None:
    row = seen(page, event.voucher_id, event.store_id, event.redeemed_at)
    day = event.business_date or day_of(event.redeemed_at, row.time_zone)
    row.redeemed_minor += event.amount.amount
    row.balance_minor = event.remaining.amount
    page.end_hold(event.hold_id, still=event.held_still.amount if event.held_still else 0)
    who = of_voucher(row)
    parts = page.take(who, event.uses, event.amount, "redeemed", day)
    spend(page, who, event.store_id, event.accepted_by, parts, REDEEMED, day)
    page.spent_at[event.hold_id] = (event.store_id, event.accepted_by)
    waived = sum(minor for lot, minor in parts if lot.funding != "purchased")
    if waived:
        reason = event.waiver or row.reason or "given_away"
        page.concede("voucher_waiver", event, waived, row.currency, reason, day, event.redeemed_at)


def capture_failed(page: Page, event: VoucherCaptureFailed) -> None:
    if event.held is not None:
        page.end_hold(event.hold_id)
    if event.voucher_id in page.vouchers:
        page.voucher(event.voucher_id)
    failed(page, event, event.missing, event.failed_at)


def redemption_reversed(page: Page, event: VoucherRedemptionReversed) -> None:
    row = seen(page, event.voucher_id, event.store_id, event.reversed_at)
    day = event.business_date or day_of(event.reversed_at, row.time_zone)
    row.reversed_minor += event.amount.amount
    row.balance_minor = event.balance.amount
    who = of_voucher(row)
    parts = page.give_back(who, event.uses, event.amount, "reversed", day)
    # Between legal entities it undoes what the redemption did, wherever the goods came back.
    _, acceptor = page.spent_at.get(event.hold_id, ("", None))
    spend(page, who, event.store_id, acceptor, parts, REVERSED, day)
    if event.valid_until is not None:
        row.valid_until = max(row.valid_until or event.valid_until, event.valid_until)
        for lot, _ in parts:
            lot.valid_until = event.valid_until
    if event.amount:
        # Whatever had become of it: the value is there.
        row.state = "active"
        page.concede(
            "redemption_reversed", event, event.amount.amount, row.currency, "goods_returned",
            day, event.reversed_at,
        )  # fmt: skip
    if event.refused:
        failed(page, event, event.refused, event.reversed_at)


def paid_out(page: Page, event: VoucherPaidOut) -> None:
    row = seen(page, event.voucher_id, event.store_id, event.paid_out_at)
    day = event.business_date or day_of(event.paid_out_at, row.time_zone)
    row.paid_out_minor += event.amount.amount
    row.balance_minor = event.remaining.amount
    if not row.balance_minor:
        row.state = "paid_out"
    page.end_hold(event.hold_id)
    who = of_voucher(row)
    parts = page.take(who, event.uses, event.amount, "paid_out", day)
    spend(page, who, event.store_id, None, parts, PAID_OUT, day)


def sale_reversed(page: Page, event: VoucherSaleReversed) -> None:
    row = seen(page, event.voucher_id, event.store_id, event.reversed_at)
    day = event.business_date or day_of(event.reversed_at, row.time_zone)
    row.sale_reversed_minor += event.refunded.amount
    row.balance_minor -= event.refunded.amount
    if not row.balance_minor:
        row.state = "cancelled"
    page.end_hold(event.hold_id)
    page.take(of_voucher(row), event.uses, event.refunded, "sale_reversed", day)
    page.concede(
        "sale_reversed", event, event.refunded.amount, row.currency, "sale_taken_back", day,
        event.reversed_at,
    )  # fmt: skip


def spend(
    page: Page, who: Holder, store_id: str, accepted_by: str | None, parts: Parts, column: int,
    day: date,
) -> None:  # fmt: skip
    """Count at the store. Where nobody says who accepted it, it was the issuer."""
    acceptor = accepted_by or who.legal_entity_id
    for lot, minor in parts:
        key = (
            day, store_id, who.book, who.legal_entity_id, acceptor, who.currency, lot.funding,
        )  # fmt: skip
        page.at_store(key, column, minor)


def failed(
    page: Page,
    event: VoucherCaptureFailed | VoucherActivationFailed | VoucherRedemptionReversed,
    missing: Money,
    at: datetime,
) -> None:
    """Somebody has to look."""
    # A prepaid card's failure stands on its account's stream.
    stream = page.entry.stream
    reason = "over_redeemed" if isinstance(event, VoucherRedemptionReversed) else event.reason
    page.failures.append(
        tables.FailureRow(
            position=page.position,
            name=event.event_name,
            voucher_id=event.voucher_id,
            account_id=stream.removeprefix("account-") if stream.startswith("account-") else None,
            serial=event.serial,
            booking_id=event.booking_id or "",
            store_id=event.store_id,
            currency=missing.currency,
            missing_minor=missing.amount,
            reason=reason,
            offline=isinstance(event, VoucherCaptureFailed) and event.offline,
            at=at,
        )
    )
