"""Read models → answers. `store_id` None: the caller may see the whole chain."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from events.store.connection import reading

PAGE_MAX = 500

_WITH_UPKEEP = (
    "SELECT tse.*, to_jsonb(looked) - 'tse_id' - 'store_id' AS upkeep,"
    " (SELECT coalesce(jsonb_agg(to_jsonb(warned) - 'tse_id' - 'store_id'"
    " ORDER BY warned.stage DESC, warned.warning), '[]') FROM tse_warning AS warned"
    " WHERE warned.tse_id = tse.tse_id) AS warnings,"
    " (SELECT count(*) FROM tse_unread AS unread WHERE unread.tse_id = tse.tse_id) AS unread"
    " FROM tse_overview AS tse LEFT JOIN tse_check AS looked USING (tse_id)"
    " WHERE (CAST(:store_id AS text) IS NULL OR tse.store_id = :store_id)"
)
_TSES = text(f"{_WITH_UPKEEP} ORDER BY tse.tse_id")
_TSE = text(f"{_WITH_UPKEEP} AND tse.tse_id = :tse_id")
_UNREAD_SINCE = text("SELECT min(noticed_at) AS since FROM tse_unread WHERE tse_id = :tse_id")
_UNREAD = text(
    "SELECT signature_counter FROM tse_unread WHERE tse_id = :tse_id"
    " ORDER BY signature_counter LIMIT :items_max"
)
_WARNINGS = text("SELECT * FROM tse_warning ORDER BY tse_id, warning")
_BY_SERIAL = text("SELECT * FROM tse_overview WHERE serial = :serial ORDER BY tse_id LIMIT 1")
_OUT = text(
    "SELECT tse_id, store_id, outage_reason AS reason, outage_began_at AS since FROM tse_overview"
    " WHERE outage_id IS NOT NULL ORDER BY tse_id"
)
_VERDICT = text(
    "SELECT verdict, document FROM booking_verdict WHERE booking_id = :booking_id"
    " AND (CAST(:store_id AS text) IS NULL OR store_id = :store_id)"
)
_VERDICT_AT = text(
    "SELECT verdict, document FROM booking_verdict"
    " WHERE tse_id = :tse_id AND signature_counter = :counter"
)
_LOG = text(
    "SELECT signature_counter, purpose, booking_id, client_id, transaction_number, log_message"
    " FROM signature_log WHERE tse_id = :tse_id AND signature_counter > :after"
    " AND (CAST(:store_id AS text) IS NULL OR store_id = :store_id)"
    " ORDER BY signature_counter LIMIT :items_max"
)


class Queries:
    """Raises the driver's errors when the database is away."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def tses(self, store_id: str | None) -> list[dict[str, Any]]:
        """All TSEs, by id."""
        return await self._rows(_TSES, store_id=store_id)

    async def tse(self, tse_id: str, store_id: str | None) -> dict[str, Any] | None:
        found = await self._rows(_TSE, tse_id=tse_id, store_id=store_id)
        return found[0] if found else None

    async def tse_with_serial(self, serial: str) -> dict[str, Any] | None:
        """The TSE of this chain with a serial number (64 hex digits)."""
        found = await self._rows(_BY_SERIAL, serial=serial)
        return found[0] if found else None

    async def unread_since(self, tse_id: str) -> datetime | None:
        """Since when a log message stands in the device alone; None: none does."""
        found: datetime | None = (await self._rows(_UNREAD_SINCE, tse_id=tse_id))[0]["since"]
        return found

    async def unread(self, tse_id: str, items_max: int = PAGE_MAX) -> list[int]:
        """The counters of such log messages, the lowest first."""
        rows = await self._rows(_UNREAD, tse_id=tse_id, items_max=items_max)
        return [row["signature_counter"] for row in rows]

    async def warnings(self) -> list[dict[str, Any]]:
        """All warnings that have not ended."""
        return await self._rows(_WARNINGS)

    async def tses_out(self) -> list[str]:
        """The TSEs with an outage that has not ended."""
        return [row["tse_id"] for row in await self.outages()]

    async def outages(self) -> list[dict[str, Any]]:
        """The outages that have not ended."""
        return await self._rows(_OUT)

    async def verdict(self, booking_id: str, store_id: str | None) -> dict[str, Any] | None:
        """`{verdict, document}` of a booking; the document is the event."""
        found = await self._rows(_VERDICT, booking_id=booking_id, store_id=store_id)
        return found[0] if found else None

    async def verdict_at(self, tse_id: str, counter: int) -> dict[str, Any] | None:
        """The verdict that stands on one signature counter."""
        found = await self._rows(_VERDICT_AT, tse_id=tse_id, counter=counter)
        return found[0] if found else None

    async def signatures(
        self, tse_id: str, *, after: int, items_max: int, store_id: str | None
    ) -> list[dict[str, Any]]:
        """What a device signed, in counter order, above `after`."""
        assert 0 < items_max <= PAGE_MAX
        return await self._rows(
            _LOG, tse_id=tse_id, after=after, items_max=items_max, store_id=store_id
        )

    async def _rows(self, query: TextClause, **parameters: object) -> list[dict[str, Any]]:
        async with reading(self._engine) as connection:
            rows = await connection.execute(query, parameters)
            return [dict(row) for row in rows.mappings()]
