"""What a device is, its segments, and who drives it."""

from __future__ import annotations

from datetime import datetime

from events import Event, event_type
from fiscal_signer.events.parts import Part


@event_type("tse.initialized")
class TseInitialized(Event):
    """A device came into use. Its key never changes; another key is another TSE."""

    tse_id: str
    store_id: str
    kind: str
    certified: bool
    serial: str
    """64 hex digits: SHA-256 over the key's point."""
    public_key: str
    """base64 of the uncompressed point."""
    algorithm: str
    time_format: str
    certificate: str | None = None
    """base64 of the DER."""
    initialized_at: datetime


class OpenTransaction(Part):
    """A transaction that was started for a booking and has no end yet."""

    booking_id: str
    till_id: str
    client_id: str
    transaction_number: int
    start_time: datetime


class Orphan(Part):
    """A transaction that is open on the device and will carry no booking."""

    transaction_number: int
    client_id: str
    booking_id: str = ""


@event_type("tse.segment_opened")
class SegmentOpened(Event):
    """The device's signatures go on in stream `tse-{tse_id}/{segment}`. Carries everything that
    went before, so that a takeover reads one segment and never the years behind it."""

    tse_id: str
    store_id: str
    segment: int
    epoch: int
    counter: int
    transaction: int
    clients: tuple[str, ...] = ()
    open: tuple[OpenTransaction, ...] = ()
    orphans: tuple[Orphan, ...] = ()
    opened_at: datetime


@event_type("tse.segment_closed")
class SegmentClosed(Event):
    """Nothing may follow in this stream: whoever still writes here has been overtaken."""

    tse_id: str
    segment: int


@event_type("tse.taken_over")
class TakenOver(Event):
    """A process began to drive the device. It moves the stream's version, which is what keeps a
    process with an older epoch from recording anything, its intents included."""

    tse_id: str
    store_id: str
    epoch: int
    taken_at: datetime


@event_type("tse.client_registered")
class ClientRegistered(Event):
    """A till is known to the TSE by its serial number."""

    tse_id: str
    store_id: str
    client_id: str
    signature_counter: int | None = None
    """None: the device knew the client before and signed nothing now."""
    log_message: str = ""
    registered_at: datetime


@event_type("tse.client_refused")
class ClientRefused(Event):
    """The device does not take another client, or not this one."""

    tse_id: str
    store_id: str
    client_id: str
    reason: str
