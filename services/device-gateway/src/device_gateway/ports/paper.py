"""The printing desk, as the gateway wants to talk to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

from device_gateway.events import (
    BookingOrdered,
    CardTotal,
    CaseTotal,
    CashCount,
    CashMoved,
    ClosedPayment,
    Correction,
    MasterDataChanged,
    Record,
    TillClosed,
    TypedCard,
    VerdictReceived,
    VoucherKind,
)
from money import Money


@dataclass(frozen=True, slots=True)
class ShiftSoFar:
    """What an X report says of a shift that goes on. It is no process: it has no number and no
    verdict."""

    store_id: str
    till_id: str
    till_name: str
    client_id: str
    shift: int
    at: datetime
    business_date: date
    opened_at: datetime
    float_: Money
    cases: tuple[CaseTotal, ...]
    payments: tuple[ClosedPayment, ...]
    cash: CashCount | None
    """None: it is not told (somebody is to count blindly)."""
    corrections: tuple[Correction, ...]
    corrections_left_out: int
    corrections_sum: Money
    counts: dict[str, int]
    grand_total: Money
    cashier_id: str | None = None
    typed_cards: tuple[TypedCard, ...] = ()

    @property
    def booking_id(self) -> str:
        """By what its paper is known."""
        return f"x-{self.till_id}-{self.shift}"


@dataclass(frozen=True, slots=True)
class TerminalReport:
    """The end of day of a card terminal. No process of the till: no number, no verdict."""

    booking_id: str
    """By what its paper is known."""
    store_id: str
    till_id: str
    till_name: str
    terminal_name: str
    at: datetime
    total: Money | None
    totals: tuple[CardTotal, ...]
    text: tuple[str, ...]


Printable = Record | CashMoved | TillClosed | ShiftSoFar | TerminalReport
"""What there is a paper of: receipts, slips of cash moves, Z reports and X reports."""


@dataclass(frozen=True, slots=True)
class ReceiptOrder:
    """All that a paper is made of. `verdict` None with `outage`: the signer is dead and the
    paper carries the outage mark; None without it: not signed yet (a preview)."""

    booking: Printable
    verdict: VerdictReceived | None
    master_data: MasterDataChanged
    outage: bool = False
    is_copy: bool = False
    paper: Literal["receipt", "center_slip", "rest_slip", "terminal_report", "x_report"] = "receipt"
    """Which of the booking's papers."""


@dataclass(frozen=True, slots=True)
class SoldVoucher:
    """A voucher with its secret code. Lives in memory, in the answer and on paper only."""

    voucher_id: str
    serial: str
    value: Money
    code: str | None
    """None once the print was acknowledged or the delivery's time is up."""
    valid_until: date | None = None
    qr: str | None = None
    """What the QR code on the slip says; it holds the code. None: the code itself."""
    paid: Money | None = None
    """What it costs; None: its value."""
    kind: VoucherKind = "multi_purpose"
    vat: str = "zero"
    rate: int | None = None
    """Single-purpose: basis points."""
    goods: str | None = None
    """Single-purpose: the kind of goods."""

    def __repr__(self) -> str:
        return f"SoldVoucher({self.serial})"


class ReceiptDesk(Protocol):
    """Renders receipts, slips of cash moves and reports, and queues them for the till's printer."""

    def text(self, order: ReceiptOrder) -> str:
        """As the till's printer shows it. It stands in every answer to a till, so it has to be
        quick. Pure."""
        ...

    def html(self, order: ReceiptOrder) -> str:
        """As a page. Pure."""
        ...

    def escpos(self, order: ReceiptOrder) -> bytes:
        """As bytes for the till's printer. Pure."""
        ...

    def pdf(self, order: ReceiptOrder) -> bytes:
        """As a PDF of the paper's width. Pure. Raises `PdfNotInstalled`."""
        ...

    async def enqueue(self, order: ReceiptOrder, *, job_id: str) -> bool:
        """Queue the receipt once; the same `job_id` again changes nothing.

        True: a printer has a new job, and says so when it is on paper. A till without a printer
        is no error.
        """
        ...

    async def enqueue_voucher_slips(
        self, order: ReceiptOrder, *, job_id: str, vouchers: Sequence[SoldVoucher]
    ) -> bool:
        """Queue one slip per sold voucher, code included; otherwise as `enqueue`."""
        ...

    async def enqueue_remainder_slips(
        self, order: ReceiptOrder, *, job_id: str, vouchers: Sequence[SoldVoucher]
    ) -> bool:
        """The same for vouchers that were paid with and have a new code; `value` is their rest."""
        ...

    async def enqueue_order_slips(
        self, ordered: BookingOrdered, master_data: MasterDataChanged, *, job_id: str
    ) -> bool:
        """Queue what a kitchen has to do, once on each printer that it concerns."""
        ...

    async def repeat_order_slip(
        self,
        ordered: BookingOrdered,
        master_data: MasterDataChanged,
        *,
        printer_id: str,
        job_id: str,
    ) -> bool:
        """The part of one printer once more. False: that printer prints none of it any more."""
        ...

    def has_drawer(self, master_data: MasterDataChanged, till_id: str) -> bool:
        """The till's receipt printer has a cash drawer."""
        ...
