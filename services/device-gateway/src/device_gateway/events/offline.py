"""What a store took by voucher while nobody could be asked. Stream `offline-{store_id}`."""

from __future__ import annotations

from datetime import date, datetime

from device_gateway.events.parts import Rare
from events import Event, event_type
from money import Money


@event_type("offline.accepted")
class OfflineAccepted(Event):
    """A voucher pays, by its signed QR code alone. It counts against the store's limits until
    `offline.settled` or `offline.given_back`; against those of its day for good."""

    store_id: str
    till_id: str
    booking_id: str
    payment_id: str
    hold_id: str
    serial: str
    amount: Money
    business_date: date
    down_since: Rare[datetime] = None
    """Since when nobody answers, as this process knows."""
    rules_heard_at: datetime
    """How old the rules are by which it was accepted."""
    accepted_at: datetime


@event_type("offline.given_back")
class OfflineGivenBack(Event):
    """The booking was aborted: nothing was paid."""

    store_id: str
    hold_id: str
    given_back_at: datetime


@event_type("offline.settled")
class OfflineSettled(Event):
    """The voucher service has booked it, from now on the voucher's balance knows of it."""

    store_id: str
    hold_id: str
    captured: Money
    """What the voucher still had of it; the rest is the store's overdraft."""
    settled_at: datetime
