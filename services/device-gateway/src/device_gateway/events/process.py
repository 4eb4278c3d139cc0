"""What everything has in common that gets a number of its till."""

from __future__ import annotations

from datetime import date, datetime

from device_gateway.events.parts import Rare
from events import Event


class Process(Event):
    """The envelope of a final event. Its id is called `booking_id`, whatever it is: the signer's
    verdict names it so."""

    booking_id: str
    store_id: str
    till_id: str
    till_name: str
    legal_entity_id: str
    tse_id: str
    client_id: str
    number: int
    """The till's next gapless number: over all its processes, going on over shifts."""
    shift: int
    """The till's shift (Z number); 0: recorded before there were shifts."""
    started_at: datetime
    recorded_at: datetime
    sign_by: datetime
    business_date: date
    currency: str
    cashier_id: Rare[str] = None
    """Who stood at the till: an id, never a name."""
    approved_by: Rare[str] = None
    """Who lent the right for it."""
