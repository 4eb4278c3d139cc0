"""The people at the tills. Nobody's name, PIN or card stands here: names and PINs lie in a table
of their own, a card is a keyed hash."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from device_gateway.events.parts import LeftOut, Rare
from events import Event, event_type

CashierRole = Literal["cashier", "senior", "manager"]


class _Cashier(Event):
    cashier_id: str
    store_ids: Annotated[tuple[str, ...], LeftOut] = ()
    """Where he works; empty: in all stores."""
    role: CashierRole
    card_hash: Rare[str] = None
    has_pin: Annotated[bool, LeftOut] = False
    by: Rare[str] = None
    """Who enrolled or changed him."""
    at: datetime


@event_type("cashier.enrolled")
class CashierEnrolled(_Cashier):
    """Somebody may sign in at the tills of these stores. On the stream `cashier-{cashier_id}`."""


@event_type("cashier.changed")
class CashierChanged(_Cashier):
    """Role, stores, card, PIN or name changed; the whole is said again."""


@event_type("cashier.removed")
class CashierRemoved(Event):
    """He signs in no more; his name and his PIN are wiped."""

    cashier_id: str
    by: Rare[str] = None
    removed_at: datetime


@event_type("cashier.signed_in")
class CashierSignedIn(Event):
    """Who stands at the till from now on. On the till's stream, like all that follows."""

    store_id: str
    till_id: str
    cashier_id: str
    signed_in_at: datetime


@event_type("cashier.signed_out")
class CashierSignedOut(Event):
    store_id: str
    till_id: str
    cashier_id: str
    signed_out_at: datetime


@event_type("approval.given")
class ApprovalGiven(Event):
    """A second person lends the till a right, for one act."""

    store_id: str
    till_id: str
    approval_id: str
    cashier_id: str
    """Who lends it."""
    right: str
    booking_id: Rare[str] = None
    """None: for whatever act needs the right next."""
    given_at: datetime
    expires_at: datetime


@event_type("approval.used")
class ApprovalUsed(Event):
    store_id: str
    till_id: str
    approval_id: str
    used_at: datetime


@event_type("till.training_begun")
class TrainingBegun(Event):
    """Every sale of the till is a training from now on, until somebody ends it, signs in or signs
    out."""

    store_id: str
    till_id: str
    cashier_id: Rare[str] = None
    approved_by: Rare[str] = None
    begun_at: datetime


@event_type("till.training_ended")
class TrainingEnded(Event):
    store_id: str
    till_id: str
    cashier_id: Rare[str] = None
    ended_at: datetime
