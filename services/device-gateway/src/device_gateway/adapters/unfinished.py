"""The read model of unfinished bookings in PostgreSQL (projections.py fills it)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from device_gateway.ports import Unfinished
from events.store.connection import reading

# Recorded ones wait for paper; many idle open ones must not keep them waiting.
_UNTOUCHED = text(
    "SELECT booking_id, store_id, last_at FROM unfinished_booking WHERE last_at < :since"
    " ORDER BY phase DESC, last_at LIMIT :bookings_max"
)


class PostgresUnfinished:
    """Only where to look: what is due is decided on the booking's stream."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def list(self, *, untouched_since: datetime, bookings_max: int) -> Sequence[Unfinished]:
        wanted = {"since": untouched_since, "bookings_max": bookings_max}
        async with reading(self._engine) as connection:
            rows = (await connection.execute(_UNTOUCHED, wanted)).all()
        return [Unfinished(row.booking_id, row.store_id, row.last_at) for row in rows]
