"""Stored-value accounts and their fees."""

from __future__ import annotations

from datetime import date, datetime

from kassenverbund.kit.pages import Listing, Row
from money import Money


class AccountRow(Row):
    """An account with its balance and its open fees."""

    first_position: int
    account_id: str
    legal_entity_id: str
    holder_id: str | None
    """The person in the system that knows them. None: the bearer of a card."""
    cards: str
    """Serials of the cards that open it."""
    currency: str
    balance: Money
    held: Money
    open_fees: Money
    blocked: str | None
    """The reason; None: it can be used."""
    receipt_duty: bool
    opened_at: datetime
    last_at: datetime


class FeeRow(Row):
    """A fee, and what of it is open."""

    position: int
    account_id: str
    fee_id: str
    kind: str
    currency: str
    amount: Money
    open: Money
    due: date
    overdue: bool
    note: str | None
    state: str
    """open, settled, withdrawn"""
    posted_at: datetime


class SettlementRow(Row):
    """A fee, or part of it, was settled."""

    position: int
    day: date
    at: datetime
    account_id: str
    fee_id: str
    kind: str
    how: str
    """credit, payment, waiver"""
    currency: str
    amount: Money
    voucher_serial: str | None
    reason: str | None
    actor: str
    store_id: str | None
    booking_id: str | None


class SettlementTotalRow(Row):
    """How fees of one kind were settled."""

    how: str
    kind: str
    currency: str
    settlements: int
    amount: Money


ACCOUNTS = Listing(
    AccountRow,
    "SELECT first_position, account_id, legal_entity_id, holder_id, currency, balance_minor,"
    " held_minor, open_fees_minor, blocked, receipt_duty, opened_at, last_at,"
    " (SELECT coalesce(string_agg(card, ' '), '') FROM"
    " jsonb_array_elements_text(a.cards) AS card) AS cards FROM account_book AS a"
    " WHERE (CAST(:holder_id AS text) IS NULL OR holder_id = :holder_id)"
    " AND (CAST(:account_id AS text) IS NULL OR account_id = :account_id)"
    " AND (NOT CAST(:with_fees AS boolean) OR open_fees_minor > 0)",
    {"first_position": "bigint"},
)
FEES = Listing(
    FeeRow,
    "SELECT *, state = 'open' AND due < CAST(:today AS date) AS overdue FROM account_fee"
    " WHERE (CAST(:account_id AS text) IS NULL OR account_id = :account_id)"
    " AND (CAST(:kind AS text) IS NULL OR kind = :kind)"
    " AND (CAST(:state AS text) IS NULL OR state = :state)",
    {"position": "bigint"},
)
_SETTLED = (
    "FROM fee_settlement WHERE day BETWEEN CAST(:first AS date) AND CAST(:last AS date)"
    " AND (CAST(:store_id AS text) IS NULL OR store_id = :store_id)"
    " AND (CAST(:how AS text) IS NULL OR how = :how)"
)
SETTLEMENTS = Listing(SettlementRow, f"SELECT * {_SETTLED}", {"position": "bigint"})
SETTLEMENT_TOTALS = Listing(
    SettlementTotalRow,
    "SELECT how, kind, currency, count(*)::bigint AS settlements,"
    f" sum(amount_minor)::bigint AS amount_minor {_SETTLED} GROUP BY how, kind, currency",
    {"how": "text", "kind": "text", "currency": "text"},
)
