"""Each fact as one line of history."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

from events import Event, Recorded
from money import Money
from voucher.projections.tables import LineRow

_AMOUNTS = ("missing", "amount", "refunded", "restored", "value", "total")
_BALANCES = ("remaining", "balance", "open")
_NOT_THE_TIME = frozenset({"expires_at", "sold_at"})
_DETAILS = (
    "to_serial", "from_serial", "valid_until", "old_until", "new_until", "subject_id",
    "entitlement", "waiver", "offline", "accepted_by", "note", "spent", "purpose", "status",
    "origin", "run_id", "source", "how", "kind", "fee_id", "card_serial", "voucher_serial",
    "cards", "done", "name", "scope", "explanation", "account_id", "approved_by", "refused",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Shape:
    """Where a class of facts keeps what a line shows."""

    at: str
    amount: str | None
    balance: str | None
    details: tuple[str, ...]


@cache
def _shape(event: type[Event]) -> _Shape:
    names = event.model_fields
    times = [name for name in names if name.endswith("_at") and name not in _NOT_THE_TIME]
    return _Shape(
        at=times[-1],
        amount=next((name for name in _AMOUNTS if name in names), None),
        balance=next((name for name in _BALANCES if name in names), None),
        details=tuple(name for name in _DETAILS if name in names),
    )


def line_of(entry: Recorded) -> LineRow:
    """The line of one entry of the log."""
    event = entry.event
    shape = _shape(type(event))
    told = vars(event).get
    place = told("sold_at")
    amount = _money(told(shape.amount) if shape.amount else None)
    balance = _money(told(shape.balance) if shape.balance else None)
    currency = amount or balance
    return LineRow(
        position=entry.position,
        voucher_id=told("voucher_id"),
        account_id=told("account_id"),
        name=entry.name,
        at=vars(event)[shape.at],
        actor=entry.metadata.actor,
        currency=currency.currency if currency else None,
        amount_minor=amount.amount if amount else None,
        balance_minor=balance.amount if balance else None,
        store_id=place.store_id if place else told("store_id"),
        till_id=place.till_id if place else told("till_id"),
        booking_id=place.booking_id if place else told("booking_id"),
        hold_id=told("hold_id"),
        reason=told("reason"),
        detail=_detail(event, shape.details),
    )


@dataclass(frozen=True, slots=True)
class _Amount:
    amount: int
    currency: str


def _money(found: object) -> _Amount | None:
    # `Money` is false for zero, and zero is an amount here.
    return _Amount(found.amount, found.currency) if isinstance(found, Money) else None


def _detail(event: Event, names: tuple[str, ...]) -> str | None:
    told = vars(event)
    found = {
        name: str(value) if not isinstance(value, bool | int) else value
        for name in names
        if (value := told[name]) is not None and value is not False
    }
    return json.dumps(found, ensure_ascii=False) if found else None
