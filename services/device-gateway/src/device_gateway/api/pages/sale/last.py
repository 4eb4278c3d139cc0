"""The last receipt of the till: looked at, and printed once more."""

from __future__ import annotations

from device_gateway.api.pages.locales import N_
from device_gateway.api.pages.receipts import own_process
from device_gateway.api.pages.sale.deed import Deed, Outcome
from device_gateway.api.pages.shell import Session
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.refusals import BookingUnknown
from device_gateway.handlers import printers
from device_gateway.handlers.gateway import Gateway

ROWS_LOOKED_AT = 5
"""The newest rows may be orders, which have no receipt."""


async def last_of(gateway: Gateway, session: Session, named: str) -> Booking | None:
    """The process that the page has just ended, else the newest that the till's list knows. None:
    there is none, or the list cannot be read here."""
    wanted = [named] if named else await _newest(gateway, session)
    for booking_id in wanted:
        try:
            found = await own_process(gateway, session, booking_id)
        except BookingUnknown:
            continue
        if found.recorded is not None:
            return found
    return None


async def _newest(gateway: Gateway, session: Session) -> list[str]:
    if gateway.till_bookings is None:
        return []
    rows, _ = await gateway.till_bookings.page(
        till_id=session.till_id, state="recorded", day=None, number=None, page=1
    )
    return [row.booking_id for row in rows[:ROWS_LOOKED_AT]]


async def copy(deed: Deed) -> Outcome:
    """Raises `RightMissing`, `NoPrinter`, `PrinterQueueFull`, `ActTooOften`."""
    await deed.allowed("reprint")
    last = await own_process(deed.gateway, deed.session, deed.form.text("last"))
    await printers.print_copy(deed.gateway, last, ask=deed.ask)
    note = N_("The copy is on its way to the printer.")
    return Outcome(sale=deed.sale, ended=None if deed.sale else last, note=note)
