"""What a process adds to its shift: business cases, means of payment, corrections.

DSFinV-K knows the redemption of a voucher, a receivable and a subsidy as business cases, not as
payments: they take their amount off the sum of the cases, so that cases = payments.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from device_gateway.events import (
    BookingAborted,
    BookingOrdered,
    BookingRecorded,
    CaseTotal,
    CashMoved,
    Correction,
    FinalEvent,
    FiscalKind,
    Line,
    Payment,
    PaymentTotal,
    ProcessKind,
    Record,
    TillClosed,
    TrainingRecorded,
    TypedCard,
)
from kassenverbund.kit.fiscal_cases import case_of_line, case_of_payment
from money import Money, tax_in_gross, total

NOT_TAXABLE_KEY = 5
"""UST_SCHLUESSEL of what is not taxable."""

SALE = "Umsatz"

ANY_DAY = date.min
"""The defaults of the table hold on all days; what was chosen otherwise is recorded."""

UNTAXED_KEYS = frozenset({5, 6, 7, 8})


@dataclass(frozen=True, slots=True)
class Deltas:
    """What `till.number_given` carries of a process."""

    kind: ProcessKind
    totals: tuple[CaseTotal, ...] = ()
    payments: tuple[PaymentTotal, ...] = ()
    corrections: tuple[Correction, ...] = ()
    typed_cards: tuple[TypedCard, ...] = ()


def deltas_of(final: FinalEvent | BookingAborted) -> Deltas:
    """What the process adds. Training, orders, aborted bookings and closings count for nothing."""
    match final:
        case BookingRecorded():
            return Deltas(
                final.kind,
                case_totals(final),
                payment_totals(final.payments),
                taken_back(final),
                typed_cards(final.payments),
            )
        case CashMoved():
            return Deltas("cash", (_moved(final),), (_drawer(final),))
        case TrainingRecorded():
            return Deltas("training")
        case BookingOrdered():
            return Deltas("order")
        case TillClosed():
            return Deltas("closing")
        case BookingAborted():
            return Deltas("aborted", corrections=given_up(final))


def _moved(move: CashMoved) -> CaseTotal:
    return CaseTotal(
        case=move.case,
        name=move.case_name or "",
        dsfinvk_key=NOT_TAXABLE_KEY,
        rate=0,
        gross=move.amount,
        net=move.amount,
        tax=move.amount.zero,
    )


def _drawer(move: CashMoved) -> PaymentTotal:
    return PaymentTotal(
        type="Bar",
        name=move.means,
        fiscal="Bar",
        currency=move.amount.currency,
        amount=move.amount,
    )


def case_named(paid: Payment) -> str | None:
    """GV_TYP of what is no means of payment in DSFinV-K; None: it is one. What a payment does not
    say itself stands in the table of fiscal cases."""
    if paid.case is not None or paid.payment_type is not None:
        return paid.case
    return case_of_payment(paid, on=ANY_DAY).gv_typ


def is_case(paid: Payment) -> bool:
    """Whether it is no means of payment in DSFinV-K."""
    return case_named(paid) is not None


def type_named(paid: Payment) -> str:
    """ZAHLART_TYP."""
    return paid.payment_type or case_of_payment(paid, on=ANY_DAY).payment_type or paid.fiscal


def payment_totals(payments: Iterable[Payment]) -> tuple[PaymentTotal, ...]:
    """The means of payment, each once; change is off already (`amount` is what is settled)."""
    sums: dict[tuple[str, str, FiscalKind, str], Money] = {}
    for paid in payments:
        if is_case(paid) or not paid.amount:
            continue
        type_ = type_named(paid)
        key = (type_, paid.name, paid.fiscal, paid.amount.currency)
        sums[key] = sums[key] + paid.amount if key in sums else paid.amount
    return tuple(
        PaymentTotal(type=type_, name=name, fiscal=fiscal, currency=currency, amount=amount)
        for (type_, name, fiscal, currency), amount in sums.items()
    )


def typed_cards(payments: Iterable[Payment]) -> tuple[TypedCard, ...]:
    """Cards that were taken on a terminal of their own, and those of which a person said so."""
    return tuple(
        TypedCard(receipt_number=paid.receipt_number, amount=paid.amount)
        for paid in payments
        if paid.receipt_number is not None
    )


def case_totals(record: Record) -> tuple[CaseTotal, ...]:
    """The business cases of a booking. Their tax adds up to that of its VAT table, rate by rate:
    the cent that rounding leaves goes to the largest case of the rate."""
    taxed: dict[tuple[str, str, int, int], int] = {}
    beside: dict[tuple[str, str, int, int], int] = {}
    for line in record.lines:
        _add(taxed, _line_key(line), line.amount.amount)
    for paid in record.payments:
        if is_case(paid):
            _add_payment(taxed, beside, paid)
    totals = _shared(taxed, record)
    for key, gross in beside.items():
        tax = tax_in_gross(Money(amount=gross, currency=record.currency), key[3]).amount
        totals[key] = _plus(totals.get(key), gross, tax)
    return tuple(
        CaseTotal(
            case=case,
            name=name,
            dsfinvk_key=key,
            rate=rate,
            gross=Money(amount=gross, currency=record.currency),
            net=Money(amount=gross - tax, currency=record.currency),
            tax=Money(amount=tax, currency=record.currency),
        )
        for (case, name, key, rate), (gross, tax) in totals.items()
    )


CaseKey = tuple[str, str, int, int]


def _line_key(line: Line) -> CaseKey:
    case = line.case
    if case is None:
        case = SALE if line.kind == "article" else case_of_line(line, on=ANY_DAY).gv_typ or SALE
    return case, line.case_name or "", line.dsfinvk_key, line.rate


def _add(sums: dict[CaseKey, int], key: CaseKey, minor: int) -> None:
    sums[key] = sums.get(key, 0) + minor


def _plus(known: tuple[int, int] | None, gross: int, tax: int) -> tuple[int, int]:
    return (gross, tax) if known is None else (known[0] + gross, known[1] + tax)


def _add_payment(taxed: dict[CaseKey, int], beside: dict[CaseKey, int], paid: Payment) -> None:
    """A single-purpose voucher was taxed when it was sold, so the VAT table has it off; the others
    change nothing about that table."""
    case, name = case_named(paid) or paid.kind, paid.case_name or ""
    if paid.parts:
        for part in paid.parts:
            # Under 5 and 7 nothing is taxed, whatever the goods were.
            rate = part.rate if part.dsfinvk_key not in UNTAXED_KEYS else 0
            _add(beside, (case, name, part.dsfinvk_key, rate), -part.gross.amount)
    elif paid.rate is not None and paid.dsfinvk_key is not None and paid.kind != "voucher":
        # What a cost center gets back: nothing of it is in the VAT table either.
        rate = paid.rate if paid.dsfinvk_key not in UNTAXED_KEYS else 0
        _add(beside, (case, name, paid.dsfinvk_key, rate), -paid.amount.amount)
    elif paid.rate is not None and paid.dsfinvk_key is not None:
        _add(taxed, (case, name, paid.dsfinvk_key, paid.rate), -paid.amount.amount)
    else:
        key = NOT_TAXABLE_KEY if paid.dsfinvk_key is None else paid.dsfinvk_key
        _add(beside, (case, name, key, 0), -paid.amount.amount)


def _shared(taxed: dict[CaseKey, int], record: Record) -> dict[CaseKey, tuple[int, int]]:
    """Gross and tax by case, with the tax of the booking's VAT table."""
    tax_of: dict[tuple[int, int], int] = {}
    for row in record.vat:
        at = (row.dsfinvk_key, row.rate)
        tax_of[at] = tax_of.get(at, 0) + row.tax.amount
    totals: dict[CaseKey, tuple[int, int]] = {}
    for (key, rate), tax in tax_of.items():
        cases = {case: gross for case, gross in taxed.items() if case[2:] == (key, rate)}
        left = tax
        largest = max(cases, key=lambda case: abs(cases[case]), default=None)
        for case, gross in cases.items():
            if case != largest:
                own = tax_in_gross(Money(amount=gross, currency=record.currency), rate).amount
                totals[case] = (gross, own)
                left -= own
        if largest is not None:
            totals[largest] = (cases[largest], left)
    return totals


