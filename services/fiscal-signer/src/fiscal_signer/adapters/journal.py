"""The journal in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from events.store.connection import faults, raw
from fiscal_signer.policies.keeper import Kept

# One statement, one commit. The head's row is locked first; it gives a batch its positions. Those
# of entries that were there before stay unused.
_KEEP = (
    "WITH head AS (UPDATE journal_head SET position = position + $1"
    " RETURNING position - $1 AS before)"
    " INSERT INTO journal (position, event_id, name, version, source, stream, sequence,"
    " recorded_at, kind, store_id, till_id, booking_id, shift, number, business_date, data)"
    " SELECT head.before + entry.at, entry.event_id, entry.name, entry.version, entry.source,"
    " entry.stream, entry.sequence, entry.recorded_at, entry.kind, entry.store_id, entry.till_id,"
    " entry.booking_id, entry.shift, entry.number, entry.business_date, entry.data"
    " FROM head, unnest($2::uuid[], $3::text[], $4::int[], $5::text[], $6::text[], $7::int[],"
    " $8::timestamptz[], $9::text[], $10::text[], $11::text[], $12::text[], $13::int[],"
    " $14::bigint[], $15::date[], $16::text[]) WITH ORDINALITY"
    " AS entry(event_id, name, version, source, stream, sequence, recorded_at, kind, store_id,"
    " till_id, booking_id, shift, number, business_date, data, at)"
    " ON CONFLICT (event_id) DO NOTHING"
)
_EVENTS = (
    "SELECT name, data FROM journal WHERE kind IN ('rare', 'opening') AND store_id = $1"
    " AND name = ANY ($2) AND position <= $3 ORDER BY position"
)
_STORES = (
    "SELECT DISTINCT store_id FROM journal WHERE kind = 'rare' AND name = 'master_data.changed'"
    " AND position <= $1 ORDER BY store_id"
)
_HEAD = "SELECT position FROM journal_head"


class PostgresJournal:
    """See `fiscal_signer.policies.keeper.Journal`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def keep(self, entries: Sequence[Kept]) -> None:
        """Store all that are not there yet, in this order. Raises `Transient`."""
        if not entries:
            return
        records = [entry.incoming for entry in entries]
        columns = (
            [record.event_id for record in records],
            [record.name for record in records],
            [record.version for record in records],
            [record.source for record in records],
            [record.subject for record in records],
            [record.sequence for record in records],
            [record.time for record in records],
            [entry.kind for entry in entries],
            [entry.store_id for entry in entries],
            [entry.till_id for entry in entries],
            [entry.booking_id for entry in entries],
            [entry.shift for entry in entries],
            [entry.number for entry in entries],
            [entry.business_date for entry in entries],
            [record.data.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
             for record in records],
        )  # fmt: skip
        async with faults(), raw(self._engine) as connection:
            await connection.execute(_KEEP, len(entries), *columns)

    async def head(self) -> int:
        """The last position that was given. Raises `Transient`."""
        async with faults(), raw(self._engine) as connection:
            position: int = await connection.fetchval(_HEAD)
            return position

    async def stores(self, *, position: int) -> list[str]:
        """All stores that were declared up to a position. Raises `Transient`."""
        async with faults(), raw(self._engine) as connection:
            rows = await connection.fetch(_STORES, position)
        return [row["store_id"] for row in rows]

    async def events_of(
        self, store_id: str, names: Sequence[str], *, position: int
    ) -> list[tuple[str, dict[str, Any]]]:
        """(name, event) of a store up to a position, in order: of events that are looked for by
        name (`rare`: tills, TSEs, master data; `till.opened`). Raises `Transient`."""
        async with faults(), raw(self._engine) as connection:
            rows = await connection.fetch(_EVENTS, store_id, list(names), position)
        return [(row["name"], json.loads(row["data"])) for row in rows]
