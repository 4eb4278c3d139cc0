"""Subsidies: somebody else pays part of a meal."""

from __future__ import annotations

from datetime import date, time
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from costcenter.events.structure import Part
from events import Event, event_type
from money import Money

TaxCase = Literal["real", "unreal"]
"""DSFinV-K `ZuschussEcht` or `ZuschussUnecht`. Which one it is follows from the contract between
shop and payer: a tax adviser has to confirm it, and `confirmed_by` says that one has."""

SubsidyKind = Literal["fixed", "percent", "up_to", "employee_pays"]
"""`fixed`: so much per meal, at most its price. `percent`: basis points of the price. `up_to`: the
price up to so much. `employee_pays`: what exceeds so much."""


class SubsidyRule(Part):
    rule_id: str
    name: str
    main_group: int
    user_groups: Annotated[tuple[int, ...], Field(min_length=1, max_length=100)]
    """Whose cards have it, by their number below the main group."""
    article_groups: Annotated[tuple[str, ...], Field(max_length=100)] = ()
    """For these goods only. Empty: for all."""
    kind: SubsidyKind
    amount: Money | None = None
    percent: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Basis points."""
    cap: Money | None = None
    """At most so much per use."""
    per: Literal["meal", "booking"] = "meal"
    """`meal`: each piece of the goods by itself; `booking`: the sum of the goods."""
    per_day_max: Annotated[int, Field(ge=1, le=100)] | None = 1
    """Uses per card and business day."""
    days_per_month_max: Annotated[int, Field(ge=1, le=31)] | None = None
    amount_per_month_max: Money | None = None
    weekdays: Annotated[tuple[int, ...], Field(max_length=7)] = ()
    """1 Monday … 7 Sunday. Empty: every day."""
    from_time: time | None = None
    until_time: time | None = None
    """Local time of the store; `until_time` is no longer in it."""
    payer_center_id: str | None = None
    """Whose receivable it is. None: the card's own center."""
    own_share: Literal["other_payment", "center"] = "other_payment"
    """Who pays the rest: the guest by another payment, or the card's center."""
    tax_case: TaxCase
    confirmed_by: str | None = None
    """Who confirmed the tax case, as the chain wants to see it in its documentation."""
    priority: int = 0
    """The higher goes first."""
    stackable: bool = False
    """May come on top of another one for the same goods."""
    valid_from: date | None = None
    valid_until: date | None = None

    @model_validator(mode="after")
    def _hangs_together(self) -> SubsidyRule:
        if (self.kind == "percent") != (self.percent is not None):
            raise ValueError("`percent` belongs to the kind `percent`")
        if (self.kind == "percent") == (self.amount is not None):
            raise ValueError("every other kind has an amount")
        return self


class VatPart(Part):
    vat: str
    rate: int
    """Basis points."""
    dsfinvk_key: int
    gross: Money


class SubsidyShare(Part):
    """What one rule pays of one charge, frozen when it is held."""

    rule_id: str
    name: str
    payer_center_id: str
    tax_case: TaxCase
    uses: int
    amount: Money
    parts: tuple[VatPart, ...]
    """The same by VAT key."""


# --- in the main group's stream ---


@event_type("subsidy_rule.set")
class SubsidyRuleSet(Event):
    """New, or changed from now on. What was granted stays."""

    rule: SubsidyRule
    set_at: AwareDatetime


@event_type("subsidy_rule.ended")
class SubsidyRuleEnded(Event):
    """It pays nothing more. What was granted stays."""

    rule_id: str
    main_group: int
    ended_at: AwareDatetime


# --- in the payer's month stream, together with `charge.booked` ---


@event_type("subsidy.granted")
class SubsidyGranted(Event):
    """Part of a recorded booking is owed by the payer's center."""

    center_id: str
    """The payer."""
    month: str
    charge_id: str
    rule_id: str
    name: str
    tax_case: TaxCase
    card_id: str
    card_number: str
    booking_id: str
    booking_number: int | None = None
    store_id: str
    till_id: str
    business_date: date
    amount: Money
    parts: tuple[VatPart, ...]
    uses: int
    late: bool = False
    granted_at: AwareDatetime


@event_type("subsidy.taken_back")
class SubsidyTakenBack(Event):
    """The goods came back."""

    center_id: str
    month: str
    charge_id: str
    rule_id: str
    card_id: str
    card_number: str
    reversal_id: str
    booking_id: str
    booking_number: int | None = None
    store_id: str
    business_date: date
    amount: Money
    parts: tuple[VatPart, ...]
    uses: int
    taken_back_at: AwareDatetime


# --- uses of a rule by a card, stream `allowance-{rule_id}-{card_id}-{month}` ---


@event_type("allowance.used")
class AllowanceUsed(Event):
    """Taken when the charge is held, so that no two tills grant it at once."""

    rule_id: str
    card_id: str
    month: str
    day: date
    charge_id: str
    uses: int
    amount: Money
    used_at: AwareDatetime


@event_type("allowance.given_back")
class AllowanceGivenBack(Event):
    """To the day it was used on."""

    rule_id: str
    card_id: str
    month: str
    day: date
    charge_id: str
    uses: int
    amount: Money
    given_back_at: AwareDatetime
