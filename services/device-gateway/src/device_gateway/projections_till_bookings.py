"""Read model: the bookings of each till, with what a list of them shows.

A page of the log is folded in memory, onto the rows of what began before it, and written with one
statement. Only an open booking's row keeps what its lines come to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from device_gateway.events import (
    BookingAborted,
    BookingOrdered,
    BookingParked,
    BookingRecorded,
    BookingResumed,
    BookingStarted,
    Line,
    LineChanged,
    LineRefused,
    LinesAdded,
    LineVoided,
    PaymentAccepted,
    PaymentRequested,
    ReceiptPrinted,
    ReceiptQueued,
    TrainingRecorded,
    VerdictOverdue,
    VerdictReceived,
)
from events import Recorded
from events.projection import names_of

_COLUMNS: Mapping[str, str] = {
    "booking_id": "text", "store_id": "text", "till_id": "text", "state": "text", "kind": "text",
    "number": "bigint", "shift": "integer", "business_date": "date", "started_at": "timestamptz",
    "ended_at": "timestamptz", "total": "bigint", "currency": "text", "verdict": "text",
    "paper": "text", "cashier_id": "text", "label": "text", "lines": "text",
}  # fmt: skip


def _upsert() -> str:
    named = ", ".join(_COLUMNS)
    chosen = ", ".join(
        "CAST(n.lines AS jsonb)" if name == "lines" else f"n.{name}" for name in _COLUMNS
    )
    arrays = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _COLUMNS.items())
    kept = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name != "booking_id")
    return (
        f"INSERT INTO till_booking ({named}) SELECT {chosen} FROM unnest({arrays})"  # noqa: S608  (constants of this module)
        f" AS n({named}) ON CONFLICT (booking_id) DO UPDATE SET {kept}"
    )


_UPSERT = text(_upsert())
_KNOWN = text(
    f"SELECT {', '.join(_COLUMNS)} FROM till_booking"  # noqa: S608  (constants of this module)
    " WHERE booking_id = ANY(CAST(:booking_ids AS text[]))"
)


@dataclass(slots=True)
class _Row:
    booking_id: str
    store_id: str
    till_id: str
    state: str
    kind: str
    started_at: datetime
    currency: str
    number: int | None = None
    shift: int | None = None
    business_date: date | None = None
    ended_at: datetime | None = None
    total: int = 0
    verdict: str | None = None
    paper: str | None = None
    cashier_id: str | None = None
    label: str | None = None
    lines: dict[str, int] | None = field(default_factory=dict)

    def add(self, lines: Sequence[Line], gone: Sequence[str] = ()) -> None:
        """Lines as they stand now; it goes on where it was set aside."""
        if self.lines is None:
            return
        for line_id in gone:
            self.lines.pop(line_id, None)
        self.lines.update((line.line_id, line.amount.amount) for line in lines)
        self.total = sum(self.lines.values())
        self.go_on()

    def go_on(self) -> None:
        if self.state == "parked":
            self.state, self.label = "open", None


class TillBookingProjection:
    """A row per sale, return, payout, training and order, from its start."""

    name = "till_booking"
    version = 1
    reads = names_of(
        BookingAborted, BookingOrdered, BookingParked, BookingRecorded, BookingResumed,
        BookingStarted, LineChanged, LineRefused, LinesAdded, LineVoided, PaymentAccepted,
        PaymentRequested, ReceiptPrinted, ReceiptQueued, TrainingRecorded, VerdictOverdue,
        VerdictReceived,
    )  # fmt: skip

    async def apply(self, tx: AsyncConnection, recorded: Sequence[Recorded]) -> None:
        read = [entry.event for entry in recorded if entry.name in self.reads]
        begun = {each.booking_id for each in read if isinstance(each, BookingStarted)}
        before = {each.booking_id for each in read} - begun  # type: ignore[attr-defined]  # all that it reads
        if not read:
            return
        rows = await _known(tx, before) if before else {}
        for event in read:
            _fold(rows, event)
        if rows:
            await tx.execute(_UPSERT, _columns(list(rows.values())))


async def _known(tx: AsyncConnection, booking_ids: set[str]) -> dict[str, _Row]:
    found = (await tx.execute(_KNOWN, {"booking_ids": list(booking_ids)})).mappings()
    return {row["booking_id"]: _Row(**row) for row in found}


def _columns(rows: Sequence[_Row]) -> dict[str, list[Any]]:
    def cell(row: _Row, name: str) -> Any:
        value = getattr(row, name)
        return json.dumps(value) if name == "lines" and value is not None else value

    return {name: [cell(row, name) for row in rows] for name in _COLUMNS}


def _fold(rows: dict[str, _Row], event: Any) -> None:
    """Add one event. What belongs to no booking of a till (a closing's verdict) has no row."""
    match event:
        case BookingStarted():
            rows[event.booking_id] = _Row(
                event.booking_id, event.store_id, event.till_id, "open",
                "training" if event.training else "sale", event.started_at, event.currency,
                shift=event.shift, cashier_id=event.cashier_id,
            )  # fmt: skip
        case BookingOrdered():
            rows[event.booking_id] = row = _Row(
                event.booking_id, event.store_id, event.till_id, "recorded", "order",
                event.started_at, event.currency, cashier_id=event.cashier_id, lines=None,
            )  # fmt: skip
            _ended(row, event)
        case _:
            found = rows.get(event.booking_id)
            if found is not None:
                _moved(found, event)


def _ended(row: _Row, event: Any) -> None:
    row.number, row.shift = event.number, event.shift
    row.business_date, row.lines, row.label = event.business_date, None, None


def _moved(row: _Row, event: Any) -> None:
    match event:
        case BookingRecorded() | TrainingRecorded():
            _ended(row, event)
            row.state, row.kind, row.ended_at = "recorded", event.kind, event.recorded_at
            row.total, row.cashier_id = event.total.amount, event.cashier_id
        case BookingAborted():
            _ended(row, event)
            row.state, row.ended_at = "aborted", event.aborted_at
        case LinesAdded():
            row.add(event.lines)
        case LineVoided():
            row.add(event.changed, event.gone)
        case LineChanged():
            row.add((event.line,))
        case LineRefused():
            row.add((), (event.line_id,))
        case PaymentAccepted() | PaymentRequested() | BookingResumed():
            row.go_on()
        case BookingParked():
            row.state, row.label = "parked", event.label
        case _:
            _after(row, event)


def _after(row: _Row, event: Any) -> None:
    """What follows a recorded booking."""
    match event:
        case VerdictReceived():
            row.verdict = event.verdict
        case VerdictOverdue():
            row.verdict = row.verdict or "unsigned"
        case ReceiptQueued() if event.document == "receipt":
            row.paper = row.paper or "queued"
        case ReceiptPrinted() if not event.copy_:
            row.paper = "printed"
