"""One voucher's facts: how it comes to be, moves and ends. What is spent: `spending.py`."""

from __future__ import annotations

from datetime import date, datetime
from typing import assert_never

from voucher.events import (
    SoldAt,
    VoucherActivated,
    VoucherActivationFailed,
    VoucherBlocked,
    VoucherCancelled,
    VoucherCaptureFailed,
    VoucherCardPrepared,
    VoucherClaimed,
    VoucherCodeReplaced,
    VoucherEntitlementExtended,
    VoucherEvent,
    VoucherExpired,
    VoucherHeld,
    VoucherHoldConfirmed,
    VoucherHoldReleased,
    VoucherIssued,
    VoucherPaidOut,
    VoucherRedeemed,
    VoucherRedemptionReversed,
    VoucherSaleReversed,
    VoucherToppedUp,
    VoucherTopUpCancelled,
    VoucherTopUpPrepared,
    VoucherTransferredIn,
    VoucherTransferredOut,
    VoucherUnblocked,
    VoucherValidityExtended,
)
from voucher.projections import spending, tables
from voucher.projections.page import ISSUE, Page, day_of, in_order, lot_row, of_voucher, seen


def fold_voucher(page: Page, event: VoucherEvent) -> None:
    """Add a voucher's fact to its page."""
    match event:
        case VoucherHeld():
            spending.held(page, event)
        case VoucherHoldConfirmed():
            spending.confirmed(page, event)
        case VoucherHoldReleased():
            page.end_hold(event.hold_id)
        case VoucherRedeemed():
            spending.redeemed(page, event)
        case VoucherCaptureFailed():
            spending.capture_failed(page, event)
        case VoucherRedemptionReversed():
            spending.redemption_reversed(page, event)
        case VoucherPaidOut():
            spending.paid_out(page, event)
        case VoucherSaleReversed():
            spending.sale_reversed(page, event)
        case VoucherEntitlementExtended():
            seen(page, event.voucher_id, event.store_id, event.confirmed_at)
        case VoucherIssued() | VoucherCardPrepared() | VoucherActivated() | VoucherCancelled():
            _born(page, event)
        case VoucherActivationFailed():
            spending.failed(page, event, event.value, event.failed_at)
        case VoucherTopUpPrepared() | VoucherToppedUp() | VoucherTopUpCancelled():
            _topped_up(page, event)
        case VoucherBlocked():
            page.voucher(event.voucher_id).blocked = event.reason
        case VoucherUnblocked():
            page.voucher(event.voucher_id).blocked = None
        case VoucherCodeReplaced():
            # A new code is always one of ours.
            page.voucher(event.voucher_id).code_kind = "own"
        case VoucherValidityExtended() | VoucherExpired():
            _dated(page, event)
        case VoucherTransferredOut() | VoucherTransferredIn() | VoucherClaimed():
            _moved(page, event)
        case _:
            assert_never(event)


def _born(
    page: Page,
    event: VoucherIssued | VoucherCardPrepared | VoucherActivated | VoucherCancelled,
) -> None:
    match event:
        case VoucherIssued():
            _issued(page, event)
        case VoucherCardPrepared():
            row = seen(page, event.voucher_id, event.sold_at.store_id, event.prepared_at)
            row.state, row.time_zone, row.opened = "pending", event.time_zone, event.opened
            row.valid_until = event.valid_until
            row.value_minor = row.balance_minor = event.value.amount
            row.consideration_minor = event.consideration.amount
            row.issued_minor += event.value.amount
            _being_sold(page, row, event.sold_at, event.prepared_at)
        case VoucherActivated():
            _activated(page, event)
        case VoucherCancelled():
            if event.voucher_id not in page.vouchers:
                return  # It came before the preparation: there is no voucher.
            row = page.voucher(event.voucher_id)
            # A printed card can be sold to somebody else; one of a run that was voided cannot.
            back = row.printed and row.state == "pending"
            row.state = "inactive" if back else "cancelled"
            row.cancelled_minor += row.balance_minor
            row.balance_minor = 0
            row.last_at = event.cancelled_at
            page.end_preparation("sale", event.voucher_id)
        case _:
            assert_never(event)


