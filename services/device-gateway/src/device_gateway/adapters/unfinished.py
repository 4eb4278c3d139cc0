"""The read model of unfinished bookings in PostgreSQL (projections.py fills it)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from device_gateway.ports import Unfinished
from device_gateway.projections import UNFINISHED
from events.store.connection import reading


class PostgresUnfinished:
    """Only where to look: what is due is decided on the booking's stream."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def list(self, *, untouched_since: datetime, bookings_max: int) -> Sequence[Unfinished]:
        wanted = (
            select(UNFINISHED.c.booking_id, UNFINISHED.c.store_id, UNFINISHED.c.last_at)
            .where(UNFINISHED.c.last_at < untouched_since)
            # Recorded ones wait for paper; many idle open ones must not keep them waiting.
            .order_by(UNFINISHED.c.phase.desc(), UNFINISHED.c.last_at)
            .limit(bookings_max)
        )
        async with reading(self._engine) as connection:
            rows = (await connection.execute(wanted)).all()
        return [Unfinished(row.booking_id, row.store_id, row.last_at) for row in rows]
