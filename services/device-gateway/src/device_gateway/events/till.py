"""The till: pairing, token, shifts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from device_gateway.events.parts import LeftOut
from events import Event, event_type


@event_type("till.pairing_offered")
class PairingOffered(Event):
    """A manager asked for a pairing code. The code itself is never stored: only its keyed hash."""

    store_id: str
    till_id: str
    pairing_id: str
    name: str
    code_hash: str
    expires_at: datetime
    offered_at: datetime


@event_type("till.paired")
class TillPaired(Event):
    """A device holds a token for this till now. `client_id` is the serial number of the recording
    system at the TSE (PrintableString, no spaces, at most 30 characters)."""

    store_id: str
    till_id: str
    name: str
    client_id: str
    tse_id: str
    pairing_id: str
    token_hash: str
    """SHA-256 of a 256-bit random token, hex. Empty: nobody holds one (`unattended`)."""
    paired_at: datetime
    unattended: Annotated[bool, LeftOut] = False
    """Declared by the chain file: it books without a person, and no device is paired with it."""


@event_type("till.token_rolled")
class TokenRolled(Event):
    """The till has a new token. The one before is good until `old_until`, so that an answer that
    was lost can be asked for again."""

    store_id: str
    till_id: str
    token_hash: str
    """SHA-256 of a 256-bit random token, hex."""
    old_until: datetime
    rolled_at: datetime


@event_type("till.revoked")
class TillRevoked(Event):
    """The till's token is worthless from now on."""

    store_id: str
    till_id: str
    revoked_at: datetime
    reason: str


@event_type("till.tse_requested")
class TseRequested(Event):
    """A manager wants the till on another TSE. It takes effect with the next shift."""

    store_id: str
    till_id: str
    tse_id: str
    requested_at: datetime
    requested_by: str


@event_type("till.shift_begun")
class ShiftBegun(Event):
    """The till's newest shift, whose stream is `till-{till_id}/{shift}`, and where it signs."""

    store_id: str
    till_id: str
    shift: int
    tse_id: str
    client_id: str
    begun_at: datetime
