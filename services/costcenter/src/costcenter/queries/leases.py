"""Lists of leases, from the read model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from costcenter.projections.leases import LeaseBook
from events.store.connection import faults, reading
from events.subscription import wait_until

WAIT_S = 1.0
"""Then the answer is given from what is there, and says so (`complete: false`)."""

_LEASES = text(
    """
    SELECT * FROM lease
    WHERE lease_id > :after
      AND (CAST(:store_id AS text) IS NULL OR store_id = :store_id)
      AND (CAST(:open AS boolean) IS NULL OR (returned IS NULL) = :open)
      AND (CAST(:overdue_at AS timestamptz) IS NULL
           OR (returned IS NULL AND ends_at <= :overdue_at))
    ORDER BY lease_id LIMIT :rows_max
    """
)


@dataclass(frozen=True, slots=True)
class LeasePage:
    rows: Sequence[Mapping[str, Any]]
    next: str | None
    """Go on after it; None: this is the last page."""
    complete: bool


class LeaseQueries:
    def __init__(self, engine: AsyncEngine, *, schema: str) -> None:
        self._engine = engine
        self._schema = schema

    async def leases(
        self,
        *,
        store_id: str | None,
        open_only: bool | None,
        overdue_at: datetime | None,
        after: str,
        limit: int,
        position: int,
    ) -> LeasePage:
        """By id. `overdue_at`: only those whose time was over then and that nobody returned."""
        complete = position <= 0 or await wait_until(
            self._engine, self._schema, LeaseBook(), position, WAIT_S
        )
        wanted = {
            "store_id": store_id,
            "open": open_only,
            "overdue_at": overdue_at,
            "after": after,
            "rows_max": limit + 1,
        }
        async with faults(), reading(self._engine) as connection:
            rows = [dict(row) for row in (await connection.execute(_LEASES, wanted)).mappings()]
        more = len(rows) > limit
        return LeasePage(rows[:limit], rows[limit - 1]["lease_id"] if more else None, complete)