def _issued(page: Page, event: VoucherIssued) -> None:
    terms = event.terms
    # What a blank card will be worth is owed by nobody before somebody buys it.
    value = 0 if event.status == "inactive" else event.value.amount
    row = page.vouchers[event.voucher_id] = tables.VoucherRow(
        voucher_id=event.voucher_id,
        first_position=page.position,
        serial=event.serial,
        legal_entity_id=event.legal_entity_id,
        currency=event.value.currency,
        kind=terms.kind,
        rate=terms.rate or 0,
        funding=terms.funding,
        reason=terms.reason,
        effect=terms.effect.entitlement if terms.effect else None,
        origin=event.origin,
        code_kind=event.code_kind,
        batch_id=event.batch_id,
        template_id=terms.template_id,
        printed=event.status == "inactive",
        state=event.status,
        time_zone=event.time_zone,
        opened=event.opened,
        last_at=event.issued_at,
        issued_at=event.issued_at,
        last_position=page.position,
        value_minor=event.value.amount,
        consideration_minor=event.consideration.amount,
        issued_minor=value,
        balance_minor=value,
        valid_until=event.valid_until,
    )
    page.voucher(event.voucher_id)
    if event.sold_at is not None:
        _being_sold(page, row, event.sold_at, event.issued_at)
    if event.status == "active":
        row.activated_at = event.issued_at
        page.end_preparation("sale", event.voucher_id)
        _recognised(page, row, event.opened)


def _being_sold(page: Page, row: tables.VoucherRow, at: SoldAt, when: datetime) -> None:
    row.store_id, row.till_id, row.booking_id = at.store_id, at.till_id, at.booking_id
    row.last_store_id, row.last_at = at.store_id, when
    page.prepare(
        tables.PreparationRow(
            what="sale",
            preparation_id=row.voucher_id,
            position=page.position,
            voucher_id=row.voucher_id,
            account_id=None,
            serial=row.serial,
            currency=row.currency,
            amount_minor=row.value_minor,
            store_id=at.store_id,
            till_id=at.till_id,
            booking_id=at.booking_id,
            prepared_at=when,
        )
    )


def _activated(page: Page, event: VoucherActivated) -> None:
    row = page.voucher(event.voucher_id)
    value = event.value.amount
    if event.reinstated:
        row.cancelled_minor -= value
    elif row.state == "inactive":
        row.issued_minor += value  # A blank card whose preparation nobody wrote down.
    row.state, row.value_minor, row.balance_minor = "active", value, value
    row.booking_id = event.booking_id
    row.activated_at = row.last_at = event.activated_at
    page.end_preparation("sale", event.voucher_id)
    _recognised(page, row, event.business_date or day_of(event.activated_at, row.time_zone))


def _recognised(page: Page, row: tables.VoucherRow, day: date) -> None:
    """From its sale on the value is owed (or, given away, can be used)."""
    lot = tables.LotRow(
        owner=f"voucher-{row.voucher_id}",
        lot_id=ISSUE,
        opened=row.opened,
        kind=row.kind,
        rate=row.rate,
        funding=row.funding,
        valid_until=row.valid_until,
        value_minor=row.value_minor,
        left_minor=row.value_minor,
    )
    page.add_lot(of_voucher(row), lot, "issued", day)


def _topped_up(
    page: Page, event: VoucherTopUpPrepared | VoucherToppedUp | VoucherTopUpCancelled
) -> None:
    match event:
        case VoucherTopUpPrepared():
            at = event.sold_at
            seen(page, event.voucher_id, at.store_id, event.prepared_at)
            page.prepare(
                tables.PreparationRow(
                    what="top_up",
                    preparation_id=event.top_up_id,
                    position=page.position,
                    voucher_id=event.voucher_id,
                    account_id=None,
                    serial=event.serial,
                    currency=event.value.currency,
                    amount_minor=event.value.amount,
                    store_id=at.store_id,
                    till_id=at.till_id,
                    booking_id=at.booking_id,
                    prepared_at=event.prepared_at,
                )
            )
        case VoucherToppedUp():
            row = seen(page, event.voucher_id, event.store_id, event.topped_up_at)
            row.topped_up_minor += event.value.amount
            row.consideration_minor += event.consideration.amount
            row.balance_minor, row.state = event.balance.amount, "active"
            row.valid_until = max(row.valid_until or event.valid_until, event.valid_until)
            page.end_preparation("top_up", event.top_up_id)
            lot = tables.LotRow(
                owner=f"voucher-{row.voucher_id}",
                lot_id=event.top_up_id,
                opened=event.opened,
                kind=row.kind,
                rate=event.rate or 0,
                funding="purchased",
                valid_until=event.valid_until,
                value_minor=event.value.amount,
                left_minor=event.value.amount,
            )
            day = event.business_date or day_of(event.topped_up_at, row.time_zone)
            page.add_lot(of_voucher(row), lot, "topped_up", day)
        case VoucherTopUpCancelled():
            page.voucher(event.voucher_id).last_at = event.cancelled_at
            page.end_preparation("top_up", event.top_up_id)
        case _:
            assert_never(event)


