"""Leases as a table: what each store may use, and what nobody has returned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from costcenter.events import LeaseEvent, LeaseGranted, LeaseReturned, LeaseUsed
from events import Recorded

_GRANTED = text(
    """
    INSERT INTO lease (lease_id, store_id, center_id, card_id, currency, amount_minor, left_minor,
        charges, charges_left, per_booking_minor, granted_at, ends_at)
    VALUES (:lease_id, :store_id, :center_id, :card_id, :currency, :amount, :amount, :count,
        :count, :per_booking, :granted_at, :ends_at)
    ON CONFLICT (lease_id) DO NOTHING
    """
)
_USED = text(
    """
    UPDATE lease SET left_minor = :left, exceeded_minor = exceeded_minor + :exceeded,
        charges_left = greatest(0, charges_left - 1)
    WHERE lease_id = :lease_id
    """
)
_RETURNED = text(
    """
    UPDATE lease SET left_minor = 0, charges_left = 0, returned = :reason, returned_by = :by,
        note = :note, returned_at = :returned_at
    WHERE lease_id = :lease_id
    """
)


class LeaseBook:
    """The newest state of each lease."""

    name = "leases"
    version = 1

    async def apply(self, tx: AsyncConnection, recorded: Sequence[Recorded]) -> None:
        for entry in recorded:
            if isinstance(entry.event, LeaseGranted | LeaseUsed | LeaseReturned):
                await _apply(tx, entry.event)


async def _apply(tx: AsyncConnection, event: LeaseEvent) -> None:
    match event:
        case LeaseGranted():
            row = {
                "lease_id": event.lease_id,
                "store_id": event.store_id,
                "center_id": event.center_id,
                "card_id": event.card_id,
                "currency": event.amount.currency,
                "amount": event.amount.amount,
                "count": event.count,
                "per_booking": None if event.per_booking is None else event.per_booking.amount,
                "granted_at": event.granted_at,
                "ends_at": event.ends_at,
            }
            await tx.execute(_GRANTED, row)
        case LeaseUsed():
            exceeded = 0 if event.exceeded is None else event.exceeded.amount
            row = {"lease_id": event.lease_id, "left": event.left.amount, "exceeded": exceeded}
            await tx.execute(_USED, row)
        case LeaseReturned():
            row = {
                "lease_id": event.lease_id,
                "reason": event.reason,
                "by": event.by,
                "note": event.note,
                "returned_at": event.returned_at,
            }
            await tx.execute(_RETURNED, row)
        case _:
            assert_never(event)
