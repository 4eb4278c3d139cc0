"""What a till sees of its shift, of cash that was moved, and of a closing."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from device_gateway.decider.booking_state import Booking
from device_gateway.decider.shift_state import Shift
from device_gateway.decider.till import Till
from device_gateway.events import (
    CaseTotal,
    CashCount,
    CashMoved,
    ClosedPayment,
    Correction,
    TillClosed,
    TseChange,
)
from device_gateway.queries import Answer, SignatureAnswer, signature_of, unsigned_reason_of
from money import Money

ProcessState = Literal["recorded", "signed", "unsigned"]


class ReportAnswer(Answer):
    """The X report: what the shift has come to so far. Nothing is closed by it."""

    cases: tuple[CaseTotal, ...]
    payments: tuple[ClosedPayment, ...]
    counts: dict[str, int]
    corrections: tuple[Correction, ...]
    corrections_left_out: int
    corrections_sum: Money | None = None
    cash: Money
    """In the drawer by the books."""
    grand_total: Money


class ShiftAnswer(Answer):
    """`shift` 0: the till had none yet; the first process opens one. Without a report nothing is
    said about cash: who counts a drawer counts it blind."""

    till_id: str
    shift: int
    state: Literal["none", "open", "closed"]
    opened_at: datetime | None = None
    opened_by: str | None = None
    float: Money | None = None
    tse_id: str
    tse_requested: str | None = None
    """Where it signs from the next shift on."""
    tse_before: str | None = None
    tse_changed_because: TseChange | None = None
    client_id: str
    master_data: int | None = None
    number: int
    """The till's last number."""
    open_bookings: tuple[str, ...] = ()
    training: bool = False
    """Every sale of the till is a training."""
    cashier: str | None = None
    """Who is signed in."""
    report: ReportAnswer | None = None


class CashMoveAnswer(Answer):
    booking_id: str
    kind: str
    case: str
    amount: Money
    """Into the drawer; out of it with a minus."""
    reason: str
    number: int
    shift: int
    state: ProcessState
    recorded_at: datetime
    signature: SignatureAnswer | None = None
    unsigned_reason: str | None = None


class ClosingAnswer(Answer):
    """The closing (Z report), with the signer's verdict once it is there."""

    booking_id: str
    z_number: int
    number: int
    state: ProcessState
    till_id: str
    till_name: str
    client_id: str
    tse_id: str
    business_date: date
    opened_at: datetime
    closed_at: datetime
    closed_by: str | None = None
    automatic: bool
    float: Money
    cases: tuple[CaseTotal, ...]
    payments: tuple[ClosedPayment, ...]
    cash: CashCount
    corrections: tuple[Correction, ...]
    corrections_left_out: int
    corrections_sum: Money | None = None
    counts: dict[str, int]
    first_booking_id: str
    last_booking_id: str
    master_data: int
    grand_total: Money
    signature: SignatureAnswer | None = None
    unsigned_reason: str | None = None


def shift_answer(till: Till, shift: Shift, *, report: bool) -> ShiftAnswer:
    opened = shift.opened
    if opened is None:
        return ShiftAnswer(
            till_id=till.till_id,
            shift=0,
            state="none",
            tse_id=till.tse_id,
            tse_requested=till.tse_requested,
            client_id=till.client_id,
            number=till.numbers,
            training=till.training,
            cashier=till.cashier,
        )
    return ShiftAnswer(
        till_id=till.till_id,
        shift=opened.shift,
        state="open" if shift.open else "closed",
        opened_at=opened.opened_at,
        opened_by=opened.opened_by,
        float=opened.float_,
        tse_id=opened.tse_id,
        tse_requested=till.tse_requested,
        tse_before=opened.tse_before,
        tse_changed_because=opened.tse_changed_because,
        client_id=opened.client_id,
        master_data=opened.master_data,
        number=shift.numbers,
        open_bookings=shift.begun,
        training=till.training,
        cashier=till.cashier,
        report=_report(shift) if report else None,
    )


def _report(shift: Shift) -> ReportAnswer:
    return ReportAnswer(
        cases=shift.case_totals,
        payments=shift.payment_totals,
        counts=dict(sorted(shift.counts.items())),
        corrections=shift.corrections,
        corrections_left_out=shift.corrections_left_out,
        corrections_sum=shift.money(shift.corrected),
        cash=shift.money(shift.cash),
        grand_total=shift.grand_total,
    )


def _state(process: Booking) -> ProcessState:
    if process.verdict is not None:
        return process.verdict.verdict
    return "unsigned" if process.overdue is not None else "recorded"


def cash_move_answer(process: Booking) -> CashMoveAnswer:
    moved = process.final
    assert isinstance(moved, CashMoved)
    return CashMoveAnswer(
        booking_id=moved.booking_id,
        kind=moved.kind,
        case=moved.case,
        amount=moved.amount,
        reason=moved.reason,
        number=moved.number,
        shift=moved.shift,
        state=_state(process),
        recorded_at=moved.recorded_at,
        signature=signature_of(process.verdict),
        unsigned_reason=unsigned_reason_of(process),
    )


def closing_answer(process: Booking) -> ClosingAnswer:
    closed = process.final
    assert isinstance(closed, TillClosed)
    return ClosingAnswer(
        booking_id=closed.booking_id,
        z_number=closed.z_number,
        number=closed.number,
        state=_state(process),
        till_id=closed.till_id,
        till_name=closed.till_name,
        client_id=closed.client_id,
        tse_id=closed.tse_id,
        business_date=closed.business_date,
        opened_at=closed.opened_at,
        closed_at=closed.recorded_at,
        closed_by=closed.cashier_id,
        automatic=closed.automatic,
        float=closed.float_,
        cases=closed.cases,
        payments=closed.payments,
        cash=closed.cash,
        corrections=closed.corrections,
        corrections_left_out=closed.corrections_left_out,
        corrections_sum=closed.corrections_sum,
        counts=closed.counts,
        first_booking_id=closed.first_booking_id,
        last_booking_id=closed.last_booking_id,
        master_data=closed.master_data,
        grand_total=closed.grand_total,
        signature=signature_of(process.verdict),
        unsigned_reason=unsigned_reason_of(process),
    )
