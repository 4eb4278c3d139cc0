"""From closing, shift and cash move to their documents. Pure, as `build`."""

from __future__ import annotations

from collections.abc import Iterable

from device_gateway.events import (
    CaseTotal,
    CashCount,
    CashMoved,
    ClosedPayment,
    Correction,
    MasterDataChanged,
    TillClosed,
)
from device_gateway.ports import ReceiptOrder, ShiftSoFar
from device_gateway.receipt.build import head_of, mentioned_of, store_of
from device_gateway.receipt.document import Pending
from device_gateway.receipt.report_document import (
    CaseRow,
    CashSlip,
    CorrectionRow,
    Drawer,
    PaymentRow,
    ReportDocument,
    VatSum,
)
from money import Money, total


def z_report_of(order: ReceiptOrder) -> ReportDocument:
    """The document of a closing. Raises `VerdictIncomplete`."""
    closed, store = order.booking, order.master_data
    assert isinstance(closed, TillClosed)
    return ReportDocument(
        **head_of(closed, order),
        kind="z",
        z_number=closed.z_number,
        business_date=closed.business_date,
        opened_at=closed.opened_at,
        automatic=closed.automatic,
        cases=_cases(closed.cases),
        vat=_by_rate(closed.cases, store),
        turnover=_sum((case.gross for case in closed.cases), store),
        payments=_payments(closed.payments),
        paid=_sum((paid.amount for paid in closed.payments), store),
        drawer=_drawer(closed.float_, closed.cash),
        typed_cards=tuple((one.receipt_number, one.amount) for one in closed.typed_cards),
        corrections=_corrections(closed.corrections),
        corrections_left_out=closed.corrections_left_out,
        corrections_sum=closed.corrections_sum,
        counts=_counts(closed.counts),
        grand_total=closed.grand_total,
    )


def x_report_of(order: ReceiptOrder) -> ReportDocument:
    """The document of a shift so far."""
    shift, store = order.booking, order.master_data
    assert isinstance(shift, ShiftSoFar)
    return ReportDocument(
        **store_of(store),
        booking_id=shift.booking_id,
        till_name=shift.till_name,
        client_id=shift.client_id,
        number=None,
        issued_at=shift.at,
        cashier_id=shift.cashier_id,
        fiscal=Pending(),
        kind="x",
        z_number=shift.shift,
        business_date=shift.business_date,
        opened_at=shift.opened_at,
        cases=_cases(shift.cases),
        vat=_by_rate(shift.cases, store),
        turnover=_sum((case.gross for case in shift.cases), store),
        payments=_payments(shift.payments),
        paid=_sum((paid.amount for paid in shift.payments), store),
        drawer=None if shift.cash is None else _drawer(shift.float_, shift.cash),
        typed_cards=tuple((one.receipt_number, one.amount) for one in shift.typed_cards),
        corrections=_corrections(shift.corrections),
        corrections_left_out=shift.corrections_left_out,
        corrections_sum=shift.corrections_sum,
        counts=_counts(shift.counts),
        grand_total=shift.grand_total,
    )


def cash_slip_of(order: ReceiptOrder) -> CashSlip:
    """The document of a cash move. Raises `VerdictIncomplete`."""
    moved = order.booking
    assert isinstance(moved, CashMoved)
    reference = moved.reference
    return CashSlip(
        **head_of(moved, order),
        kind=moved.kind,
        case=moved.case,
        case_name=moved.case_name,
        amount=moved.amount,
        reason=moved.reason,
        references=() if reference is None else (mentioned_of(reference),),
    )


def _cases(totals: Iterable[CaseTotal]) -> tuple[CaseRow, ...]:
    ordered = sorted(totals, key=lambda one: (one.case, one.name, one.dsfinvk_key, one.rate))
    return tuple(
        CaseRow(
            case=one.case, name=one.name, dsfinvk_key=one.dsfinvk_key, rate=one.rate,
            net=one.net, tax=one.tax, gross=one.gross,
        )
        for one in ordered
    )  # fmt: skip


def _by_rate(totals: Iterable[CaseTotal], store: MasterDataChanged) -> tuple[VatSum, ...]:
    labels = {(row.dsfinvk_key, row.rate): row.label for row in store.vat}
    found: dict[tuple[int, int], tuple[Money, Money, Money]] = {}
    for one in totals:
        key = (one.dsfinvk_key, one.rate)
        net, tax, gross = found.get(key, (Money(amount=0, currency=one.gross.currency),) * 3)
        found[key] = (net + one.net, tax + one.tax, gross + one.gross)
    return tuple(
        VatSum(
            dsfinvk_key=key, rate=rate, label=labels.get((key, rate), ""),
            net=net, tax=tax, gross=gross,
        )
        for (key, rate), (net, tax, gross) in sorted(found.items())
    )  # fmt: skip


def _payments(paid: Iterable[ClosedPayment]) -> tuple[PaymentRow, ...]:
    return tuple(
        PaymentRow(type=one.type, name=one.name, amount=one.amount, count=one.count)
        for one in sorted(paid, key=lambda one: (one.type, one.name))
    )


def _drawer(opening: Money, cash: CashCount) -> Drawer:
    return Drawer(
        opening=opening,
        expected=cash.expected,
        counted=cash.counted,
        difference=cash.difference,
        counted_by=cash.counted_by,
        skimmed=cash.skimmed,
        left=cash.left,
    )


def _corrections(corrections: Iterable[Correction]) -> tuple[CorrectionRow, ...]:
    return tuple(
        CorrectionRow(
            kind=one.kind, number=one.number, amount=one.amount, reason=one.reason,
            person=one.person, approved_by=one.approved_by, name=one.name, at=one.at,
        )
        for one in corrections
    )  # fmt: skip


_ORDER = (
    "sale", "return", "cancellation", "payout", "order", "aborted", "training", "cash", "closing",
)  # fmt: skip


def _counts(counts: dict[str, int]) -> tuple[tuple[str, int], ...]:
    def place(kind: str) -> tuple[int, str]:
        return (_ORDER.index(kind) if kind in _ORDER else len(_ORDER), kind)

    return tuple((kind, counts[kind]) for kind in sorted(counts, key=place))


def _sum(amounts: Iterable[Money], store: MasterDataChanged) -> Money:
    return total(amounts, currency=store.currency)
