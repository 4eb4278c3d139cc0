"""Read model: which bookings somebody still has to do something about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, DateTime, Integer, MetaData, Table, Text, delete, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from device_gateway.events import (
    BookingAborted,
    BookingRecorded,
    BookingStarted,
    LinesAdded,
    PaymentAccepted,
    PaymentHeld,
    PaymentRefused,
    PaymentReleased,
    PaymentReopened,
    PaymentRequested,
    ReceiptQueued,
)
from events import Recorded

METADATA = MetaData()
UNFINISHED = Table(
    "unfinished_booking",
    METADATA,
    Column("booking_id", Text, primary_key=True),
    Column("store_id", Text, nullable=False),
    Column("last_at", DateTime(timezone=True), nullable=False),
    Column("papers_due", Integer, nullable=False),
    Column("releases_due", Integer, nullable=False),
    Column("phase", Text, nullable=False),
)


class UnfinishedProjection:
    """A row per booking from its start until it is aborted, or recorded, printed and released."""

    name = "unfinished_booking"
    version = 1

    async def apply(self, tx: AsyncConnection, recorded: Sequence[Recorded]) -> None:
        for entry in recorded:
            await self._fold(tx, entry.event)

    async def _fold(self, tx: AsyncConnection, event: object) -> None:
        match event:
            case BookingStarted():
                row = {
                    "booking_id": event.booking_id,
                    "store_id": event.store_id,
                    "last_at": event.started_at,
                    "papers_due": 0,
                    "releases_due": 0,
                    "phase": "open",
                }
                await tx.execute(insert(UNFINISHED).values(row).on_conflict_do_nothing())
            case BookingAborted():
                await tx.execute(
                    delete(UNFINISHED).where(UNFINISHED.c.booking_id == event.booking_id)
                )
            case BookingRecorded():
                slips = any(line.voucher_id for line in event.lines)
                await _change(
                    tx,
                    event.booking_id,
                    last_at=event.recorded_at,
                    phase="recorded",
                    papers_due=2 if slips else 1,
                )
            case ReceiptQueued():
                await _change(
                    tx, event.booking_id, papers_due=UNFINISHED.c.papers_due - 1, done=True
                )
            case PaymentReleased():
                await _change(
                    tx, event.booking_id, releases_due=UNFINISHED.c.releases_due - 1, done=True
                )
            case PaymentReopened() | PaymentRefused():
                await _refused(tx, event)
            case LinesAdded():
                await _change(tx, event.booking_id, last_at=event.added_at)
            case PaymentAccepted():
                await _change(tx, event.booking_id, last_at=event.accepted_at)
            case PaymentRequested():
                await _change(tx, event.booking_id, last_at=event.requested_at)
            case PaymentHeld():
                await _change(tx, event.booking_id, last_at=event.held_at)
            case _:
                return


async def _refused(tx: AsyncConnection, event: PaymentReopened | PaymentRefused) -> None:
    last_at: datetime
    if isinstance(event, PaymentReopened):
        due, last_at = 1, event.reopened_at
    else:
        due, last_at = int(event.release_due), event.refused_at
    await _change(
        tx, event.booking_id, last_at=last_at, releases_due=UNFINISHED.c.releases_due + due
    )


async def _change(
    tx: AsyncConnection, booking_id: str, *, done: bool = False, **values: Any
) -> None:
    """Change the booking's row; `done`: and drop it where nothing is left to do."""
    mine = UNFINISHED.c.booking_id == booking_id
    await tx.execute(update(UNFINISHED).where(mine).values(**values))
    if done:
        await tx.execute(
            delete(UNFINISHED).where(
                mine,
                UNFINISHED.c.phase == "recorded",
                UNFINISHED.c.papers_due <= 0,
                UNFINISHED.c.releases_due <= 0,
            )
        )
