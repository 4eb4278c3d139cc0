"""Which holds have run out, from the read model. It may lag: the sweeper's command decides."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from events.store.connection import faults, reading

_LAPSED = text(
    "SELECT voucher_id, hold_id FROM voucher_hold WHERE NOT confirmed AND expires_at <= :now"
    " ORDER BY expires_at LIMIT :rows_max"
)


class PostgresLapsedHolds:
    """See `voucher.ports.LapsedHolds`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def lapsed(self, now: datetime, *, holds_max: int) -> Sequence[tuple[str, str]]:
        async with faults(), reading(self._engine) as connection:
            rows = await connection.execute(_LAPSED, {"now": now, "rows_max": holds_max})
            return [(row.voucher_id, row.hold_id) for row in rows]
