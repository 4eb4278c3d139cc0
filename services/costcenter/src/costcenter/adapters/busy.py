"""Which months are busy, from the sums of the statements."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from events.store.connection import faults, reading

_BUSIEST = text(
    """
    SELECT center_id FROM statement_sum WHERE month = :month
    GROUP BY center_id HAVING sum(charges) >= :charges_min
    ORDER BY sum(charges) DESC, center_id LIMIT :months_max
    """
)


class PostgresBusyMonths:
    """See `costcenter.ports.BusyMonths`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def busiest(self, month: str, *, charges_min: int, months_max: int) -> Sequence[str]:
        wanted = {"month": month, "charges_min": charges_min, "months_max": months_max}
        async with faults(), reading(self._engine) as connection:
            rows = await connection.execute(_BUSIEST, wanted)
            return [row.center_id for row in rows]
