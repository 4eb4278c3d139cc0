"""Counters that protect pairing, in PostgreSQL, so that replicas do not multiply them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Column, DateTime, Integer, MetaData, Table, Text, delete, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

TRIES_PER_SOURCE_MAX = 5
SOURCE_WINDOW_S = 60
TRIES_PER_STORE_MAX = 20
STORE_WINDOW_S = 3600
"""20 wrong tries an hour against 20**8 codes that live ten minutes."""
KEPT_S = 7200

TRY = Table(
    "pairing_try",
    MetaData(),
    Column("bucket", Text, primary_key=True),
    Column("window_start", DateTime(timezone=True), primary_key=True),
    Column("tries", Integer, nullable=False),
)


class PostgresPairingTries:
    """Fixed windows per source and per store; a right try is taken off again."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def admit(self, *, store_id: str, source: str, now: datetime) -> float | None:
        async with self._engine.begin() as tx:
            await tx.execute(
                delete(TRY).where(TRY.c.window_start < now - timedelta(seconds=KEPT_S))
            )
            for bucket, window_s, tries_max in _buckets(store_id, source):
                start = _window(now, window_s)
                if await _count(tx, bucket, start) > tries_max:
                    return (start + timedelta(seconds=window_s) - now).total_seconds()
        return None

    async def succeeded(self, *, store_id: str, source: str, now: datetime) -> None:
        async with self._engine.begin() as tx:
            for bucket, window_s, _ in _buckets(store_id, source):
                await tx.execute(
                    update(TRY)
                    .where(TRY.c.bucket == bucket, TRY.c.window_start == _window(now, window_s))
                    .values(tries=TRY.c.tries - 1)
                )


def _buckets(store_id: str, source: str) -> tuple[tuple[str, int, int], ...]:
    return (
        (f"source/{store_id}/{source}", SOURCE_WINDOW_S, TRIES_PER_SOURCE_MAX),
        (f"store/{store_id}", STORE_WINDOW_S, TRIES_PER_STORE_MAX),
    )


def _window(now: datetime, window_s: int) -> datetime:
    return datetime.fromtimestamp(int(now.timestamp()) // window_s * window_s, tz=UTC)


async def _count(tx: AsyncConnection, bucket: str, start: datetime) -> int:
    counted = (
        insert(TRY)
        .values(bucket=bucket, window_start=start, tries=1)
        .on_conflict_do_update(
            index_elements=[TRY.c.bucket, TRY.c.window_start], set_={"tries": TRY.c.tries + 1}
        )
        .returning(TRY.c.tries)
    )
    tries: int = (await tx.execute(counted)).scalar_one()
    return tries
