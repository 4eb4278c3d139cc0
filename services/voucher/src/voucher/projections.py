"""Events → what tills, back office and the sweeper look up. One fold fills all tables, so they
always agree on how far they have come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from events import Recorded
from events.dead_letter_events import DeadLetterDiscarded
from money import Money
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

_ISSUE = text(
    """
    INSERT INTO voucher_balance (
        voucher_id, serial, legal_entity_id, issued_year, currency, state, value_minor,
        redeemed_minor, cancelled_minor, balance_minor, held_minor, valid_until, time_zone,
        issued_at, last_position)
    VALUES (:voucher_id, :serial, :legal_entity_id, :issued_year, :currency, 'pending', :value,
        0, 0, :value, 0, :valid_until, :time_zone, :issued_at, :position)
    """
)
_CHANGE = text(
    """
    UPDATE voucher_balance SET
        state = coalesce(:state, state),
        redeemed_minor = redeemed_minor + :redeemed,
        cancelled_minor = cancelled_minor + :cancelled,
        balance_minor = coalesce(:balance, balance_minor),
        held_minor = held_minor + :held,
        last_position = :position
    WHERE voucher_id = :voucher_id
    """
)
_LIABILITY = text(
    """
    INSERT INTO voucher_liability AS l (legal_entity_id, currency, issued_year,
        issued_minor, redeemed_minor, cancelled_minor, vouchers)
    SELECT b.legal_entity_id, b.currency, b.issued_year,
        sum(d.issued), sum(d.redeemed), sum(d.cancelled), sum(d.vouchers)
    FROM unnest(CAST(:ids AS text[]), CAST(:issued AS bigint[]), CAST(:redeemed AS bigint[]),
                CAST(:cancelled AS bigint[]), CAST(:vouchers AS bigint[]))
        AS d(voucher_id, issued, redeemed, cancelled, vouchers)
    JOIN voucher_balance AS b USING (voucher_id)
    GROUP BY b.legal_entity_id, b.currency, b.issued_year
    ON CONFLICT (legal_entity_id, currency, issued_year) DO UPDATE SET
        issued_minor = l.issued_minor + excluded.issued_minor,
        redeemed_minor = l.redeemed_minor + excluded.redeemed_minor,
        cancelled_minor = l.cancelled_minor + excluded.cancelled_minor,
        vouchers = l.vouchers + excluded.vouchers
    """
)
_HISTORY = text(
    """
    INSERT INTO voucher_history (position, voucher_id, name, at, amount_minor, store_id, till_id,
        booking_id, hold_id, reason)
    SELECT * FROM unnest(CAST(:position AS bigint[]), CAST(:voucher_id AS text[]),
        CAST(:name AS text[]), CAST(:at AS timestamptz[]), CAST(:amount AS bigint[]),
        CAST(:store_id AS text[]), CAST(:till_id AS text[]), CAST(:booking_id AS text[]),
        CAST(:hold_id AS text[]), CAST(:reason AS text[]))
    """
)
_PLACE = text(
    """
    INSERT INTO voucher_hold (hold_id, voucher_id, amount_minor, confirmed, expires_at)
    VALUES (:hold_id, :voucher_id, :amount, :confirmed, :expires_at)
    ON CONFLICT (hold_id) DO UPDATE SET amount_minor = excluded.amount_minor,
        confirmed = excluded.confirmed, expires_at = excluded.expires_at
    """
)
_CONFIRM = text("UPDATE voucher_hold SET confirmed = true WHERE hold_id = ANY(:ids)")
_END = text("DELETE FROM voucher_hold WHERE hold_id = ANY(:ids)")
_FAILURE = text(
    """
    INSERT INTO voucher_failure (position, name, voucher_id, booking_id, store_id, currency,
        missing_minor, reason, at)
    VALUES (:position, :name, :voucher_id, :booking_id, :store_id, :currency, :missing, :reason,
        :at)
    """
)

_HISTORY_COLUMNS = (
    "position", "voucher_id", "name", "at", "amount", "store_id", "till_id", "booking_id",
    "hold_id", "reason",
)  # fmt: skip


@dataclass(slots=True)
class _Change:
    """What a page of events does to one voucher's row."""

    state: str | None = None
    issued: int = 0
    redeemed: int = 0
    cancelled: int = 0
    balance: int | None = None
    held: int = 0
    position: int = 0

    @property
    def counts(self) -> bool:
        return bool(self.issued or self.redeemed or self.cancelled)


