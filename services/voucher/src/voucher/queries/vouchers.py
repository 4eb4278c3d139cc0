"""Search of vouchers, one voucher with all that is known of it, and its history in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from events import DomainError
from kassenverbund.kit.pages import Listing, Row, Slice, minor
from money import Money
from voucher.queries import words

HISTORY_MAX = 500
"""The newest entries of a voucher's history that its detail shows. The history has them all."""

ShownState = Literal[
    "inactive", "pending", "active", "blocked", "spent", "expired", "cancelled", "replaced",
    "claimed", "paid_out",
]  # fmt: skip


class VoucherUnknown(DomainError):
    code = "voucher.unknown"
    status = 404
    title = "There is no voucher with this serial"


class FoundRow(Row):
    """A voucher in a list."""

    first_position: int
    serial: str
    state: str
    blocked: str | None
    """The reason; None: it is not blocked."""
    kind: str
    rate: int
    """Single-purpose: basis points; else 0."""
    funding: str
    legal_entity_id: str
    currency: str
    value: Money
    balance: Money
    held: Money
    opened: date
    valid_until: date | None
    store_id: str | None
    """Sold it."""
    booking_id: str | None
    """The journal's reference of its sale."""
    last_store_id: str | None
    """Saw it last."""
    last_at: datetime
    batch_id: str | None
    template_id: str | None
    origin: str
    code_kind: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a search asks for. None asks for nothing."""

    serial: str | None = None
    state: ShownState | None = None
    blocked: bool | None = None
    legal_entity_id: str | None = None
    kind: str | None = None
    funding: str | None = None
    store_id: str | None = None
    """Sold it."""
    last_store_id: str | None = None
    booking_id: str | None = None
    batch_id: str | None = None
    template_id: str | None = None
    code_kind: str | None = None
    value_min: int | None = None
    value_max: int | None = None
    balance_min: int | None = None
    balance_max: int | None = None
    issued_from: date | None = None
    issued_to: date | None = None
    valid_from: date | None = None
    valid_to: date | None = None


# As the decider tells it (`Issued.shown_state`).
SHOWN_STATE = (
    "CASE WHEN state <> 'active' THEN state"
    " WHEN blocked IS NOT NULL THEN 'blocked'"
    " WHEN balance_minor = 0 THEN 'spent'"
    " WHEN valid_until < (CAST(:now AS timestamptz) AT TIME ZONE time_zone)::date THEN 'expired'"
    " ELSE 'active' END"
)
_FOUND = f"SELECT *, {SHOWN_STATE} AS shown FROM voucher_book"  # noqa: S608 (constants of this module)

_CONDITIONS: Mapping[str, str] = {
    "serial": "serial = :serial",
    "state": "shown = :state",
    "blocked": "(blocked IS NOT NULL) = CAST(:blocked AS boolean)",
    "legal_entity_id": "legal_entity_id = :legal_entity_id",
    "kind": "kind = :kind",
    "funding": "funding = :funding",
    "store_id": "store_id = :store_id",
    "last_store_id": "last_store_id = :last_store_id",
    "booking_id": "booking_id = :booking_id",
    "batch_id": "batch_id = :batch_id",
    "template_id": "template_id = :template_id",
    "code_kind": "code_kind = :code_kind",
    "value_min": "value_minor >= :value_min",
    "value_max": "value_minor <= :value_max",
    "balance_min": "balance_minor >= :balance_min",
    "balance_max": "balance_minor <= :balance_max",
    "issued_from": "opened >= :issued_from",
    "issued_to": "opened <= :issued_to",
    "valid_from": "valid_until >= :valid_from",
    "valid_to": "valid_until <= :valid_to",
}


async def search(
    connection: AsyncConnection, wanted: Slice, criteria: Wanted, *, now: datetime,
    within: str | None,
) -> tuple[tuple[FoundRow, ...], str | None]:  # fmt: skip
    """Newest first. `within`: only vouchers that this store sold or saw last."""
    values = {name: value for name in _CONDITIONS if (value := getattr(criteria, name)) is not None}
    conditions = [_CONDITIONS[name] for name in values]
    if within is not None:
        conditions.append("(store_id = :within OR last_store_id = :within)")
        values["within"] = within
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    columns = ", ".join("shown AS state" if name == "state" else name for name in _record_columns())
    query = f"SELECT {columns} FROM ({_FOUND}) AS f{where}"  # noqa: S608 (constants of this module)
    listing = Listing(FoundRow, query, {"first_position": "bigint"}, descending=True)
    return await listing.page(connection, wanted, {**values, "now": now})


def _record_columns() -> list[str]:
    amounts = {"value", "balance", "held"}
    return [f"{name}_minor" if name in amounts else name for name in FoundRow.model_fields]


@dataclass(frozen=True, slots=True)
class Entry:
    position: int
    name: str
    at: datetime
    amount: Money | None
    store_id: str | None
    till_id: str | None
    booking_id: str | None
    hold_id: str | None
    reason: str | None
    balance: Money | None = None
    """Afterwards, where the fact tells it."""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class LotDetail:
    """A part of the value with its own history: the issue, a top-up, a transfer."""

    lot_id: str
    value: Money
    left: Money
    kind: str
    rate: int
    funding: str
    opened: date
    valid_until: date | None


@dataclass(frozen=True, slots=True)
class VoucherDetail:
    voucher_id: str
    serial: str
    legal_entity_id: str
    state: str
    value: Money
    redeemed: Money
    cancelled: Money
    balance: Money
    held: Money
    valid_until: date | None
    issued_at: datetime
    history: tuple[Entry, ...]
    """Oldest first."""
    complete: bool
    kind: str
    rate: int
    funding: str
    funding_reason: str | None
    origin: str
    code_kind: str
    blocked: str | None
    batch_id: str | None
    template_id: str | None
    effect: str | None
    consideration: Money
    issued: Money
    topped_up: Money
    transferred_in: Money
    reversed: Money
    restored: Money
    paid_out: Money
    expired: Money
    sale_reversed: Money
    transferred_out: Money
    claimed: Money
    store_id: str | None
    booking_id: str | None
    last_store_id: str | None
    successor: str | None
    """Serial of the voucher that it was merged into."""
    account_id: str | None
    """The account that it was claimed for."""
    lots: tuple[LotDetail, ...]
    balanced: bool
    """issued + topped up + moved in + reversed + restored = redeemed + paid out + expired +
    sale reversed + cancelled + moved out + claimed + balance"""


_DETAIL = text(f"SELECT *, {SHOWN_STATE} AS shown FROM voucher_book WHERE serial = :serial")  # noqa: S608 (constants of this module)
_LOTS = text("SELECT * FROM value_lot WHERE owner = :owner ORDER BY opened, lot_id")
_HISTORY = text(
    "SELECT * FROM fact_line WHERE voucher_id = :voucher_id ORDER BY position DESC LIMIT :rows_max"
)

SUMS_IN = ("issued", "topped_up", "transferred_in", "reversed", "restored")
SUMS_OUT = (
    "redeemed", "paid_out", "expired", "sale_reversed", "cancelled", "transferred_out", "claimed",
)  # fmt: skip
_AMOUNTS = ("value", "consideration", "balance", "held", *SUMS_IN, *SUMS_OUT)
_PLAIN = (
    "voucher_id", "serial", "legal_entity_id", "valid_until", "issued_at", "kind", "rate",
    "funding", "origin", "code_kind", "blocked", "batch_id", "template_id", "effect", "store_id",
    "booking_id", "last_store_id", "successor", "account_id",
)  # fmt: skip


def balances(record: Mapping[Any, Any]) -> bool:
    """Whether the sums of a record explain its balance."""
    came = sum(record[f"{name}_minor"] for name in SUMS_IN)
    went = sum(record[f"{name}_minor"] for name in SUMS_OUT)
    return bool(came == went + record["balance_minor"])


async def detail(
    connection: AsyncConnection, serial: str, *, now: datetime, complete: bool
) -> VoucherDetail:
    """Raises `VoucherUnknown`."""
    found = await connection.execute(_DETAIL, {"serial": serial, "now": now})
    record = found.mappings().one_or_none()
    if record is None:
        raise VoucherUnknown
    voucher_id, money = record["voucher_id"], minor(record["currency"])
    lots = await connection.execute(_LOTS, {"owner": f"voucher-{voucher_id}"})
    lines = await connection.execute(_HISTORY, {"voucher_id": voucher_id, "rows_max": HISTORY_MAX})
    known: dict[str, Any] = {name: record[name] for name in _PLAIN}
    known |= {name: money(record[f"{name}_minor"]) for name in _AMOUNTS}
    return VoucherDetail(
        **known,
        state=record["shown"],
        funding_reason=record["reason"],
        history=tuple(reversed([_entry(line) for line in lines])),
        lots=tuple(_lot(lot, record["currency"]) for lot in lots),
        balanced=balances(record),
        complete=complete,
    )


def _entry(line: Any) -> Entry:
    def money(amount: int | None) -> Money | None:
        return None if amount is None else minor(line.currency)(amount)

    return Entry(
        position=line.position,
        name=line.name,
        at=line.at,
        amount=money(line.amount_minor),
        store_id=line.store_id,
        till_id=line.till_id,
        booking_id=line.booking_id,
        hold_id=line.hold_id,
        reason=line.reason,
        balance=money(line.balance_minor),
        actor=line.actor,
    )


def _lot(lot: Any, currency: str) -> LotDetail:
    money = minor(currency)
    return LotDetail(
        lot_id=lot.lot_id,
        value=money(lot.value_minor),
        left=money(lot.left_minor),
        kind=lot.kind,
        rate=lot.rate,
        funding=lot.funding,
        opened=lot.opened,
        valid_until=lot.valid_until,
    )


class HistoryRow(Row):
    """One fact of a voucher's life, in words."""

    position: int
    at: datetime
    words: str
    name: str
    """The fact's name: `voucher.redeemed`."""
    store: str | None
    """Its name, as the chain's file gives it today."""
    store_id: str | None
    till_id: str | None
    booking_id: str | None
    amount: Money | None
    balance: Money | None
    """Afterwards."""
    currency: str | None
    reason: str | None
    actor: str


