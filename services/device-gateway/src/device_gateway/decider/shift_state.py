"""A till's shift as its events tell it: a running sum, so that closing takes no look back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from device_gateway.events import (
    CORRECTIONS_MAX,
    TYPED_CARDS_MAX,
    BookingBegun,
    CaseTotal,
    ClosedPayment,
    Correction,
    FiscalKind,
    NumberGiven,
    PaymentTotal,
    ShiftClosed,
    ShiftEvent,
    TillOpened,
    TypedCard,
)
from money import Money

CaseKey = tuple[str, str, int, int]
"""Case, name, UST_SCHLUESSEL, rate."""
PaymentKey = tuple[str, str, FiscalKind, str]
"""Type, name, fiscal kind, currency."""

TURNOVER: frozenset[str] = frozenset(
    {
        "Umsatz",
        "Pfand",
        "PfandRueckzahlung",
        "Rabatt",
        "Aufschlag",
        "EinzweckgutscheinKauf",
        "EinzweckgutscheinEinloesung",
        "TrinkgeldAG",
        "Anzahlungseinstellung",
        "Anzahlungsaufloesung",
    }
)
"""The cases that `grand_total` counts: what is taxed or lowers it."""


@dataclass(frozen=True, slots=True)
class Shift:
    opened: TillOpened | None = None
    closed: ShiftClosed | None = None
    numbers: int = 0
    """The till's last number."""
    cash: int = 0
    """In the drawer by the books, minor units of the store's currency."""
    turnover: int = 0
    """Of this shift, minor units."""
    cases: Mapping[CaseKey, tuple[int, int, int]] = field(default_factory=dict)
    """Gross, net and tax in minor units."""
    payments: Mapping[PaymentKey, tuple[int, int]] = field(default_factory=dict)
    """Minor units, and how many processes were paid so."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Processes by kind."""
    corrections: tuple[Correction, ...] = ()
    corrections_left_out: int = 0
    typed_cards: tuple[TypedCard, ...] = ()
    corrected: int = 0
    """What all corrections come to, minor units."""
    begun: tuple[str, ...] = ()
    """Bookings that are open."""
    first: str | None = None
    """The first process of the shift."""

    @property
    def open(self) -> bool:
        return self.opened is not None and self.closed is None

    @property
    def currency(self) -> str:
        assert self.opened is not None
        return self.opened.float_.currency

    @property
    def grand_total(self) -> Money:
        """Turnover since the till's first shift."""
        assert self.opened is not None
        return self.opened.grand_total + self.money(self.turnover)

    def money(self, minor: int) -> Money:
        return Money(amount=minor, currency=self.currency)

    @property
    def case_totals(self) -> tuple[CaseTotal, ...]:
        """In a fixed order: by case, name, key and rate."""
        return tuple(
            CaseTotal(
                case=case,
                name=name,
                dsfinvk_key=key,
                rate=rate,
                gross=self.money(gross),
                net=self.money(net),
                tax=self.money(tax),
            )
            for (case, name, key, rate), (gross, net, tax) in sorted(self.cases.items())
        )

    @property
    def payment_totals(self) -> tuple[ClosedPayment, ...]:
        return tuple(
            ClosedPayment(
                type=type_,
                name=name,
                fiscal=fiscal,
                currency=currency,
                amount=Money(amount=minor, currency=currency),
                count=count,
            )
            for (type_, name, fiscal, currency), (minor, count) in sorted(self.payments.items())
        )


def evolve(shift: Shift, event: ShiftEvent) -> Shift:
    match event:
        case TillOpened():
            return Shift(opened=event, numbers=event.numbers, cash=event.float_.amount)
        case BookingBegun():
            return replace(shift, begun=(*shift.begun, event.booking_id))
        case NumberGiven():
            return _numbered(shift, event)
        case ShiftClosed():
            return replace(shift, closed=event)
        case _:
            assert_never(event)


def _numbered(shift: Shift, event: NumberGiven) -> Shift:
    assert event.number == shift.numbers + 1
    counts = {**shift.counts, event.kind: shift.counts.get(event.kind, 0) + 1}
    begun = shift.begun
    if event.booking_id in begun:
        begun = tuple(each for each in begun if each != event.booking_id)
    room = CORRECTIONS_MAX - len(shift.corrections)
    return replace(
        shift,
        numbers=event.number,
        cash=shift.cash + cash_of(event.payments, shift.currency),
        turnover=shift.turnover
        + sum(total.gross.amount for total in event.totals if total.case in TURNOVER),
        cases=_with_cases(shift.cases, event),
        payments=_with_payments(shift.payments, event),
        counts=counts,
        corrections=shift.corrections + event.corrections[:room],
        corrections_left_out=shift.corrections_left_out + len(event.corrections[room:]),
        typed_cards=(shift.typed_cards + event.typed_cards)[:TYPED_CARDS_MAX],
        corrected=shift.corrected + sum(each.amount.amount for each in event.corrections),
        begun=begun,
        first=shift.first or event.booking_id,
    )


def cash_of(payments: tuple[PaymentTotal, ...], currency: str) -> int:
    """What goes into the drawer (out of it: below zero), minor units."""
    return sum(
        paid.amount.amount
        for paid in payments
        if paid.fiscal == "Bar" and paid.currency == currency
    )


def _with_cases(
    cases: Mapping[CaseKey, tuple[int, int, int]], event: NumberGiven
) -> Mapping[CaseKey, tuple[int, int, int]]:
    if not event.totals:
        return cases
    summed = dict(cases)
    for total in event.totals:
        key = (total.case, total.name, total.dsfinvk_key, total.rate)
        gross, net, tax = summed.get(key, (0, 0, 0))
        summed[key] = (
            gross + total.gross.amount,
            net + total.net.amount,
            tax + total.tax.amount,
        )
    return summed


def _with_payments(
    payments: Mapping[PaymentKey, tuple[int, int]], event: NumberGiven
) -> Mapping[PaymentKey, tuple[int, int]]:
    if not event.payments:
        return payments
    summed = dict(payments)
    for paid in event.payments:
        key = (paid.type, paid.name, paid.fiscal, paid.currency)
        minor, count = summed.get(key, (0, 0))
        summed[key] = (minor + paid.amount.amount, count + 1)
    return summed
