"""Templates and presets: what back office offers for sale. Vouchers keep the terms of their sale.

Pure: the day comes in with the command.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from events import Decider, DomainError
from money import Money
from voucher.events import (
    ArticlePair,
    PresetsEvent,
    PresetsSet,
    TemplateDefined,
    TemplateEvent,
    Terms,
    Validity,
)

CHAIN = "chain"
"""The scope of presets that hold for every store without its own."""

WARNED_BELOW_MONTHS = 36
"""A shorter validity of a bought voucher needs a reason (BGB §§ 195, 307)."""

REFUSED_BELOW_MONTHS = 12
"""A shorter one is void for bought vouchers (OLG München 29 U 3193/07)."""

VALIDITY_YEARS_MAX = 100

BELOW_THREE_YEARS = "validity.below_three_years"


class TemplateUnknown(DomainError):
    """A request names a template that nobody has defined."""

    code = "template.unknown"
    status = 422
    title = "There is no such template"


class TemplateWithdrawn(DomainError):
    """It was defined as inactive: vouchers of it are kept, none is sold any more."""

    code = "template.withdrawn"
    title = "Vouchers of this template are not sold any more"


class ValidityTooShort(DomainError):
    code = "template.validity_too_short"
    status = 422
    title = "A voucher that is bought is valid for at least one year"


class PriceImpossible(DomainError):
    code = "template.price"
    status = 422
    title = "A voucher is sold for its face value or less; one that is given away costs nothing"


class PairDiffers(DomainError):
    """`extra`: `sale` and `redeem`, each with its article and its VAT."""

    code = "voucher.pair_differs"
    status = 422
    title = "A voucher is sold and redeemed with the same VAT, or both times without"


class PresetsImpossible(DomainError):
    code = "presets.impossible"
    status = 422
    title = "Presets are different face values in the chain's currency"


@dataclass(frozen=True, slots=True)
class DefineTemplate:
    """This is what the template says from now on."""

    template_id: str
    name: str
    terms: Terms
    validity: Validity
    value: Money | None
    price: Money | None
    articles: ArticlePair | None
    active: bool
    today: date
    now: datetime


@dataclass(frozen=True, slots=True)
class Template:
    """A template as it is now."""

    template_id: str
    name: str
    terms: Terms
    validity: Validity
    value: Money | None
    price: Money | None
    articles: ArticlePair | None
    active: bool
    defined_at: datetime

    def valid_until(self, day: date) -> date:
        """The last day of a voucher of it that is sold on `day`."""
        return last_day(self.validity, day)

    def terms_on(self, rates: Mapping[str, tuple[int, int]]) -> Terms:
        """The terms of a voucher that is sold while `rates` hold: key → (rate, dsfinvk_key).

        The rate of a single-purpose voucher is the one of its day of sale, not of the day on which
        the template was written. Raises `TemplateUnknown` where the key has no rate any more.
        """
        if self.terms.kind == "multi_purpose":
            return self.terms
        assert self.terms.vat is not None  # Terms see to it.
        return taxed(self.terms, rates)


def taxed(terms: Terms, rates: Mapping[str, tuple[int, int]]) -> Terms:
    """Single-purpose terms with the rate of the day. Raises `RateUnknown`."""
    found = rates.get(terms.vat or "")
    if found is None:
        raise RateUnknown(f"there is no VAT rate {terms.vat} on this day")
    rate, dsfinvk_key = found
    return terms.model_copy(update={"rate": rate, "dsfinvk_key": dsfinvk_key})


class RateUnknown(DomainError):
    code = "vat.unknown"
    status = 422
    title = "The chain has no such VAT rate on this day"


@dataclass(frozen=True, slots=True)
class SetPresets:
    scope: str
    values: tuple[Money, ...]
    template_id: str | None
    currency: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Presets:
    """Face values on the tills' keys. Empty: none are set here."""

    values: tuple[Money, ...] = ()
    template_id: str | None = None


def last_day(validity: Validity, day: date) -> date:
    """The last day on which a voucher sold on `day` can be used."""
    if validity.kind == "end_of_year":
        return date(day.year + validity.years, 12, 31)
    if validity.kind == "months":
        return _months_later(day, validity.months or 0)
    assert validity.until is not None  # `check_validity` has seen to it.
    return validity.until