def taken_back(record: BookingRecorded) -> tuple[Correction, ...]:
    """What a closing lists apart: with reason, person and time."""

    def correction(kind: str, amount: Money, reason: str) -> Correction:
        return Correction.model_validate(
            {
                "kind": kind,
                "booking_id": record.booking_id,
                "number": record.number,
                "amount": amount,
                "reason": reason,
                "person": record.cashier_id,
                "approved_by": record.approved_by,
                "at": record.recorded_at,
            }
        )

    found = [*acts_in(record)]
    found += [correction("waiver", -waiver.amount, waiver.reason) for waiver in record.waivers]
    found += [
        correction("waiver", -line.amount, line.reason or "")
        for line in record.lines
        if line.how == "waiver"
    ]
    if record.kind == "cancellation":
        found.append(correction("cancellation", record.total, _reason(record.lines)))
        return tuple(found)
    by_reason: dict[tuple[str, str], Money] = {}
    for line in record.lines:
        kind = {"return": "return", "voucher_payout": "payout"}.get(line.kind)
        if kind is not None:
            at = (kind, line.reason or "")
            by_reason[at] = by_reason.get(at, record.total.zero) + line.amount
    found += [correction(kind, amount, reason) for (kind, reason), amount in by_reason.items()]
    return tuple(found)


def acts_in(process: BookingRecorded | BookingAborted) -> tuple[Correction, ...]:
    """What people voided, gave off or priced otherwise before it ended."""
    return tuple(
        Correction(
            kind=act.kind,
            booking_id=process.booking_id,
            number=process.number,
            amount=act.amount,
            reason=act.reason,
            person=act.person,
            approved_by=act.approved_by,
            name=act.name,
            at=act.at,
        )
        for act in process.acts
    )


def _reason(lines: Iterable[Line]) -> str:
    return next((line.reason for line in lines if line.reason), "")


def given_up(aborted: BookingAborted) -> tuple[Correction, ...]:
    if aborted.number is None or aborted.currency is None or aborted.training:
        return ()
    return (
        *(each for each in acts_in(aborted) if each.kind == "line_void"),
        Correction(
            kind="abort",
            booking_id=aborted.booking_id,
            number=aborted.number,
            amount=total((line.amount for line in aborted.lines), currency=aborted.currency),
            reason=aborted.reason,
            person=aborted.cashier_id,
            approved_by=aborted.approved_by,
            at=aborted.aborted_at,
        ),
    )
