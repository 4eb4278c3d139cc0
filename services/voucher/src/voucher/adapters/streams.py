"""All vouchers of the log, some at a time, as of one position."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from itertools import groupby

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from events import Event, Registry
from events.store.connection import faults, reading

PAGE_STREAMS = 500

# `.` follows `-` in the collation of the log. The first version of a stream stands for all of it.
_STREAMS = text(
    "SELECT stream FROM event WHERE stream > :after AND stream < 'voucher.' AND version = 1"
    " AND position <= :head ORDER BY stream LIMIT :rows_max"
)
_EVENTS = text(
    "SELECT stream, type, schema_version, data::text AS data FROM event"
    " WHERE stream = ANY(:streams) AND position <= :head ORDER BY stream, version"
)


class PostgresVoucherStreams:
    """See `voucher.ports.VoucherStreams`."""

    def __init__(self, engine: AsyncEngine, registry: Registry) -> None:
        self._engine = engine
        self._registry = registry

    async def pages(self, *, head: int) -> AsyncIterator[Sequence[Sequence[Event]]]:
        after = "voucher-"
        while True:
            async with faults(), reading(self._engine) as connection:
                wanted = {"after": after, "head": head, "rows_max": PAGE_STREAMS}
                streams = [row.stream for row in await connection.execute(_STREAMS, wanted)]
                if not streams:
                    return
                rows = (await connection.execute(_EVENTS, {"streams": streams, "head": head})).all()
            yield [
                [
                    self._registry.decode(row.type, row.schema_version, row.data.encode())
                    for row in entries
                ]
                for _, entries in groupby(rows, key=lambda row: row.stream)
            ]
            after = streams[-1]
