"""A booking as its events tell it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, assert_never

from device_gateway.decider.pricing import GIVES_BACK, HELD, article_total
from device_gateway.events import (
    PAYS_GOODS,
    Act,
    BookingAborted,
    BookingEvent,
    BookingOrdered,
    BookingParked,
    BookingRecorded,
    BookingResumed,
    BookingStarted,
    BookingTakenBack,
    CashMoved,
    FinalEvent,
    Line,
    LineChanged,
    LineGivenBack,
    LinePrepared,
    LineRefused,
    LinesAdded,
    LineVoided,
    PaperKind,
    Payment,
    PaymentAccepted,
    PaymentHeld,
    PaymentKind,
    PaymentRefused,
    PaymentReleased,
    PaymentReopened,
    PaymentRequested,
    PaymentResolved,
    PaymentUnknown,
    PaymentWithdrawn,
    ReceiptPrinted,
    ReceiptQueued,
    Record,
    TerminalWish,
    TillClosed,
    TrainingRecorded,
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


def evolve(booking: Booking, event: BookingEvent) -> Booking:
    match event:
        case BookingStarted():
            return replace(booking, started=event, last_at=event.started_at)
        case LinesAdded():
            return replace(
                booking,
                lines=booking.lines + event.lines,
                numbered=booking.numbered + len(event.lines),
                acts=booking.acts + event.acts,
                parked=None,
                last_at=event.added_at,
            )
        case LinePrepared():
            return _line_prepared(booking, event)
        case LineRefused():
            return _line_refused(booking, event)
        case LineVoided() | LineChanged():
            return _line_edited(booking, event)
        case LineGivenBack():
            due = (each for each in booking.give_back_due if each.line_id != event.line_id)
            return replace(booking, give_back_due=tuple(due))
        case BookingParked():
            return replace(booking, parked=event, last_at=event.parked_at)
        case BookingResumed():
            return replace(booking, parked=None, last_at=event.resumed_at)
        case BookingRecorded() | TrainingRecorded():
            return replace(booking, recorded=event, final=event, lines=event.lines)
        case BookingOrdered() | CashMoved() | TillClosed():
            return replace(booking, final=event)
        case BookingTakenBack():
            return replace(booking, taken_back=(*booking.taken_back, event))
        case BookingAborted():
            return replace(booking, aborted=event)
        case VerdictReceived():
            return replace(booking, verdict=event)
        case VerdictOverdue():
            return replace(booking, overdue=event)
        case ReceiptQueued():
            return replace(booking, queued=(*booking.queued, event))
        case ReceiptPrinted():
            return replace(booking, printed=(*booking.printed, event))
        case (
            PaymentAccepted()
            | PaymentRequested()
            | PaymentHeld()
            | PaymentRefused()
            | PaymentReopened()
            | PaymentReleased()
            | PaymentWithdrawn()
            | PaymentUnknown()
            | PaymentResolved()
        ):
            return _evolve_payment(booking, event)
        case _:
            assert_never(event)


def _line_prepared(booking: Booking, event: LinePrepared) -> Booking:
    def prepared(line: Line) -> Line:
        if line.line_id != event.line_id:
            return line
        known = {"voucher_serial": event.voucher_serial}
        if line.voucher_id is None:
            # A card keeps the id of its preparation: an abort cancels it by that.
            known["voucher_id"] = event.voucher_id
        return line.model_copy(update=known)

    lines = tuple(prepared(line) for line in booking.lines)
    return replace(booking, lines=lines, last_at=event.prepared_at)


def _line_refused(booking: Booking, event: LineRefused) -> Booking:
    kept = tuple(line for line in booking.lines if line.line_id != event.line_id)
    gone = tuple((line, event) for line in booking.lines if line.line_id == event.line_id)
    return replace(
        booking,
        lines=kept,
        refused_lines=booking.refused_lines + gone,
        last_at=event.refused_at,
    )


def _line_edited(booking: Booking, event: LineVoided | LineChanged) -> Booking:
    acts = booking.acts if event.act is None else (*booking.acts, event.act)
    if isinstance(event, LineChanged):
        changed, gone, at = {event.line.line_id: event.line}, frozenset[str](), event.changed_at
    else:
        changed = {line.line_id: line for line in event.changed}
        gone, at = frozenset(event.gone), event.voided_at
    due = booking.give_back_due
    if isinstance(event, LineVoided) and event.give_back:
        due += tuple(line for line in booking.lines if line.line_id == event.line_id)
    lines = (changed.get(line.line_id, line) for line in booking.lines if line.line_id not in gone)
    return replace(
        booking, lines=tuple(lines), acts=acts, give_back_due=due, parked=None, last_at=at
    )


PaymentEvent = (
    PaymentAccepted
    | PaymentRequested
    | PaymentHeld
    | PaymentRefused
    | PaymentReopened
    | PaymentReleased
    | PaymentWithdrawn
    | PaymentUnknown
    | PaymentResolved
)


def _evolve_payment(booking: Booking, event: PaymentEvent) -> Booking:
    match event:
        case PaymentAccepted(payment=payment) if booking.tender(payment.payment_id) is not None:
            tender = replace(
                _tender(booking, payment.payment_id), status="settled", payment=payment
            )
            return _with(booking, tender, at=event.accepted_at)
        case PaymentUnknown():
            tender = replace(_tender(booking, event.payment_id), status="unknown", unknown=event)
            return _with(booking, tender, at=event.at)
        case PaymentResolved():
            return replace(booking, last_at=event.resolved_at)
        case PaymentAccepted(payment=payment):
            tender = Tender(
                payment_id=payment.payment_id,
                kind=payment.kind,
                name=payment.name,
                status="settled",
                requested=payment.tendered or payment.amount,
                payment=payment,
            )
            tenders = (*booking.tenders, tender)
            return replace(booking, tenders=tenders, parked=None, last_at=event.accepted_at)
        case PaymentRequested():
            tender = Tender(
                payment_id=event.payment_id,
                kind=event.kind,
                name=event.name,
                status="requested",
                requested=event.amount,
                hold_id=event.hold_id or None,
                request=event,
                together=event.together,
                since=event.requested_at,
                terminal=event.terminal,
            )
            tenders = (*booking.tenders, tender)
            return replace(booking, tenders=tenders, parked=None, last_at=event.requested_at)
        case PaymentHeld() if event.request_id is not None:
            return _leg_held(booking, event, event.request_id)
        case PaymentHeld():
            return _held(booking, event)
        case _:
            return _evolve_ended(booking, event)


PaymentEnd = PaymentRefused | PaymentReopened | PaymentWithdrawn | PaymentReleased


def _evolve_ended(booking: Booking, event: PaymentEnd) -> Booking:
    """What settles nothing, or nothing any more."""
    match event:
        case PaymentRefused():
            tender = replace(
                _tender(booking, event.payment_id),
                status="refused",
                refusal=event,
                payment=None,
                subsidies=(),
                release_due=event.release_due,
            )
            return _with(booking, tender, at=event.refused_at)
        case PaymentReopened():
            # Why it could not be confirmed does not matter: the hold has to be gone for sure.
            tender = replace(
                _tender(booking, event.payment_id),
                status="reopened",
                payment=None,
                subsidies=(),
                release_due=True,
            )
            return _with(booking, tender, at=event.reopened_at)
        case PaymentWithdrawn():
            tender = replace(
                _tender(booking, event.payment_id),
                status="reopened",
                payment=None,
                subsidies=(),
                release_due=event.hold_id is not None,
            )
            return _with(booking, tender, at=event.withdrawn_at)
        case PaymentReleased():
            tender = replace(_tender(booking, event.payment_id), release_due=False)
            return _with(booking, tender, at=booking.last_at)
        case _:
            assert_never(event)


def _held(booking: Booking, event: PaymentHeld) -> Booking:
    tender = replace(
        _tender(booking, event.payment.payment_id),
        status="held",
        payment=event.payment,
        subsidies=event.subsidies,
        warnings=event.warnings,
    )
    return _with(booking, tender, at=event.held_at)


def _leg_held(booking: Booking, event: PaymentHeld, request_id: str) -> Booking:
    request = _tender(booking, request_id)
    leg = Tender(
        payment_id=event.payment.payment_id,
        kind=request.kind,
        name=request.name,
        status="held",
        requested=event.payment.amount,
        hold_id=event.payment.hold_id,
        payment=event.payment,
        since=event.held_at,
    )
    divided = _with(booking, replace(request, status="divided"), at=event.held_at)
    return replace(divided, tenders=(*divided.tenders, leg))


def _tender(booking: Booking, payment_id: str) -> Tender:
    found = booking.tender(payment_id)
    assert found is not None  # A payment is requested before anything else happens to it.
    return found


def _with(booking: Booking, changed: Tender, *, at: datetime | None) -> Booking:
    tenders = tuple(
        changed if each.payment_id == changed.payment_id else each for each in booking.tenders
    )
    return replace(booking, tenders=tenders, last_at=at)