class _Line(HistoryRow):
    detail: dict[str, Any] | None


_VOUCHER_ID = text("SELECT voucher_id FROM voucher_book WHERE serial = :serial")
_LINES = Listing(
    _Line,
    "SELECT *, NULL AS words, NULL AS store FROM fact_line WHERE voucher_id = :voucher_id",
    {"position": "bigint"},
)


async def history(
    connection: AsyncConnection, wanted: Slice, serial: str, *, language: words.Language,
    stores: Mapping[str, str],
) -> tuple[tuple[HistoryRow, ...], str | None]:  # fmt: skip
    """Oldest first, over all stores. Raises `VoucherUnknown`."""
    voucher_id = await connection.scalar(_VOUCHER_ID, {"serial": serial})
    if voucher_id is None:
        raise VoucherUnknown
    lines, after = await _LINES.page(connection, wanted, {"voucher_id": voucher_id})
    return tuple(_worded(line, language, stores) for line in lines), after


def _worded(line: _Line, language: words.Language, stores: Mapping[str, str]) -> HistoryRow:
    def shown(amount: Money | None) -> str:
        minor_units = None if amount is None else amount.amount
        return words.shown(minor_units, line.currency, language)

    store = stores.get(line.store_id, line.store_id) if line.store_id else None
    sentence = words.told(
        line.name,
        language=language,
        amount=shown(line.amount),
        balance=shown(line.balance),
        store=store or "",
        reason=line.reason or "",
        detail=line.detail or {},
    )
    known = {name: getattr(line, name) for name in HistoryRow.model_fields}
    return HistoryRow.model_construct(**{**known, "words": sentence, "store": store})
