"""What tills, bookings and the back office ask of charges. Time and ids come in from outside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Literal

from costcenter.events import ReleaseReason, TaxCase, VatPart
from money import Money

Mode = Literal["exact", "up_to"]
How = Literal["code", "foreign", "number", "center_number"]


ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Good:
    """A line of the basket, or what is left of it to pay."""

    vat: str
    rate: int
    """Basis points."""
    dsfinvk_key: int
    gross: Money
    """Of all pieces. Negative: a discount on the others."""
    article_group: str | None = None
    quantity: Decimal = ONE
    line_id: str | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """What the till has: a scanned code (as its keyed hash), a typed card number or the number of
    a center, and the card it was found to mean."""

    how: How
    value: str
    card_id: str
    card_number: str | None = None
    """Chosen among the virtual cards of the center."""


@dataclass(frozen=True, slots=True)
class Overriding:
    """A manager lets it pass."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class HoldCharge:
    charge_id: str
    shown: Shown
    amount: Money
    mode: Mode
    basket: tuple[Good, ...]
    store_id: str
    till_id: str
    booking_id: str
    payment_id: str
    business_date: date
    local_time: time
    """Of the store, for subsidies with hours."""
    expires_at: datetime
    now: datetime
    override: Overriding | None = None


@dataclass(frozen=True, slots=True)
class ConfirmCharge:
    charge_id: str
    now: datetime


@dataclass(frozen=True, slots=True)
class ReleaseCharge:
    """`expired` frees a hold only if it has run out and is not confirmed."""

    charge_id: str
    reason: ReleaseReason
    now: datetime


@dataclass(frozen=True, slots=True)
class BookedSubsidy:
    """What a recorded booking says a subsidy paid."""

    rule_id: str
    amount: Money
    tax_case: TaxCase
    parts: tuple[VatPart, ...] = ()


@dataclass(frozen=True, slots=True)
class BookCharge:
    """A recorded booking was paid on a cost center: a fact that nothing here can refuse."""

    charge_id: str
    amount: Money
    parts: tuple[VatPart, ...]
    subsidies: tuple[BookedSubsidy, ...]
    booking_id: str
    booking_number: int | None
    store_id: str
    till_id: str
    business_date: date
    now: datetime
    center_number: str | None = None
    """As on the slip, with the fields below: for a booking whose hold nobody knows."""
    center_name: str | None = None
    card_number: str | None = None
    card_id: str | None = None
    offline: bool = False
    lease_id: str | None = None


@dataclass(frozen=True, slots=True)
class ReturnedSubsidy:
    """What a reversing booking takes back of one rule's share."""

    rule_id: str
    amount: Money
    parts: tuple[VatPart, ...] = ()


@dataclass(frozen=True, slots=True)
class ReverseCharge:
    """Goods that a center or a subsidy paid came back by a recorded booking."""

    charge_id: str
    reversal_id: str
    amount: Money
    """What the center gets back, subsidies apart."""
    parts: tuple[VatPart, ...]
    booking_id: str
    store_id: str
    till_id: str
    business_date: date
    now: datetime
    booking_number: int | None = None
    subsidies: tuple[ReturnedSubsidy, ...] = ()


@dataclass(frozen=True, slots=True)
class CloseMonth:
    center_id: str
    month: str
    now: datetime


FromBookings = BookCharge | ReverseCharge | ReleaseCharge
"""What the policies lead to."""
