"""Which vouchers are past their last day, from the read model. An expiry run decides on the log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from events.store.connection import faults, reading

_PAST = text(
    "SELECT v.voucher_id FROM voucher_book AS v WHERE v.legal_entity_id = :legal_entity_id"
    " AND v.state = 'active' AND v.voucher_id > :after AND EXISTS ("
    "   SELECT 1 FROM value_lot AS l WHERE l.owner = 'voucher-' || v.voucher_id"
    "   AND l.left_minor > 0 AND l.valid_until < :day)"
    " ORDER BY v.voucher_id LIMIT :rows_max"
)


class PostgresPastVouchers:
    """See `voucher.ports.PastVouchers`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def past(
        self, legal_entity_id: str, day: date, *, after: str, vouchers_max: int
    ) -> Sequence[str]:
        asked = {
            "legal_entity_id": legal_entity_id,
            "day": day,
            "after": after,
            "rows_max": vouchers_max,
        }
        async with faults(), reading(self._engine) as connection:
            return list((await connection.execute(_PAST, asked)).scalars())
