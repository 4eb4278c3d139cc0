"""What is sold: a template or terms, resolved for the business date of the sale."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pydantic import ValidationError

from kassenverbund.kit.chain import Store
from kassenverbund.kit.chain_policies import VoucherPolicy
from money import Money
from voucher.decider import Issued, WrongCurrency
from voucher.decider.catalogue import TemplateUnknown
from voucher.events import Funding, Kind, Terms
from voucher.handlers.desk import Desk
from voucher.handlers.names import (
    TermsImpossible,
    ValueMissing,
    ValueTooLarge,
    VatUnknown,
)
from voucher.handlers.names import last_day as limitation


@dataclass(frozen=True, slots=True)
class Wanted:
    """What kind of voucher a request asks for: a template, or the terms themselves."""

    template_id: str | None = None
    kind: Kind = "multi_purpose"
    vat: str | None = None
    goods: str | None = None
    funding: Funding = "purchased"
    reason: str | None = None
    consideration: Money | None = None


PLAIN = Wanted()
"""The usual voucher."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What is sold, resolved for the business date of the sale."""

    terms: Terms
    value: Money
    consideration: Money | None
    valid_until: date
    opened: date


class Offers:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def of(self, wanted: Wanted, value: Money | None, place: Store, opened: date) -> Offer:
        """Raises `TemplateUnknown`, `VatUnknown`, `TermsImpossible`, `ValueMissing`,
        `ValueTooLarge`, `WrongCurrency`."""
        desk = self._desk
        rates = desk.rates(opened)
        price = wanted.consideration
        if wanted.template_id is not None:
            if desk.templates is None:
                raise TemplateUnknown(wanted.template_id)
            offered = await desk.templates.find(wanted.template_id)
            terms, valid_until = offered.terms_on(rates), offered.valid_until(opened)
            if offered.value is not None and value not in (None, offered.value):
                raise TermsImpossible(f"the template fixes the value: {offered.value}")
            value = offered.value if value is None else value
            price = offered.price if price is None else price
        else:
            cap = None if value is None else _offline_cap(wanted, desk.rules, value)
            terms, valid_until = _inline(wanted, rates, cap), limitation(opened, desk.rules)
        if value is None:
            raise ValueMissing
        self.check_value(value, terms)
        if terms.funding != "purchased":
            if price:
                raise TermsImpossible("nothing is paid for a voucher that is given away")
            price = value.zero
        else:
            check_price(price, value)
        return Offer(
            terms=terms,
            value=value,
            consideration=price,
            valid_until=valid_until,
            opened=opened,
        )

    def check_value(self, value: Money, terms: Terms) -> None:
        """Raises `WrongCurrency`, `ValueTooLarge`, `TermsImpossible`."""
        if value.currency != self._desk.chain.currency:
            raise WrongCurrency
        if value.amount > self._desk.rules.value_max:
            most = self._desk.money(self._desk.rules.value_max)
            raise ValueTooLarge(value_max=most.model_dump())
        if value.amount < 0 or (not value and terms.effect is None):
            raise TermsImpossible("a voucher without value has an effect")

    async def last_day(self, voucher: Issued, opened: date) -> date:
        """Of value that is sold onto an existing voucher, by the template it came from."""
        template_id = voucher.terms.template_id
        if template_id is None or self._desk.templates is None:
            return limitation(opened, self._desk.rules)
        return (await self._desk.templates.known(template_id)).valid_until(opened)


def check_price(price: Money | None, value: Money) -> None:
    """Raises `TermsImpossible`."""
    if price is not None and not value.zero <= price <= value:
        raise TermsImpossible("a voucher costs at most its face value")


def _offline_cap(wanted: Wanted, rules: VoucherPolicy, value: Money) -> Money | None:
    """What the chain's vouchers let a store without a line take."""
    plain = (wanted.kind, wanted.funding) == ("multi_purpose", "purchased")
    if rules.offline_cap is None or not plain:
        return None
    return Money(amount=rules.offline_cap, currency=value.currency)


def _inline(wanted: Wanted, rates: dict[str, tuple[int, int]], offline_cap: Money | None) -> Terms:
    rate, dsfinvk_key = None, None
    if wanted.vat is not None:
        found = rates.get(wanted.vat)
        if found is None:
            raise VatUnknown(wanted.vat)
        rate, dsfinvk_key = found
    try:
        return Terms(
            kind=wanted.kind,
            vat=wanted.vat,
            rate=rate,
            dsfinvk_key=dsfinvk_key,
            goods=wanted.goods,
            funding=wanted.funding,
            reason=wanted.reason,
            offline_cap=offline_cap,
        )
    except ValidationError as fault:
        raise TermsImpossible("; ".join(error["msg"] for error in fault.errors())) from fault
