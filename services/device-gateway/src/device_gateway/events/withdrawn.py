"""Payments that a cashier takes back before the sale is recorded."""

from __future__ import annotations

from datetime import datetime

from device_gateway.events.parts import Rare
from events import Event, event_type


@event_type("payment.withdrawn")
class PaymentWithdrawn(Event):
    """A payment of an open sale was taken back at the till: its amount is open again, and `hold_id`
    (a voucher, a cost center) is to be released."""

    booking_id: str
    store_id: str
    payment_id: str
    hold_id: Rare[str] = None
    withdrawn_at: datetime