@dataclass(slots=True)
class _Page:
    """A page of events, folded in memory: one row is written once, however often it changed."""

    issued: list[dict[str, Any]] = field(default_factory=list)
    changes: dict[str, _Change] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    placed: dict[str, dict[str, Any]] = field(default_factory=dict)
    confirmed: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)

    def change(self, voucher_id: str, position: int) -> _Change:
        change = self.changes.setdefault(voucher_id, _Change())
        change.position = position
        return change

    def end(self, hold_id: str) -> None:
        self.placed.pop(hold_id, None)
        self.confirmed.discard(hold_id)
        self.ended.add(hold_id)


class VoucherBook:
    """Balances, history, open holds, liability and failures of all vouchers."""

    name = "vouchers"
    version = 1

    async def apply(self, tx: AsyncConnection, recorded: Sequence[Recorded]) -> None:
        page = _Page()
        for entry in recorded:
            _fold(page, entry.position, entry.event)
        await _write(tx, page)


def _fold(page: _Page, position: int, event: Any) -> None:
    match event:
        case VoucherIssued():
            _issued(page, position, event)
        case VoucherActivated():
            change = page.change(event.voucher_id, position)
            change.state = "active"
            if event.reinstated:
                change.cancelled -= event.value.amount
                change.balance = event.value.amount
            _note(page, position, event, event.activated_at, amount=event.value)
        case VoucherCancelled():
            if event.value is not None:
                change = page.change(event.voucher_id, position)
                change.state, change.balance = "cancelled", 0
                change.cancelled += event.value.amount
            _note(page, position, event, event.cancelled_at, amount=event.value)
        case VoucherHeld():
            page.change(event.voucher_id, position).held += event.amount.amount
            _placed(page, event)
            _note(page, position, event, event.held_at, amount=event.amount)
        case VoucherHoldConfirmed():
            page.change(event.voucher_id, position)
            if event.hold_id in page.placed:
                page.placed[event.hold_id]["confirmed"] = True
            else:
                page.confirmed.add(event.hold_id)
            _note(page, position, event, event.confirmed_at)
        case VoucherHoldReleased():
            page.change(event.voucher_id, position).held -= event.amount.amount
            page.end(event.hold_id)
            _note(page, position, event, event.released_at, amount=event.amount)
        case VoucherRedeemed():
            change = page.change(event.voucher_id, position)
            change.redeemed += event.amount.amount
            change.balance = event.remaining.amount
            _unheld(page, change, event.hold_id, event.held)
            _note(page, position, event, event.redeemed_at, amount=event.amount)
        case VoucherCaptureFailed():
            if event.held is not None and event.voucher_id is not None:
                change = page.change(event.voucher_id, position)
                _unheld(page, change, event.hold_id, event.held)
            _failed(page, position, event, event.missing)
            _note(page, position, event, event.failed_at, amount=event.missing)
        case VoucherActivationFailed():
            _failed(page, position, event, event.value)
            _note(page, position, event, event.failed_at, amount=event.value)
        case DeadLetterDiscarded():
            return  # About a record that was given up, not about a voucher.
        case _:
            raise AssertionError(f"{type(event).__name__} is not a voucher's event")


