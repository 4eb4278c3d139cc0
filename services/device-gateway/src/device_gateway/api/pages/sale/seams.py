"""What the sale's pages ask the rest of the gateway for, in one place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from device_gateway.decider.booking_state import Booking
from device_gateway.decider.refusals import BookingUnknown
from device_gateway.handlers.closings import shift_at
from device_gateway.handlers.gateway import Gateway


@dataclass(frozen=True, slots=True)
class Terminal:
    device_id: str
    name: str


async def open_sales(gateway: Gateway, store_id: str, till_id: str) -> Sequence[Booking]:
    """What the till has open, from the log itself: the newest first, parked ones included."""
    _, shift = await shift_at(gateway, store_id=store_id, till_id=till_id)
    found = list[Booking]()
    for booking_id in reversed(shift.begun if shift.open else ()):
        try:
            booking = await gateway.booking(booking_id)
        except BookingUnknown:
            continue
        if booking.open:
            found.append(booking)
    return found


def is_parked(booking: Booking) -> bool:
    return bool(getattr(booking, "parked", None))


async def terminals(gateway: Gateway, store_id: str, till_id: str) -> Sequence[Terminal]:
    """Card terminals that this till may use."""
    return ()
