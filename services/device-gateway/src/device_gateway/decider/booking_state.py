"""A booking as its events tell it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, assert_never

from device_gateway.decider.pricing import GIVES_BACK, HELD, article_total
from device_gateway.events import (
    PAYS_GOODS,
    Act,
    BookingAborted,
    BookingOrdered,
    BookingParked,
    BookingRecorded,
    BookingStarted,
    BookingTakenBack,
    CashMoved,
    FinalEvent,
    Line,
    LineRefused,
    PaperKind,
    Payment,
    PaymentKind,
    PaymentRefused,
    PaymentRequested,
    PaymentUnknown,
    ReceiptPrinted,
    ReceiptQueued,
    Record,
    TerminalWish,
    TillClosed,
    VerdictOverdue,
    VerdictReceived,
)
from money import Money, total

TenderStatus = Literal["requested", "held", "settled", "refused", "reopened", "divided", "unknown"]
"""`divided`: several vouchers answered together, and each has a tender of its own. `unknown`: a
card terminal was asked, and nobody knows what it did."""


@dataclass(frozen=True, slots=True)
class Tender:
    """A payment in whatever state it is; `payment` is there while it settles something."""

    payment_id: str
    kind: PaymentKind
    name: str
    status: TenderStatus
    requested: Money
    hold_id: str | None = None
    payment: Payment | None = None
    subsidies: tuple[Payment, ...] = ()
    """Under the same hold as `payment`."""
    warnings: tuple[str, ...] = ()
    request: PaymentRequested | None = None
    refusal: PaymentRefused | None = None
    release_due: bool = False
    together: bool = False
    """`hold_id` is the id of a group of holds."""
    since: datetime | None = None
    terminal: TerminalWish | None = None
    """A card terminal is asked for it."""
    unknown: PaymentUnknown | None = None

    @property
    def settling(self) -> tuple[Payment, ...]:
        """What it settles now. A cost center of which subsidies pay everything pays nothing."""
        if self.payment is None:
            return ()
        return tuple(paid for paid in (self.payment, *self.subsidies) if paid.amount)


@dataclass(frozen=True, slots=True)
class Booking:
    started: BookingStarted | None = None
    lines: tuple[Line, ...] = ()
    numbered: int = 0
    """Lines that got a number, those that were refused included."""
    refused_lines: tuple[tuple[Line, LineRefused], ...] = ()
    tenders: tuple[Tender, ...] = ()
    recorded: Record | None = None
    """A booking, or a training."""
    final: FinalEvent | None = None
    """What has the number: `recorded`, or what is no sale (an order, a cash move, a closing)."""
    aborted: BookingAborted | None = None
    verdict: VerdictReceived | None = None
    overdue: VerdictOverdue | None = None
    queued: tuple[ReceiptQueued, ...] = ()
    printed: tuple[ReceiptPrinted, ...] = ()
    taken_back: tuple[BookingTakenBack, ...] = ()
    """What came back of it later, by other bookings."""
    acts: tuple[Act, ...] = ()
    """What people changed of it; `editing.acts_of` says what of that counts."""
    give_back_due: tuple[Line, ...] = ()
    """Voided lines that another service may still keep something for."""
    parked: BookingParked | None = None
    last_at: datetime | None = None
    """When something last changed while it was open."""

    @property
    def open(self) -> bool:
        return self.started is not None and self.recorded is None and self.aborted is None

    @property
    def currency(self) -> str:
        assert self.started is not None
        return self.started.currency

    @property
    def payments(self) -> tuple[Payment, ...]:
        """Those that settle something."""
        return tuple(paid for tender in self.tenders for paid in tender.settling)

    @property
    def total(self) -> Money:
        return total((line.amount for line in self.lines), currency=self.currency)

    @property
    def open_amount(self) -> Money:
        settled = total((paid.amount for paid in self.payments), currency=self.currency)
        return self.total - settled

    @property
    def to_pay(self) -> Money:
        """What is open, less what a card terminal may be taking just now."""
        waiting = [
            tender.requested for tender in self.tenders
            if tender.terminal is not None and tender.status in ("requested", "unknown")
        ]  # fmt: skip
        return self.open_amount - total(waiting, currency=self.currency)

    @property
    def refundable(self) -> bool:
        """More comes back than is bought: money goes out when it is recorded."""
        # Sums of money are dear, and most bookings give nothing back.
        return any(line.kind in GIVES_BACK for line in self.lines) and self.open_amount.amount < 0

    @property
    def held_lines(self) -> tuple[Line, ...]:
        """Vouchers that end with this booking: the voucher service keeps their rest for it."""
        return tuple(line for line in self.lines if line.kind in HELD and line.hold_id)

    @property
    def change(self) -> Money:
        return total((paid.change for paid in self.payments if paid.change), currency=self.currency)

    @property
    def goods_left(self) -> Money:
        """What the goods cost, less what vouchers and cost centers pay of it."""
        paid = total(
            (paid.amount for paid in self.payments if paid.kind in PAYS_GOODS),
            currency=self.currency,
        )
        return article_total(self.lines, self.currency) - paid

    @property
    def open_to_vouchers(self) -> Money:
        """What vouchers and cost centers may still pay: neither buys a voucher."""
        return min(self.goods_left, self.open_amount)

    def tender(self, payment_id: str) -> Tender | None:
        return next((each for each in self.tenders if each.payment_id == payment_id), None)

    @property
    def releases_due(self) -> tuple[Tender, ...]:
        """Holds of payments that settle nothing. An abort ends its holds by its event alone."""
        if self.aborted is not None:
            return ()
        return tuple(tender for tender in self.tenders if tender.release_due)

    def job_queued(self, document: str) -> bool:
        return any(job.document == document for job in self.queued)

    @property
    def sells_vouchers(self) -> bool:
        """Slips with codes are printed for it."""
        return any(line.has_slip for line in self.lines)

    @property
    def asks_vouchers(self) -> bool:
        """The voucher service has to agree to a line."""
        return any(line.kind in ("voucher_sale", "voucher_top_up", "fee") for line in self.lines)

    @property
    def unprepared(self) -> tuple[Line, ...]:
        """Cards and top-ups to which the voucher service has not agreed."""
        return tuple(line for line in self.lines if line.asks_first and not line.voucher_serial)

    @property
    def print_due(self) -> tuple[PaperKind, ...]:
        """Which papers are to be handed to the printing desk now. The receipt of a closing is its Z
        report, that of a cash move its slip. An order goes to the kitchen before it is signed."""
        if self.final is None:
            return ()
        signed = self.verdict is not None or self.overdue is not None
        if not signed and not isinstance(self.final, BookingOrdered):
            return ()
        papers = list(papers_of(self.final))
        return tuple(paper for paper in papers if not self.job_queued(paper))


def papers_of(final: FinalEvent) -> tuple[PaperKind, ...]:
    """What is printed of it once it has its verdict. Nobody waits for the paper of a shift that was
    closed by the clock. An order has slips where a kitchen prints."""
    match final:
        case Record():
            slips: list[PaperKind] = ["receipt"]
            if isinstance(final, BookingRecorded) and any(line.has_slip for line in final.lines):
                slips.append("voucher_slips")
            if isinstance(final, BookingRecorded) and any(paid.slip for paid in final.payments):
                slips.append("center_slip")
            if final.renewed:
                slips.append("remainder_slips")
            if final.rest_slip:
                slips.append("rest_slip")
            return tuple(slips)
        case TillClosed():
            return () if final.automatic else ("receipt",)
        case CashMoved():
            return ("receipt",)
        case BookingOrdered():
            return ("order_slip",) if final.kitchen else ()
        case _:
            assert_never(final)
