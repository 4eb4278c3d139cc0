"""Wrong codes, counted in PostgreSQL so that replicas do not multiply what an attacker may try.

Right codes must not pay for this: who is locked out is read once a second for the whole process.
A wrong code is always counted at once, and its source is locked here at once; another replica
learns of it within `LOCKS_SEEN_WITHIN`.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from events.store.connection import faults, reading

WRONG_MAX = 5
"""Wrong codes of one source within `WINDOW`; the last of them locks it."""

WINDOW = timedelta(minutes=1)

LOCKED_FOR = timedelta(minutes=5)

WRONG_PER_HOUR_MAX = 1_000
"""Wrong codes of all sources together. Once they are spent, a source that was wrong within this
hour waits for the next one; sources that were not go on, so a shop can still take vouchers. With
70 random bits and 100,000 live vouchers, ten years at this rate hit one with p < 1e-8."""

LOCKS_SEEN_WITHIN = timedelta(seconds=1)

SOURCES_MAX = 10_000
"""Sources that are read at once, the latest first."""

PURGE_AFTER = timedelta(hours=2)

_WRONG = text(
    """
    INSERT INTO attempt AS a (source, since, wrong, last_at) VALUES (:source, :now, 1, :now)
    ON CONFLICT (source) DO UPDATE SET
        since = CASE WHEN a.since > :floor THEN a.since ELSE excluded.since END,
        wrong = CASE WHEN a.since > :floor THEN a.wrong + 1 ELSE 1 END,
        last_at = excluded.last_at,
        locked_until = CASE WHEN a.since > :floor AND a.wrong + 1 >= :wrong_max
                            THEN :locked_until ELSE a.locked_until END
    RETURNING locked_until
    """
)
_BUDGET = text(
    "INSERT INTO attempt_budget AS b (hour, wrong) VALUES (:hour, 1)"
    " ON CONFLICT (hour) DO UPDATE SET wrong = b.wrong + 1 RETURNING wrong"
)
_SOURCES = text(
    "SELECT source, last_at, locked_until FROM attempt"
    " WHERE last_at >= :hour OR locked_until > :now ORDER BY last_at DESC LIMIT :rows_max"
)
_SPENT = text("SELECT wrong FROM attempt_budget WHERE hour = :hour")
_PURGE = text(
    "DELETE FROM attempt WHERE last_at < :before AND coalesce(locked_until, last_at) < :before"
)
_PURGE_BUDGET = text("DELETE FROM attempt_budget WHERE hour < :before")


class PostgresAttempts:
    """See `voucher.ports.Attempts`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._seen_at: datetime | None = None
        self._reading = asyncio.Lock()
        self._locked: dict[str, datetime] = {}
        self._suspects: dict[str, datetime] = {}
        self._spent = 0

    async def locked_s(self, source: str, now: datetime) -> int:
        seen_at = self._seen_at
        if seen_at is None or not seen_at <= now < seen_at + LOCKS_SEEN_WITHIN:
            await self._read(now)
        return self._wait_s(source, now)

    def _wait_s(self, source: str, now: datetime) -> int:
        hour = _hour(now)
        until = self._locked.get(source, now)
        if self._spent >= WRONG_PER_HOUR_MAX and self._suspects.get(source, hour) > hour:
            until = max(until, hour + timedelta(hours=1))
        return -int((now - until) // timedelta(seconds=1)) if until > now else 0

    async def _read(self, now: datetime) -> None:
        async with self._reading:
            if self._seen_at is not None and self._seen_at <= now < (
                self._seen_at + LOCKS_SEEN_WITHIN
            ):
                return  # Somebody else has read while we waited.
            hour = _hour(now)
            async with faults(), reading(self._engine) as connection:
                rows = await connection.execute(
                    _SOURCES, {"hour": hour, "now": now, "rows_max": SOURCES_MAX}
                )
                sources = rows.all()
                spent = await connection.scalar(_SPENT, {"hour": hour})
            self._locked = {row.source: row.locked_until for row in sources if row.locked_until}
            self._suspects = {row.source: row.last_at for row in sources}
            self._spent = spent or 0
            self._seen_at = now

    async def wrong(self, source: str, now: datetime) -> int:
        async with faults(), self._engine.begin() as tx:
            locked_until = await tx.scalar(
                _WRONG,
                {
                    "source": source,
                    "now": now,
                    "floor": now - WINDOW,
                    "wrong_max": WRONG_MAX,
                    "locked_until": now + LOCKED_FOR,
                },
            )
            spent = await tx.scalar(_BUDGET, {"hour": _hour(now)})
        if locked_until is not None:
            self._locked[source] = locked_until
        self._suspects[source] = now
        self._spent = spent or 0
        return self._wait_s(source, now)

    async def purge(self, now: datetime) -> int:
        before = now - PURGE_AFTER
        async with faults(), self._engine.begin() as tx:
            done = await tx.execute(_PURGE, {"before": before})
            await tx.execute(_PURGE_BUDGET, {"before": before})
        return int(done.rowcount)


def _hour(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0)
