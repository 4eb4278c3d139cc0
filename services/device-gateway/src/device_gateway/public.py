"""What the gateway lets out, in the order of each store."""

from __future__ import annotations

from device_gateway.events import (
    BookingAborted,
    BookingOrdered,
    BookingRecorded,
    BookingStarted,
    CashMoved,
    DeviceChanged,
    DevicePaired,
    DeviceRemoved,
    DrawerOpened,
    MasterDataChanged,
    NumberGiven,
    ReceiptPrinted,
    TillClosed,
    TillOpened,
    TillPaired,
    TillRevoked,
    TrainingRecorded,
)
from events import Recorded
from events.publication import Publication


def _store_of(recorded: Recorded) -> str:
    """A store's bookings reach the signer in the order in which they were recorded."""
    store_id: str = recorded.event.store_id  # type: ignore[attr-defined]  # each one has it
    return store_id


PUBLICATION = Publication(
    topic="device-gateway",
    events=(
        MasterDataChanged,
        TillPaired,
        TillRevoked,
        NumberGiven,
        BookingStarted,
        BookingRecorded,
        BookingAborted,
        ReceiptPrinted,
        TillOpened,
        TillClosed,
        CashMoved,
        TrainingRecorded,
        BookingOrdered,
        DevicePaired,
        DeviceChanged,
        DeviceRemoved,
        DrawerOpened,
    ),
    ordering_key=_store_of,
)