def _issued(page: _Page, position: int, event: VoucherIssued) -> None:
    sold_at = event.sold_at
    page.issued.append(
        {
            "voucher_id": event.voucher_id,
            "serial": event.serial,
            "legal_entity_id": event.legal_entity_id,
            "issued_year": event.issued_at.astimezone(ZoneInfo(event.time_zone)).year,
            "currency": event.value.currency,
            "value": event.value.amount,
            "valid_until": event.valid_until,
            "time_zone": event.time_zone,
            "issued_at": event.issued_at,
            "position": position,
        }
    )
    page.change(event.voucher_id, position).issued += event.value.amount
    _note(page, position, event, event.issued_at, amount=event.value)
    if sold_at is not None:
        page.history[-1].update(
            store_id=sold_at.store_id, till_id=sold_at.till_id, booking_id=sold_at.booking_id
        )


def _placed(page: _Page, event: VoucherHeld) -> None:
    page.ended.discard(event.hold_id)
    page.confirmed.discard(event.hold_id)
    page.placed[event.hold_id] = {
        "hold_id": event.hold_id,
        "voucher_id": event.voucher_id,
        "amount": event.amount.amount,
        "confirmed": False,
        "expires_at": event.expires_at,
    }


def _unheld(page: _Page, change: _Change, hold_id: str, held: Money | None) -> None:
    if held is not None:
        change.held -= held.amount
        page.end(hold_id)


def _failed(
    page: _Page,
    position: int,
    event: VoucherCaptureFailed | VoucherActivationFailed,
    missing: Money,
) -> None:
    page.failures.append(
        {
            "position": position,
            "name": event.event_name,
            "voucher_id": event.voucher_id,
            "booking_id": event.booking_id,
            "store_id": event.store_id,
            "currency": missing.currency,
            "missing": missing.amount,
            "reason": event.reason,
            "at": event.failed_at,
        }
    )


def _note(
    page: _Page, position: int, event: VoucherEvent, at: datetime, *, amount: Money | None = None
) -> None:
    page.history.append(
        {
            "position": position,
            "voucher_id": event.voucher_id,
            "name": event.event_name,
            "at": at,
            "amount": None if amount is None else amount.amount,
            "store_id": getattr(event, "store_id", None),
            "till_id": getattr(event, "till_id", None),
            "booking_id": getattr(event, "booking_id", None),
            "hold_id": getattr(event, "hold_id", None),
            "reason": getattr(event, "reason", None),
        }
    )


async def _write(tx: AsyncConnection, page: _Page) -> None:
    if page.issued:
        await tx.execute(_ISSUE, page.issued)
    if page.changes:
        await tx.execute(
            _CHANGE,
            [
                {
                    "voucher_id": voucher_id,
                    "state": change.state,
                    "redeemed": change.redeemed,
                    "cancelled": change.cancelled,
                    "balance": change.balance,
                    "held": change.held,
                    "position": change.position,
                }
                for voucher_id, change in page.changes.items()
            ],
        )
    await _write_liability(tx, page)
    if page.ended:
        await tx.execute(_END, {"ids": sorted(page.ended)})
    if page.placed:
        await tx.execute(_PLACE, list(page.placed.values()))
    if page.confirmed:
        await tx.execute(_CONFIRM, {"ids": sorted(page.confirmed)})
    if page.failures:
        await tx.execute(_FAILURE, page.failures)
    if page.history:
        columns = {name: [row[name] for row in page.history] for name in _HISTORY_COLUMNS}
        await tx.execute(_HISTORY, columns)


async def _write_liability(tx: AsyncConnection, page: _Page) -> None:
    counting = {key: change for key, change in page.changes.items() if change.counts}
    if not counting:
        return
    fresh = {row["voucher_id"] for row in page.issued}
    await tx.execute(
        _LIABILITY,
        {
            "ids": list(counting),
            "issued": [change.issued for change in counting.values()],
            "redeemed": [change.redeemed for change in counting.values()],
            "cancelled": [change.cancelled for change in counting.values()],
            "vouchers": [int(key in fresh) for key in counting],
        },
    )