def _dated(page: Page, event: VoucherValidityExtended | VoucherExpired) -> None:
    row = page.voucher(event.voucher_id)
    who = of_voucher(row)
    lots = page.lots.get(who.owner, {})
    match event:
        case VoucherExpired():
            day = day_of(event.expired_at, row.time_zone)
            row.expired_minor += event.amount.amount
            row.balance_minor -= event.amount.amount
            row.last_at = event.expired_at
            if not row.balance_minor:
                row.state = "expired"
            for lot, minor in page.take(who, (), event.amount, "expired", day):
                lot.expired_minor += minor
            page.concede(
                "written_off", event, event.amount.amount, row.currency, event.run_id, day,
                event.expired_at,
            )  # fmt: skip
        case VoucherValidityExtended():
            day = day_of(event.extended_at, row.time_zone)
            row.valid_until = max(row.valid_until or event.valid_until, event.valid_until)
            row.last_at = event.extended_at
            row.restored_minor += event.restored.amount
            row.balance_minor = event.balance.amount
            if row.state == "expired":
                row.state = "active"
            _restore(page, row, lots, event.restored.amount, day)
            for lot_id, lot in lots.items():
                if (lot.valid_until or event.valid_until) < event.valid_until:
                    page.lot(who.owner, lot_id).valid_until = event.valid_until
            if event.restored:
                page.concede(
                    "restored", event, event.restored.amount, row.currency, event.reason, day,
                    event.extended_at,
                )  # fmt: skip
        case _:
            assert_never(event)


def _restore(
    page: Page, row: tables.VoucherRow, lots: dict[str, tables.LotRow], amount: int, day: date
) -> None:
    """What an expiry run took goes back to the lots that it took it from."""
    who = of_voucher(row)
    for lot in in_order(lots.values()):
        minor = min(amount, lot.expired_minor)
        if minor:
            page.lot(who.owner, lot.lot_id)
            lot.left_minor += minor
            lot.expired_minor -= minor
            amount -= minor
            page.book(who, lot, "restored", day, minor)
    assert not amount  # No more is given back than was taken.


def _moved(
    page: Page, event: VoucherTransferredOut | VoucherTransferredIn | VoucherClaimed
) -> None:
    row = page.voucher(event.voucher_id)
    who = of_voucher(row)
    match event:
        case VoucherTransferredOut():
            day = day_of(event.transferred_at, row.time_zone)
            row.transferred_out_minor += event.amount.amount
            row.balance_minor, row.last_at = event.remaining.amount, event.transferred_at
            if event.closes or event.reason == "refund_forward":
                row.state, row.successor = "replaced", event.to_serial
            page.take(who, event.uses, event.amount, "transferred_out", day)
        case VoucherTransferredIn():
            day = day_of(event.transferred_at, row.time_zone)
            row.transferred_in_minor += event.amount.amount
            row.balance_minor, row.last_at = event.balance.amount, event.transferred_at
            row.state = "active"
            for lot in event.lots:
                row.valid_until = max(row.valid_until or lot.valid_until, lot.valid_until)
                page.add_lot(who, lot_row(who.owner, lot), "transferred_in", day)
        case VoucherClaimed():
            day = day_of(event.claimed_at, row.time_zone)
            row.claimed_minor += event.amount.amount
            row.balance_minor -= event.amount.amount
            row.state, row.last_at = "claimed", event.claimed_at
            row.account_id = event.account_id
            page.take(who, event.uses, event.amount, "claimed", day)
        case _:
            assert_never(event)
