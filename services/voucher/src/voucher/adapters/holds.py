"""Which holds have run out, from the read model. It may lag: the sweeper's command decides."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from events.store.connection import faults, reading

_VOUCHERS = text(
    "SELECT voucher_id, hold_id FROM open_hold WHERE NOT confirmed AND expires_at <= :now"
    " AND voucher_id IS NOT NULL ORDER BY expires_at LIMIT :rows_max"
)


class PostgresLapsedHolds:
    """See `voucher.ports.LapsedHolds`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def lapsed(self, now: datetime, *, holds_max: int) -> Sequence[tuple[str, str]]:
        """Vouchers and their holds. Accounts have a sweeper of their own."""
        async with faults(), reading(self._engine) as connection:
            rows = await connection.execute(_VOUCHERS, {"now": now, "rows_max": holds_max})
            return [(row.voucher_id, row.hold_id) for row in rows]
