"""Read models → answers about exports."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from events.store.connection import faults, reading
from events.subscription import wait_until
from fiscal_signer.projections_exports import ExportBook

WAIT_S = 1.0

_COLUMNS = (
    "export_id, kind, request, result, state, failure, detail, closings, closings_max, rows,"
    " coalesce(worker_until > clock_timestamp(), false) AS worked_on"
)
_ONE = text(f"SELECT {_COLUMNS} FROM export_job WHERE export_id = :export_id")  # noqa: S608 (a constant)
_NEWEST = text(
    f"SELECT {_COLUMNS} FROM export_job"  # noqa: S608 (a constant)
    " WHERE CAST(:stores AS text) IS NULL OR request->>'store_ids' = :stores"
    " ORDER BY requested_at DESC, export_id LIMIT :limit"
)


class ExportQueries:
    """Raises `Transient` when the database is away."""

    def __init__(self, engine: AsyncEngine, *, schema: str) -> None:
        self._engine = engine
        self._schema = schema

    async def wait(self, position: int) -> None:
        """Until the read model shows an own write, at most a second."""
        await wait_until(self._engine, self._schema, ExportBook(), position, WAIT_S)

    async def export(self, export_id: str) -> dict[str, Any] | None:
        async with faults(), reading(self._engine) as connection:
            rows = await connection.execute(_ONE, {"export_id": export_id})
            found = rows.mappings().first()
            return None if found is None else dict(found)

    async def newest(self, limit: int, *, store_id: str | None) -> list[dict[str, Any]]:
        """The newest first. `store_id`: only those of this store alone."""
        stores = None if store_id is None else f'["{store_id}"]'
        async with faults(), reading(self._engine) as connection:
            rows = await connection.execute(_NEWEST, {"stores": stores, "limit": limit})
            return [dict(row) for row in rows.mappings()]
