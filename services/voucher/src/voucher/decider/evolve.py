"""How each fact changes what is known. Never refuses: what happened, happened."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from voucher.decider import evolve_life, evolve_spending
from voucher.decider.lots import Part, part_of
from voucher.decider.state import Issued, Past, Status, Unissued, Voucher
from voucher.events import (
    Lot,
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


def evolve(voucher: Voucher, event: VoucherEvent) -> Voucher:
    if isinstance(voucher, Unissued):
        return _before_issue(voucher, event)
    match event:
        case VoucherRedeemed():
            return evolve_spending.redeemed(voucher, event)
        case VoucherHeld():
            return evolve_spending.held(voucher, event)
        case VoucherHoldConfirmed():
            return evolve_spending.confirmed(voucher, event)
        case VoucherHoldReleased():
            return evolve_spending.released(voucher, event)
        case VoucherCaptureFailed():
            return evolve_spending.capture_failed(voucher, event)
        case VoucherRedemptionReversed():
            return evolve_spending.reversed_(voucher, event)
        case VoucherPaidOut():
            return evolve_spending.paid_out(voucher, event)
        case VoucherSaleReversed():
            return evolve_spending.sale_reversed(voucher, event)
        case VoucherTransferredOut():
            return evolve_spending.transferred_out(voucher, event)
        case VoucherTransferredIn():
            return evolve_spending.transferred_in(voucher, event)
        case VoucherClaimed():
            return evolve_spending.claimed(voucher, event)
        case _:
            return _life(voucher, event)


def _life(
    voucher: Issued,
    event: VoucherIssued
    | VoucherActivated
    | VoucherActivationFailed
    | VoucherCancelled
    | VoucherCardPrepared
    | VoucherTopUpPrepared
    | VoucherToppedUp
    | VoucherTopUpCancelled
    | VoucherBlocked
    | VoucherUnblocked
    | VoucherCodeReplaced
    | VoucherValidityExtended
    | VoucherExpired
    | VoucherEntitlementExtended,
) -> Voucher:
    match event:
        case VoucherActivated():
            return evolve_life.activated(voucher, event)
        case VoucherCancelled():
            return evolve_life.cancelled(voucher, event)
        case VoucherCardPrepared():
            return evolve_life.card_prepared(voucher, event)
        case VoucherTopUpPrepared():
            return evolve_life.top_up_prepared(voucher, event)
        case VoucherToppedUp():
            return evolve_life.topped_up(voucher, event)
        case VoucherTopUpCancelled():
            return evolve_life.top_up_cancelled(voucher, event)
        case VoucherBlocked():
            return replace(voucher, blocked=True)
        case VoucherUnblocked():
            return replace(voucher, blocked=False)
        case VoucherCodeReplaced():
            # A new code is always one of ours.
            past = replace(voucher.past, code_reason=event.reason, weak=False)
            return replace(voucher, code_hash=event.code_hash, past=past)
        case VoucherValidityExtended():
            return evolve_life.extended(voucher, event)
        case VoucherExpired():
            return evolve_life.expired(voucher, event)
        case VoucherEntitlementExtended():
            done = voucher.past.extensions | {event.extension_id}
            return replace(voucher, past=replace(voucher.past, extensions=done))
        case VoucherActivationFailed():
            failed = voucher.past.failed | {event.booking_id}
            return replace(voucher, past=replace(voucher.past, failed=failed))
        case VoucherIssued():
            raise AssertionError(f"{event.event_name} on an issued voucher")
        case _:
            assert_never(event)


def _before_issue(voucher: Unissued, event: VoucherEvent) -> Voucher:
    match event:
        case VoucherIssued():
            return _issued(event)
        case VoucherCancelled():
            return replace(voucher, cancelled=True)
        case VoucherActivationFailed():
            return replace(voucher, failed=voucher.failed | {event.booking_id})
        case VoucherCaptureFailed():
            return replace(voucher, failed=voucher.failed | {event.hold_id})
        case _:
            raise AssertionError(f"{event.event_name} before the voucher was issued")


def _issued(event: VoucherIssued) -> Issued:
    inactive = event.status == "inactive"
    issue = None if inactive else _issue_lot(event)
    return Issued(
        voucher_id=event.voucher_id,
        serial=event.serial,
        code_hash=event.code_hash,
        terms=event.terms,
        value=event.value,
        legal_entity_id=event.legal_entity_id,
        booking_id=event.sold_at.booking_id if event.sold_at else "",
        valid_until=event.valid_until,
        time_zone=event.time_zone,
        status=Status(event.status),
        balance=event.value.zero if inactive else event.value,
        lots=() if issue is None else (issue,),
        past=Past(
            card=inactive,
            batch_id=event.batch_id,
            issue=issue,
            weak=event.code_kind == "weak",
            sold_in=event.sold_at.store_id if event.sold_at else None,
        ),
    )


def _issue_lot(event: VoucherIssued) -> Part:
    assert event.valid_until is not None  # Only a blank card has its last day counted later.
    lot = Lot(
        lot_id="issue",
        amount=event.value,
        value=event.value,
        consideration=event.consideration,
        funding=event.terms.funding,
        rate=event.terms.rate,
        valid_until=event.valid_until,
        opened=event.opened,
    )
    return part_of(lot, event.time_zone)
