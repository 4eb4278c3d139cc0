"""What somebody changed of a sale before it was recorded, and a sale that is set aside."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from device_gateway.events.booking_parts import Act, Line
from device_gateway.events.parts import LeftOut, Rare
from events import Event, event_type


@event_type("booking.line_voided")
class LineVoided(Event):
    """A line is gone, and with it what lowered it alone. Numbers of lines are not used again."""

    booking_id: str
    store_id: str
    line_id: str
    gone: tuple[str, ...]
    """The line, and the discounts that it was for."""
    changed: Annotated[tuple[Line, ...], LeftOut] = ()
    """Discounts on several lines, without its share."""
    give_back: Annotated[bool, LeftOut] = False
    """Another service may have agreed to it, and has to hear of it."""
    act: Rare[Act] = None
    """None: a discount was taken off again, so that nothing was given."""
    voided_at: datetime


@event_type("booking.line_changed")
class LineChanged(Event):
    """Another quantity, or another price. `line` is as it stands from now on."""

    booking_id: str
    store_id: str
    what: Literal["quantity", "price"]
    line: Line
    act: Rare[Act] = None
    """None: more of it is sold, so nothing is taken back."""
    changed_at: datetime


@event_type("booking.line_given_back")
class LineGivenBack(Event):
    """The other service knows that a voided line will not be sold."""

    booking_id: str
    store_id: str
    line_id: str
    given_back_at: datetime


@event_type("booking.parked")
class BookingParked(Event):
    """Set aside, to go on with it later at the same till in the same shift."""

    booking_id: str
    store_id: str
    till_id: str
    label: Rare[str] = None
    cashier_id: Rare[str] = None
    parked_at: datetime


@event_type("booking.resumed")
class BookingResumed(Event):
    booking_id: str
    store_id: str
    till_id: str
    cashier_id: Rare[str] = None
    resumed_at: datetime
