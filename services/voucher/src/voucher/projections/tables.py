"""Rows of the read models."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from kassenverbund.kit.tables import Connection as Connection
from kassenverbund.kit.tables import Table


@dataclass(slots=True)
class VoucherRow:
    """`voucher_book`"""

    voucher_id: str
    first_position: int
    serial: str
    legal_entity_id: str
    currency: str
    kind: str
    rate: int
    funding: str
    reason: str | None
    effect: str | None
    origin: str
    code_kind: str
    batch_id: str | None
    template_id: str | None
    printed: bool
    state: str
    time_zone: str
    opened: date
    last_at: datetime
    issued_at: datetime
    last_position: int
    blocked: str | None = None
    value_minor: int = 0
    consideration_minor: int = 0
    issued_minor: int = 0
    topped_up_minor: int = 0
    transferred_in_minor: int = 0
    reversed_minor: int = 0
    restored_minor: int = 0
    redeemed_minor: int = 0
    paid_out_minor: int = 0
    expired_minor: int = 0
    sale_reversed_minor: int = 0
    cancelled_minor: int = 0
    transferred_out_minor: int = 0
    claimed_minor: int = 0
    balance_minor: int = 0
    held_minor: int = 0
    valid_until: date | None = None
    store_id: str | None = None
    till_id: str | None = None
    booking_id: str | None = None
    last_store_id: str | None = None
    activated_at: datetime | None = None
    successor: str | None = None
    account_id: str | None = None


@dataclass(slots=True)
class LotRow:
    """`value_lot`"""

    owner: str
    lot_id: str
    opened: date
    kind: str
    rate: int
    funding: str
    valid_until: date | None
    value_minor: int
    left_minor: int
    expired_minor: int = 0


@dataclass(slots=True)
class HoldRow:
    """`open_hold`"""

    hold_id: str
    voucher_id: str | None
    account_id: str | None
    currency: str
    amount_minor: int
    confirmed: bool
    expires_at: datetime
    store_id: str
    till_id: str
    booking_id: str
    purpose: str
    held_at: datetime


@dataclass(slots=True)
class LineRow:
    """`fact_line`"""

    position: int
    voucher_id: str | None
    account_id: str | None
    name: str
    at: datetime
    actor: str
    currency: str | None
    amount_minor: int | None
    balance_minor: int | None
    store_id: str | None
    till_id: str | None
    booking_id: str | None
    hold_id: str | None
    reason: str | None
    detail: str | None


@dataclass(slots=True)
class PreparationRow:
    """`preparation`"""

    what: str
    preparation_id: str
    position: int
    voucher_id: str | None
    account_id: str | None
    serial: str | None
    currency: str
    amount_minor: int
    store_id: str | None
    till_id: str | None
    booking_id: str | None
    prepared_at: datetime
    expires_at: datetime | None = None


@dataclass(slots=True)
class ConcessionRow:
    """`concession`"""

    position: int
    what: str
    voucher_id: str | None
    account_id: str | None
    serial: str | None
    currency: str
    amount_minor: int
    reason: str
    actor: str
    store_id: str | None
    till_id: str | None
    booking_id: str | None
    day: date
    at: datetime


@dataclass(slots=True)
class FailureRow:
    """`failure`"""

    position: int
    name: str
    voucher_id: str | None
    account_id: str | None
    serial: str | None
    booking_id: str
    store_id: str
    currency: str
    missing_minor: int
    reason: str
    offline: bool
    at: datetime


@dataclass(slots=True)
class OverdraftRow:
    """`overdraft`"""

    overdraft_id: str
    position: int
    store_id: str
    legal_entity_id: str | None
    voucher_id: str | None
    serial: str | None
    booking_id: str
    currency: str
    amount_minor: int
    offline: bool
    booked_at: datetime
    settled_minor: int = 0
    how: str | None = None
    reason: str | None = None
    settled_at: datetime | None = None


@dataclass(slots=True)
class AccountRow:
    """`account_book`"""

    account_id: str
    first_position: int
    legal_entity_id: str
    holder_id: str | None
    currency: str
    limits: str
    receipt_duty: bool
    time_zone: str
    opened_at: datetime
    last_at: datetime
    last_position: int
    cards: str = "[]"
    balance_minor: int = 0
    held_minor: int = 0
    open_fees_minor: int = 0
    blocked: str | None = None


@dataclass(slots=True)
class FeeRow:
    """`account_fee`"""

    account_id: str
    fee_id: str
    position: int
    kind: str
    currency: str
    amount_minor: int
    open_minor: int
    due: date
    note: str | None
    posted_at: datetime
    state: str = "open"


@dataclass(slots=True)
class SettlementRow:
    """`fee_settlement`"""

    position: int
    settlement_id: str
    account_id: str
    fee_id: str
    kind: str
    how: str
    currency: str
    amount_minor: int
    voucher_serial: str | None
    reason: str | None
    actor: str
    booking_id: str | None
    store_id: str | None
    day: date
    at: datetime


@dataclass(slots=True)
class BatchRow:
    """`batch_book`"""

    batch_id: str
    first_position: int
    kind: str
    legal_entity_id: str
    currency: str | None
    cards: int
    value_minor: int | None
    total_minor: int | None
    template_id: str | None
    ordered_at: datetime
    done: int = 0
    state: str = "ordered"
    digest: str | None = None
    reason: str | None = None
    completed_at: datetime | None = None
    exported_at: datetime | None = None
    voided_at: datetime | None = None


@dataclass(slots=True)
class TemplateRow:
    """`template_book`"""

    template_id: str
    first_position: int
    name: str
    kind: str
    funding: str
    currency: str | None
    value_minor: int | None
    price_minor: int | None
    active: bool
    terms: str
    validity: str
    defined_at: datetime


VOUCHERS = Table("voucher_book", VoucherRow, ("voucher_id",))
LOTS = Table("value_lot", LotRow, ("owner", "lot_id"))
HOLDS = Table("open_hold", HoldRow, ("hold_id",))
LINES = Table("fact_line", LineRow, ("position",), json=("detail",))
PREPARATIONS = Table("preparation", PreparationRow, ("what", "preparation_id"))
CONCESSIONS = Table("concession", ConcessionRow, ("position", "what"))
FAILURES = Table("failure", FailureRow, ("position",))
OVERDRAFTS = Table("overdraft", OverdraftRow, ("overdraft_id",))
ACCOUNTS = Table("account_book", AccountRow, ("account_id",), json=("cards", "limits"))
FEES = Table("account_fee", FeeRow, ("account_id", "fee_id"))
SETTLEMENTS = Table("fee_settlement", SettlementRow, ("position",))
BATCHES = Table("batch_book", BatchRow, ("batch_id",))
TEMPLATES = Table("template_book", TemplateRow, ("template_id",), json=("terms", "validity"))

LEDGER = """
    INSERT INTO liability_day AS d (book, legal_entity_id, currency, kind, rate, funding,
        opened_month, movement, day, amount_minor, entries)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::text[],
        $7::date[], $8::text[], $9::date[], $10::bigint[], $11::bigint[])
    ON CONFLICT (day, book, legal_entity_id, currency, kind, rate, funding, opened_month, movement)
    DO UPDATE SET amount_minor = d.amount_minor + excluded.amount_minor,
        entries = d.entries + excluded.entries
"""
STORE_DAY = """
    INSERT INTO store_day AS d (day, store_id, book, issued_by, accepted_by, currency, funding,
        redeemed_minor, reversed_minor, paid_out_minor, redemptions)
    SELECT * FROM unnest($1::date[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
        $7::text[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[])
    ON CONFLICT (day, store_id, book, issued_by, accepted_by, currency, funding)
    DO UPDATE SET redeemed_minor = d.redeemed_minor + excluded.redeemed_minor,
        reversed_minor = d.reversed_minor + excluded.reversed_minor,
        paid_out_minor = d.paid_out_minor + excluded.paid_out_minor,
        redemptions = d.redemptions + excluded.redemptions
"""
