"""Lists that somebody works through: what was given up, what is open, what went wrong."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from kassenverbund.kit.pages import Listing, Row
from money import Money

Concession = Literal[
    "voucher_waiver", "fee_waiver", "fee_withdrawn", "goodwill", "sale_reversed",
    "redemption_reversed", "spend_reversed", "written_off", "restored",
]  # fmt: skip


class ConcessionRow(Row):
    """Something was given up or taken back: a waiver, a reversal, a rest that was written off."""

    position: int
    day: date
    at: datetime
    what: str
    """See `Concession`."""
    amount: Money
    currency: str
    reason: str
    actor: str
    """The person, till or policy that did it."""
    serial: str | None
    account_id: str | None
    store_id: str | None
    till_id: str | None
    booking_id: str | None


class ConcessionTotalRow(Row):
    """The sum of a kind of concessions."""

    what: str
    currency: str
    entries: int
    amount: Money


class PendingRow(Row):
    """Begun at a till, not recorded yet."""

    position: int
    what: str
    """sale, top_up, load, settlement"""
    preparation_id: str
    serial: str | None
    account_id: str | None
    amount: Money
    currency: str
    store_id: str | None
    till_id: str | None
    booking_id: str | None
    prepared_at: datetime
    expires_at: datetime | None


class OverdraftRow(Row):
    """A store accepted more than a voucher held."""

    position: int
    overdraft_id: str
    store_id: str
    legal_entity_id: str | None
    serial: str | None
    booking_id: str
    amount: Money
    settled: Money
    open: Money
    currency: str
    offline: bool
    booked_at: datetime
    how: str | None
    reason: str | None
    settled_at: datetime | None


class OverdraftTotalRow(Row):
    """A store's overdraft account."""

    store_id: str
    currency: str
    overdrafts: int
    booked: Money
    settled: Money
    open: Money


class FailureRow(Row):
    """A recorded booking that a voucher or an account could not cover."""

    position: int
    at: datetime
    name: str
    store_id: str
    booking_id: str
    serial: str | None
    account_id: str | None
    missing: Money
    currency: str
    reason: str
    offline: bool


class ExpiringRow(Row):
    """A part of a voucher's or an account's value that ends soon, or has ended unspent."""

    valid_until: date
    owner: str
    """`voucher-…` or `account-…`"""
    lot_id: str
    serial: str | None
    legal_entity_id: str | None
    funding: str
    kind: str
    opened: date
    open: Money
    currency: str
    past: bool
    """The last day is over. It is owed until somebody writes it off."""
    last_store_id: str | None


class WeakCodeRow(Row):
    """A voucher that still answers to a short code of another system."""

    first_position: int
    serial: str
    state: str
    legal_entity_id: str
    balance: Money
    currency: str
    valid_until: date | None
    batch_id: str | None
    last_store_id: str | None
    last_at: datetime


class BatchRow(Row):
    """A print run or an import, and how far it is."""

    first_position: int
    batch_id: str
    kind: str
    legal_entity_id: str
    template_id: str | None
    cards: int
    done: int
    percent: int
    state: str
    """ordered, running, completed, exported, voided"""
    value: Money | None
    total: Money | None
    currency: str | None
    digest: str | None
    reason: str | None
    ordered_at: datetime
    completed_at: datetime | None
    exported_at: datetime | None
    voided_at: datetime | None


class TemplateRow(Row):
    """A template as it is now. Vouchers that were issued before keep their terms."""

    first_position: int
    template_id: str
    name: str
    kind: str
    funding: str
    value: Money | None
    price: Money | None
    currency: str | None
    active: bool
    defined_at: datetime


_STORE = "(CAST(:store_id AS text) IS NULL OR store_id = :store_id)"
_DAYS = "day BETWEEN CAST(:first AS date) AND CAST(:last AS date)"
_WHAT = "(CAST(:what AS text) IS NULL OR what = :what)"

CONCESSIONS = Listing(
    ConcessionRow,
    f"SELECT * FROM concession WHERE {_DAYS} AND {_STORE} AND {_WHAT}",  # noqa: S608 (constants of this module)
    {"position": "bigint", "what": "text"},
)
CONCESSION_TOTALS = Listing(
    ConcessionTotalRow,
    "SELECT what, currency, count(*)::bigint AS entries, sum(amount_minor)::bigint AS amount_minor"  # noqa: S608 (constants of this module)
    f" FROM concession WHERE {_DAYS} AND {_STORE} GROUP BY what, currency",
    {"what": "text", "currency": "text"},
)
PENDING = Listing(
    PendingRow,
    f"SELECT * FROM preparation WHERE {_STORE} AND {_WHAT}",  # noqa: S608 (constants of this module)
    {"position": "bigint"},
)
OVERDRAFTS = Listing(
    OverdraftRow,
    "SELECT *, amount_minor - settled_minor AS open_minor FROM overdraft"  # noqa: S608 (constants of this module)
    f" WHERE {_STORE} AND (NOT CAST(:open AS boolean) OR amount_minor > settled_minor)",
    {"position": "bigint"},
)
OVERDRAFT_TOTALS = Listing(
    OverdraftTotalRow,
    "SELECT store_id, currency, count(*)::bigint AS overdrafts,"  # noqa: S608 (constants of this module)
    " sum(amount_minor)::bigint AS booked_minor, sum(settled_minor)::bigint AS settled_minor,"
    " sum(amount_minor - settled_minor)::bigint AS open_minor"
    f" FROM overdraft WHERE {_STORE} GROUP BY store_id, currency",
    {"store_id": "text", "currency": "text"},
)
FAILURES = Listing(
    FailureRow,
    f"SELECT * FROM failure WHERE {_STORE}",  # noqa: S608 (constants of this module)
    {"position": "bigint"},
    descending=True,
)
EXPIRING = Listing(
    ExpiringRow,
    "SELECT l.valid_until, l.owner, l.lot_id, v.serial, l.funding, l.kind, l.opened,"
    " coalesce(v.legal_entity_id, a.legal_entity_id) AS legal_entity_id,"
    " coalesce(v.currency, a.currency) AS currency, l.left_minor AS open_minor,"
    " l.valid_until < CAST(:today AS date) AS past, v.last_store_id"
    " FROM value_lot AS l"
    " LEFT JOIN voucher_book AS v"
    "   ON l.owner LIKE 'voucher-%' AND v.voucher_id = substr(l.owner, 9)"
    " LEFT JOIN account_book AS a"
    "   ON l.owner LIKE 'account-%' AND a.account_id = substr(l.owner, 9)"
    " WHERE l.left_minor > 0"
    "   AND l.valid_until BETWEEN CAST(:first AS date) AND CAST(:last AS date)",
    {"valid_until": "date", "owner": "text", "lot_id": "text"},
)
WEAK_CODES = Listing(
    WeakCodeRow,
    "SELECT * FROM voucher_book WHERE code_kind = 'weak' AND state IN ('pending', 'active')",
    {"first_position": "bigint"},
)
BATCHES = Listing(
    BatchRow,
    "SELECT *, done * 100 / cards AS percent FROM batch_book",
    {"first_position": "bigint"},
    descending=True,
)
TEMPLATES = Listing(
    TemplateRow,
    "SELECT * FROM template_book",
    {"first_position": "bigint"},
)
