"""Z report, X report and the slip of a cash move as data: like a receipt, one document and three
forms. The signed closing (`till.closed`) is the truth; its paper only shows it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from device_gateway.receipt.document import DocumentPart, Mentioned, Paper
from money import Money


class CaseRow(DocumentPart):
    """A business case under one VAT key: gross = net + tax."""

    case: str
    """GV_TYP of DSFinV-K."""
    name: str
    dsfinvk_key: int
    rate: int
    """Basis points."""
    net: Money
    tax: Money
    gross: Money


class VatSum(DocumentPart):
    """All cases under one VAT key."""

    dsfinvk_key: int
    rate: int
    label: str
    net: Money
    tax: Money
    gross: Money


class PaymentRow(DocumentPart):
    """`type` is ZAHLART_TYP; `count` the processes that were paid so."""

    type: str
    name: str
    amount: Money
    count: int


class Drawer(DocumentPart):
    """The cash. `difference` = counted - expected."""

    opening: Money
    expected: Money
    counted: Money | None = None
    difference: Money
    counted_by: str | None = None
    skimmed: Money | None = None
    left: Money


class CorrectionRow(DocumentPart):
    kind: str
    number: int | None = None
    amount: Money
    reason: str
    person: str | None = None
    approved_by: str | None = None
    name: str | None = None
    """Of the line, where it is about one."""
    at: datetime


class ReportDocument(Paper):
    """A closing (Z) or the shift so far (X), which is no closing and no process."""

    kind: Literal["z", "x"]
    z_number: int
    """Of an X report: the Z number that the shift will get."""
    business_date: date
    opened_at: datetime
    automatic: bool = False
    """Closed by the clock; nobody counted."""
    cases: tuple[CaseRow, ...]
    vat: tuple[VatSum, ...]
    turnover: Money
    """Sum of all cases."""
    payments: tuple[PaymentRow, ...]
    paid: Money
    drawer: Drawer | None = None
    """None: it is not told before it was counted."""
    typed_cards: tuple[tuple[str, Money], ...] = ()
    """(receipt number, amount) of cards that were taken on a terminal of its own."""
    corrections: tuple[CorrectionRow, ...] = ()
    corrections_left_out: int = 0
    corrections_sum: Money | None = None
    """Also of those that are left out. None: an older closing does not say it."""
    counts: tuple[tuple[str, int], ...] = ()
    """(kind of process, how many)."""
    grand_total: Money


class CashSlip(Paper):
    """Cash that went into the drawer, or out of it with a minus."""

    kind: str
    case: str
    """GV_TYP of DSFinV-K."""
    case_name: str | None = None
    amount: Money
    reason: str
    references: tuple[Mentioned, ...] = ()