def _months_later(day: date, months: int) -> date:
    """The same day so many months later, or the last of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def shortest(validity: Validity, today: date) -> tuple[date, date]:
    """`(sold on, last day)` of the shortest life that a voucher of a template can have."""
    sold = date(today.year, 12, 31) if validity.kind == "end_of_year" else today
    return sold, last_day(validity, sold)


def check_validity(terms: Terms, validity: Validity, today: date) -> tuple[str, ...]:
    """Warnings about the life of a bought voucher. Raises `ValidityTooShort`.

    What is given away may expire at any time.
    """
    until = validity.until
    if validity.kind == "months" and validity.months is None:
        raise ValidityTooShort("the validity does not say how many months")
    if validity.kind == "fixed" and (until is None or until < today):
        raise ValidityTooShort("the validity does not say until when, or it is over")
    if until is not None and until.year > today.year + VALIDITY_YEARS_MAX:
        raise ValidityTooShort(f"a validity of more than {VALIDITY_YEARS_MAX} years is an error")
    if terms.funding != "purchased":
        return ()
    sold, until = shortest(validity, today)
    if until < _months_later(sold, REFUSED_BELOW_MONTHS):
        raise ValidityTooShort
    return (BELOW_THREE_YEARS,) if until < _months_later(sold, WARNED_BELOW_MONTHS) else ()


def check_pair(pair: ArticlePair) -> None:
    """Both articles carry the same VAT, or both none (V03). Raises `PairDiffers`."""
    if pair.sale.vat != pair.redeem.vat:
        raise _differing(pair)


def _check_articles(command: DefineTemplate) -> None:
    if command.articles is None:
        return
    check_pair(command.articles)
    if command.articles.sale.vat != command.terms.vat:
        raise _differing(command.articles, f"the template is sold {_taxed(command.terms.vat)}; ")


def _differing(pair: ArticlePair, before: str = "") -> PairDiffers:
    return PairDiffers(
        f"{before}{pair.sale.sku} sells {_taxed(pair.sale.vat)},"
        f" {pair.redeem.sku} redeems {_taxed(pair.redeem.vat)}",
        sale=pair.sale.model_dump(),
        redeem=pair.redeem.model_dump(),
    )


def _taxed(vat: str | None) -> str:
    return "without VAT" if vat is None else f"with VAT {vat}"


def _define(command: DefineTemplate, template: Template | None) -> Sequence[TemplateEvent]:
    check_validity(command.terms, command.validity, command.today)
    _check_articles(command)
    value, price = command.value, command.price
    if price is not None:
        given_away = command.terms.funding != "purchased"
        foreign = value is not None and value.currency != price.currency
        if value is None or foreign or (given_away and price) or price > value:
            raise PriceImpossible
    defined = TemplateDefined(
        template_id=command.template_id,
        name=command.name,
        terms=command.terms.model_copy(update={"template_id": command.template_id}),
        validity=command.validity,
        value=value,
        price=price,
        articles=command.articles,
        active=command.active,
        defined_at=command.now,
    )
    if template is not None and _evolve(None, defined) == _same_time(template, command.now):
        return ()
    return (defined,)


def _same_time(template: Template, now: datetime) -> Template:
    return Template(
        **{name: getattr(template, name) for name in Template.__slots__ if name != "defined_at"},
        defined_at=now,
    )


def _evolve(template: Template | None, event: TemplateEvent) -> Template | None:
    return Template(
        template_id=event.template_id,
        name=event.name,
        terms=event.terms,
        validity=event.validity,
        value=event.value,
        price=event.price,
        articles=event.articles,
        active=event.active,
        defined_at=event.defined_at,
    )


def _set(command: SetPresets, presets: Presets) -> Sequence[PresetsEvent]:
    wrong = any(value.currency != command.currency for value in command.values)
    if wrong or len(set(command.values)) != len(command.values):
        raise PresetsImpossible
    if presets == Presets(command.values, command.template_id):
        return ()
    return (
        PresetsSet(
            scope=command.scope,
            values=command.values,
            template_id=command.template_id,
            set_at=command.now,
        ),
    )


def _preset(presets: Presets, event: PresetsEvent) -> Presets:
    return Presets(event.values, event.template_id)


TEMPLATE: Decider[DefineTemplate, Template | None] = Decider(
    initial=None, decide=_define, evolve=_evolve
)
PRESETS: Decider[SetPresets, Presets] = Decider(initial=Presets(), decide=_set, evolve=_preset)
