"""What people do to an open sale: void, change, lower, set aside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from money import Money


@dataclass(frozen=True, slots=True)
class By:
    """Who does it, with whose leave, and how far prices may go down by it."""

    cashier_id: str | None = None
    approved_by: str | None = None
    discount_max: int | None = None
    """Basis points; None: all the way."""


@dataclass(frozen=True, slots=True)
class VoidLine:
    booking_id: str
    line_id: str
    reason: str
    by: By
    now: datetime


@dataclass(frozen=True, slots=True)
class ChangeQuantity:
    booking_id: str
    line_id: str
    quantity: Decimal
    reason: str
    by: By
    now: datetime


@dataclass(frozen=True, slots=True)
class ChangePrice:
    booking_id: str
    line_id: str
    unit_price: Money
    reason: str
    by: By
    now: datetime


@dataclass(frozen=True, slots=True)
class GiveDiscount:
    """On one line, or (`line_id` None) over all articles by what they cost. Either `percent` in
    basis points, or `amount`."""

    booking_id: str
    line_id: str | None
    percent: int | None
    amount: Money | None
    reason: str
    by: By
    now: datetime


@dataclass(frozen=True, slots=True)
class ParkBooking:
    booking_id: str
    label: str | None
    cashier_id: str | None
    now: datetime


@dataclass(frozen=True, slots=True)
class ResumeBooking:
    booking_id: str
    cashier_id: str | None
    now: datetime


@dataclass(frozen=True, slots=True)
class NoteGivenBack:
    booking_id: str
    line_id: str
    now: datetime


EditCommand = (
    VoidLine
    | ChangeQuantity
    | ChangePrice
    | GiveDiscount
    | ParkBooking
    | ResumeBooking
    | NoteGivenBack
)
