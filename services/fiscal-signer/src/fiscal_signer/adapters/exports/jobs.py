"""Which exports wait, who works on them, how far they are: in PostgreSQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from events.store.connection import faults, raw
from fiscal_signer.handlers.exports import Far

_TAKE = (
    "UPDATE export_job SET worker = $1, worker_until = clock_timestamp()"
    " + make_interval(secs => $2) WHERE export_id = (SELECT export_id FROM export_job"
    " WHERE state = 'waiting' AND (worker_until IS NULL OR worker_until < clock_timestamp())"
    " ORDER BY requested_at, export_id FOR UPDATE SKIP LOCKED LIMIT 1) RETURNING export_id"
)
_RENEW = (
    "UPDATE export_job SET worker_until = clock_timestamp() + make_interval(secs => $3),"
    " closings = $4, closings_max = $5, rows = $6 WHERE export_id = $1 AND worker = $2"
)
_GIVE_BACK = (
    "UPDATE export_job SET worker = NULL, worker_until = NULL WHERE export_id = $1 AND worker = $2"
)
_FAIL = (
    "UPDATE export_job SET state = 'failed', failure = $3, detail = $4"
    " WHERE export_id = $1 AND worker = $2 AND state = 'waiting'"
)


class PostgresJobs:
    """See `fiscal_signer.handlers.exports.Jobs`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def take(self, worker: str, *, lease_s: float) -> str | None:
        found: str | None = await self._value(_TAKE, worker, lease_s)
        return found

    async def renew(self, export_id: str, worker: str, far: Far, *, lease_s: float) -> None:
        await self._value(
            _RENEW, export_id, worker, lease_s, far.closings, far.closings_max, far.rows
        )

    async def give_back(self, export_id: str, worker: str) -> None:
        await self._value(_GIVE_BACK, export_id, worker)

    async def fail(self, export_id: str, worker: str, code: str, detail: str) -> None:
        await self._value(_FAIL, export_id, worker, code, detail)

    async def _value(self, query: str, *arguments: object) -> Any:
        async with faults(), raw(self._engine) as connection:
            return await connection.fetchval(query, *arguments)
