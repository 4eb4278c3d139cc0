"""Which holds have run out, from the read model. It may lag: the sweeper's command decides."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from events.store.connection import faults, reading

_VOUCHERS = text(
    "SELECT voucher_id, hold_id FROM open_hold WHERE NOT confirmed AND expires_at <= :now"
    " AND voucher_id IS NOT NULL ORDER BY expires_at LIMIT :rows_max"
)
_ACCOUNTS = text(
    "SELECT account_id, hold_id FROM open_hold WHERE NOT confirmed AND expires_at <= :now"
    " AND account_id IS NOT NULL ORDER BY expires_at LIMIT :rows_max"
)
_SETTLEMENTS = text(
    "SELECT account_id, preparation_id FROM preparation WHERE what = 'settlement'"
    " AND expires_at <= :now ORDER BY expires_at LIMIT :rows_max"
)


class PostgresLapsedHolds:
    """See `voucher.ports.LapsedHolds`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def lapsed(self, now: datetime, *, holds_max: int) -> Sequence[tuple[str, str]]:
        """Vouchers and their holds."""
        return await self._pairs(_VOUCHERS, now, holds_max)

    async def lapsed_of_accounts(
        self, now: datetime, *, holds_max: int
    ) -> Sequence[tuple[str, str]]:
        """Accounts and their holds."""
        return await self._pairs(_ACCOUNTS, now, holds_max)

    async def lapsed_settlements(
        self, now: datetime, *, settlements_max: int
    ) -> Sequence[tuple[str, str]]:
        """Accounts and the prepared settlements of fees that nobody recorded."""
        return await self._pairs(_SETTLEMENTS, now, settlements_max)

    async def _pairs(
        self, query: TextClause, now: datetime, rows_max: int
    ) -> Sequence[tuple[str, str]]:
        async with faults(), reading(self._engine) as connection:
            rows = await connection.execute(query, {"now": now, "rows_max": rows_max})
            return [(row[0], row[1]) for row in rows]
