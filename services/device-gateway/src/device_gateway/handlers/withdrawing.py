"""A payment of an open sale is taken back: noted first, and what another service holds for it is
released then. A release that gets no answer stays due; the recovery asks again."""

from __future__ import annotations

from contextlib import suppress

from device_gateway.commands import WithdrawPayment
from device_gateway.decider.booking import BOOKING
from device_gateway.decider.booking_state import Booking
from device_gateway.handlers.ending import Progress
from device_gateway.handlers.gateway import Gateway, booking_stream
from device_gateway.handlers.holds import release_due
from device_gateway.handlers.vouchers import present
from device_gateway.ports import ServiceRefused, ServiceUnavailable
from events import Ask, handle


async def withdraw(gateway: Gateway, booking: Booking, payment_id: str, *, ask: Ask) -> Progress:
    """Raises `PaymentUnknown`, `PaymentStays`, `BookingIsRecorded` and `BookingIsAborted`."""
    assert booking.started is not None
    booking_id = booking.started.booking_id
    command = WithdrawPayment(booking_id, payment_id, gateway.clock())
    done = await handle(gateway.store, BOOKING, booking_stream(booking_id), command, ask=ask)
    left = await present(gateway, booking_id, done.state, done.repeated)
    # Without an answer it stays due, and the recovery goes on with it.
    with suppress(ServiceRefused, ServiceUnavailable):
        await release_due(gateway, left)
    return Progress(await gateway.booking(booking_id))
