"""When a till was last there. Noted in memory with each request, written now and then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Column, DateTime, MetaData, Table, Text, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from events import Transient
from events.store.connection import faults

WRITE_EVERY_S = 30.0

SEEN = Table(
    "till_seen",
    MetaData(),
    Column("till_id", Text, primary_key=True),
    Column("seen_at", DateTime(timezone=True), nullable=False),
)

_log = logging.getLogger("device_gateway.tills")


class PostgresTillSeen:
    """`seen`: what this process has noted (`TillTokens.seen`)."""

    def __init__(self, engine: AsyncEngine, seen: Mapping[str, datetime]) -> None:
        self._engine = engine
        self._seen = seen
        self._written: dict[str, datetime] = {}

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            try:
                await self.write()
            except Transient as away:
                _log.warning("when tills were seen is not written: %s", away)

    async def write(self) -> None:
        """What is new. Raises `Transient`."""
        news = {
            till_id: at for till_id, at in self._seen.items() if self._written.get(till_id) != at
        }
        if not news:
            return
        rows = [{"till_id": till_id, "seen_at": at} for till_id, at in sorted(news.items())]
        put = insert(SEEN).values(rows)
        newest = func.greatest(SEEN.c.seen_at, put.excluded.seen_at)
        async with faults(), self._engine.begin() as tx:
            await tx.execute(
                put.on_conflict_do_update(index_elements=[SEEN.c.till_id], set_={"seen_at": newest})
            )
        self._written |= news

    async def all(self) -> Mapping[str, datetime]:
        """Till → when any process has seen it; its own notes are newest. Raises `Transient`."""
        async with faults(), self._engine.connect() as connection:
            found = {row.till_id: row.seen_at for row in await connection.execute(select(SEEN))}
        return found | dict(self._seen)
