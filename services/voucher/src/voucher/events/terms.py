"""What is fixed when a voucher is issued, and the parts its value is made of.

Terms never change afterwards, whatever the template says then: the classification for VAT is made
at issue (UStG § 3 (13)-(15)), and the holder relies on the rest.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from money import Money

Kind = Literal["multi_purpose", "single_purpose"]
"""Multi-purpose: taxed when redeemed, by what is bought. Single-purpose: taxed when sold."""

Funding = Literal["purchased", "donated", "promotional"]
"""Purchased: money came in, the value is owed. Donated and promotional: no money came in; their
use lowers the price (a waiver or discount with its reason) and is never a means of payment."""

Payout = Literal["never", "goodwill", "below_minimum"]
"""When a rest may be paid out in cash. There is no `on_demand`: what can be turned into money at
any time is a prepaid balance and no voucher (UStG § 3 (13), Haufe commentary, margin no. 18)."""

LIST_MAX = 100
"""Article groups, stores, … that one restriction names."""


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Names = Annotated[tuple[str, ...], Field(max_length=LIST_MAX)]


class Restrictions(Part):
    """Where and for what it can be used. An empty list restricts nothing."""

    stores: Names = ()
    article_groups: Names = ()
    legal_entities: Names = ()
    """Entities that accept it beside the issuer. Off by default (ZAG § 2 (1) no. 10)."""
    fee_kinds: Names = ()
    """Open fees that its credit may settle once it was claimed for an account."""


class Effect(Part):
    """What its use does besides paying: an entitlement is extended (V18)."""

    kind: Literal["extend_entitlement"] = "extend_entitlement"
    entitlement: str
    """For example `library_card`. The member's system keeps the entitlement, not this service."""
    months: Annotated[int, Field(ge=1, le=120)]


class Terms(Part):
    """Fixed at issue."""

    kind: Kind = "multi_purpose"
    vat: str | None = None
    """Single-purpose: the key of the VAT rate (`standard`)."""
    rate: Annotated[int, Field(ge=0, le=10_000)] | None = None
    """Single-purpose: basis points on the day of issue; a change of rates does not touch it."""
    dsfinvk_key: Annotated[int, Field(ge=1, le=9999)] | None = None
    """Single-purpose: UST_SCHLUESSEL on the day of issue."""
    goods: str | None = None
    """Single-purpose: the kind of goods that the paper names (BMF 2 Nov 2020)."""
    funding: Funding = "purchased"
    reason: str | None = None
    """Donated and promotional: why it was given away."""
    payout: Payout = "never"
    payout_below: Money | None = None
    """`below_minimum`: a rest below this amount is paid out on request."""
    restrictions: Restrictions = Restrictions()
    effect: Effect | None = None
    offline_cap: Money | None = None
    """The most that a store without a line may accept at once; None: nothing."""
    template_id: str | None = None

    @model_validator(mode="after")
    def _hangs_together(self) -> Terms:
        taxed = (self.vat, self.rate, self.dsfinvk_key)
        if self.kind == "single_purpose" and None in taxed:
            raise ValueError("a single-purpose voucher names its VAT rate")
        if self.kind == "multi_purpose" and taxed != (None, None, None):
            raise ValueError("a multi-purpose voucher has no VAT rate: the goods have")
        if (self.payout == "below_minimum") != (self.payout_below is not None):
            raise ValueError("`payout_below` belongs to the payout policy `below_minimum`")
        if self.funding == "purchased" and self.reason is not None:
            raise ValueError("a purchased voucher needs no reason")
        if self.funding != "purchased" and not self.reason:
            raise ValueError("a voucher that is given away names the reason")
        if self.funding != "purchased" and (self.kind, self.payout) != ("multi_purpose", "never"):
            raise ValueError("a voucher that is given away is neither taxed at issue nor paid out")
        return self


MULTI_PURPOSE = Terms()
"""The usual voucher: bought, taxed at redemption, never paid out, usable at all its issuer's."""


class SoldAt(Part):
    """The booking line that sells a voucher."""

    store_id: str
    till_id: str
    booking_id: str
    line_id: str


class LotUse(Part):
    """How much of one lot was used. A lot is one issue, top-up or transfer with its own history."""

    lot_id: str
    amount: Money
    consideration: Money
    """What had been paid for this part: less than `amount` where it was sold below face value."""
    tax: Money | None = None
    """Single-purpose: the VAT that was paid for this part at its sale, rounded cumulatively: all
    parts together are exactly the tax of the sale."""


class Cover(Part):
    """How much of one entry of the basket a hold pays for."""

    line: int
    """Its place in the basket of the request, from 0."""
    line_id: Annotated[str | None, Field(exclude_if=lambda given: given is None)] = None
    """As the request named it."""
    amount: Money


class Lot(Part):
    """A part of the value that can be used, with what it brings along when it moves."""

    lot_id: str
    amount: Money
    """What is left of it."""
    value: Money
    """What it was at the beginning: the base of cumulative rounding."""
    consideration: Money
    """Paid for `value`."""
    funding: Funding = "purchased"
    rate: int | None = None
    """Single-purpose: basis points."""
    tax: Money | None = None
    """Single-purpose, a part that moved: the VAT that was paid for `value`. None: computed from
    `value` and `rate`."""
    valid_until: date
    opened: date
    """The business day of its issue or top-up: its year is the year of the liability."""
