"""Charges: in one stream per center and month, `month-{center_id}-{yyyy-mm}`.

Which month: the business date of the charge, in its store's time zone. A month that was closed
takes no more charges; what is reported late (a store without a line) goes to the next open one and
says so.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from costcenter.events.limits import Take
from costcenter.events.structure import Part
from costcenter.events.subsidies import SubsidyShare, VatPart
from events import Event, event_type
from money import Money

ReleaseReason = Literal["released", "expired", "aborted"]
BookFault = Literal["hold_unknown", "hold_released", "hold_expired", "over_hold", "no_card"]


class Chargee(Part):
    """Who pays and with which card, as it was when it was charged."""

    center_id: str
    center_number: str
    center_name: str
    card_id: str
    card_number: str
    main_group: int
    user_group: int
    company_id: str | None = None


class Override(Part):
    """A manager let it pass although limits were exceeded."""

    by: str
    """Person id."""
    reason: Annotated[str, Field(min_length=1, max_length=200)]
    limit_ids: tuple[str, ...]


class Warned(Part):
    """A limit that only warns is exceeded."""

    limit_id: str
    name: str
    value: Money | None = None
    count: int | None = None
    used: Money
    """Afterwards."""


@event_type("month.opened")
class MonthOpened(Event):
    """First charge of a center in a month."""

    center_id: str
    month: str
    opened_at: AwareDatetime


@event_type("month.closed")
class MonthClosed(Event):
    """Nothing is added any more: the statement is final and may be invoiced."""

    center_id: str
    month: str
    charged: Money
    """Booked less reversed, subsidies that the center owes apart."""
    subsidies: Money
    charges: int
    closed_at: AwareDatetime


@event_type("charge.held")
class ChargeHeld(Event):
    """The amount is kept for one booking until `expires_at`, within all limits."""

    charge_id: str
    """The till's hold id."""
    month: str
    chargee: Chargee
    amount: Money
    """What the center pays; zero where it is a subsidy alone."""
    parts: tuple[VatPart, ...] = ()
    """The same by VAT key, as far as the till has named the goods."""
    subsidies: tuple[SubsidyShare, ...] = ()
    takes: tuple[Take, ...] = ()
    """From which limit accounts."""
    warnings: tuple[Warned, ...] = ()
    override: Override | None = None
    store_id: str
    till_id: str
    booking_id: str
    payment_id: str
    business_date: date
    expires_at: AwareDatetime
    held_at: AwareDatetime


@event_type("charge.confirmed")
class ChargeConfirmed(Event):
    """The till is about to record the booking: the hold no longer expires."""

    charge_id: str
    month: str
    confirmed_at: AwareDatetime


@event_type("charge.released")
class ChargeReleased(Event):
    """Nothing was charged; all limits and allowances have it back."""

    charge_id: str
    month: str
    reason: ReleaseReason
    released_at: AwareDatetime


@event_type("charge.booked")
class ChargeBooked(Event):
    """A recorded booking was charged: the center owes it. Billing invoices this."""

    charge_id: str
    month: str
    chargee: Chargee
    amount: Money
    parts: tuple[VatPart, ...] = ()
    """The same by VAT rate, as the booking says. The VAT was declared with the till's sale."""
    subsidies: tuple[SubsidyShare, ...] = ()
    takes: tuple[Take, ...] | None = None
    """What it has from limit accounts, where that is not what its hold took."""
    booking_id: str
    booking_number: int | None = None
    """The till's gapless number, as on the slip."""
    store_id: str
    till_id: str
    business_date: date
    """Of the booking; in `month`, unless `late`."""
    late: bool = False
    """Its month was closed already."""
    offline: bool = False
    lease_id: str | None = None
    fault: BookFault | None = None
    """Booked without a good hold, because a recorded booking is a fact: limits may be exceeded,
    and somebody has to look."""
    booked_at: AwareDatetime


@event_type("charge.reversed")
class ChargeReversed(Event):
    """Goods came back by a reversing booking. Limits get it back in the window of the charge."""

    charge_id: str
    month: str
    """The open month it is settled in; the charge's own, if that is still open."""
    reversal_id: str
    chargee: Chargee
    amount: Money
    parts: tuple[VatPart, ...] = ()
    booking_id: str
    booking_number: int | None = None
    """Of the reversing booking, as on its slip."""
    store_id: str
    till_id: str
    business_date: date
    refused: Money | None = None
    """More came back than had been charged: not credited. Somebody has to look."""
    reversed_at: AwareDatetime
