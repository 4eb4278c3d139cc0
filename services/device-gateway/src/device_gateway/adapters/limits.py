"""How often a till may do what floods others: in PostgreSQL, so replicas do not multiply it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Column, DateTime, Integer, MetaData, Table, Text, delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from device_gateway.handlers.limits import LIMITS, Limited

COUNT = Table(
    "act_count",
    MetaData(),
    Column("bucket", Text, primary_key=True),
    Column("window_start", DateTime(timezone=True), primary_key=True),
    Column("acts", Integer, nullable=False),
)

KEPT = timedelta(hours=2)


class PostgresActCounts:
    """Fixed windows. A bucket is a kind of act of a till, or of a store."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def wait_s(self, kind: Limited, *, store_id: str, till_id: str, now: datetime) -> float:
        async with self._engine.begin() as tx:
            await tx.execute(delete(COUNT).where(COUNT.c.window_start < now - KEPT))
            for limit in LIMITS[kind]:
                whose = f"{store_id}/{till_id}" if limit.per_till else store_id
                start = _window(now, limit.window_s)
                counted = (
                    insert(COUNT)
                    .values(bucket=f"{kind}/{limit.window_s}/{whose}", window_start=start, acts=1)
                    .on_conflict_do_update(
                        index_elements=[COUNT.c.bucket, COUNT.c.window_start],
                        set_={"acts": COUNT.c.acts + 1},
                    )
                    .returning(COUNT.c.acts)
                )
                if (await tx.execute(counted)).scalar_one() > limit.acts_max:
                    return (start + timedelta(seconds=limit.window_s) - now).total_seconds()
        return 0.0


def _window(now: datetime, window_s: int) -> datetime:
    return datetime.fromtimestamp(int(now.timestamp()) // window_s * window_s, tz=UTC)
