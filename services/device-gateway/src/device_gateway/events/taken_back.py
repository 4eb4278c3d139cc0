"""What an earlier booking has to know about its goods: how much of them came back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from device_gateway.events.parts import LeftOut, Part, Quantity
from events import Event, event_type
from money import Money


class TakenLine(Part):
    """How much of a line came back, and what was paid for that."""

    line_id: str
    quantity: Quantity
    amount: Money


class Restored(Part):
    """What somebody who had paid got back for a line, instead of money."""

    source: str
    """Who: hold, subsidy rule (or nothing) and VAT key, with slashes between."""
    line_id: str
    amount: Money


@event_type("booking.taken_back")
class BookingTakenBack(Event):
    """Goods of this booking came back, or all of it was cancelled, by another booking. It stands on
    the stream of the booking that sold them, in the append that records the other one: so no line
    comes back more often than it was sold."""

    booking_id: str
    store_id: str
    by: str
    """The booking that takes back."""
    kind: Literal["return", "cancellation"]
    lines: Annotated[tuple[TakenLine, ...], LeftOut] = ()
    """Of a cancellation none are named: it is all of them."""
    restored: Annotated[tuple[Restored, ...], LeftOut] = ()
    taken_back_at: datetime
