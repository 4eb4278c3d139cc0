"""Wrong codes, counted in PostgreSQL so that replicas do not multiply what an attacker may try.

Right codes must not pay for this: who is locked out is read once a second for the whole process.
A wrong code is always counted at once, and its source is locked here at once; another replica
learns of it within `LOCKS_SEEN_WITHIN`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from events.store.connection import faults, reading

WINDOW = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Guard:
    """How narrowly one family of codes is watched."""

    name: str
    """Part of the counters' keys: families do not lock each other."""
    wrong_max: int
    """Wrong codes of one source within `WINDOW`; the last of them locks it."""
    locked_for: timedelta
    wrong_per_hour_max: int
    """Wrong codes of all sources together. Once they are spent, a source that was wrong within
    this hour waits for the next one; sources that were not go on, so a shop can still take
    vouchers."""


OWN = Guard(name="own", wrong_max=5, locked_for=timedelta(minutes=5), wrong_per_hour_max=1_000)
"""Our own codes. With 70 random bits and 100,000 live vouchers, ten years at this rate hit one with
p < 1e-8."""

WEAK = Guard(name="weak", wrong_max=2, locked_for=timedelta(minutes=30), wrong_per_hour_max=60)
"""Short codes of other systems. Six digits among 1,000 live ones are hit once in 1,000 guesses: all
tills together need most of a day for that, one alone ten days. That is why a short code is replaced
by one of ours at its first use."""

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
    "INSERT INTO attempt_budget AS b (guard, hour, wrong) VALUES (:guard, :hour, 1)"
    " ON CONFLICT (guard, hour) DO UPDATE SET wrong = b.wrong + 1 RETURNING wrong"
)
_SOURCES = text(
    "SELECT source, last_at, locked_until FROM attempt WHERE starts_with(source, :family)"
    " AND (last_at >= :hour OR locked_until > :now) ORDER BY last_at DESC LIMIT :rows_max"
)
_SPENT = text("SELECT wrong FROM attempt_budget WHERE guard = :guard AND hour = :hour")
_PURGE = text(
    "DELETE FROM attempt WHERE last_at < :before AND coalesce(locked_until, last_at) < :before"
)
_PURGE_BUDGET = text("DELETE FROM attempt_budget WHERE hour < :before")


class PostgresAttempts:
    """See `voucher.ports.Attempts`."""

    def __init__(self, engine: AsyncEngine, guard: Guard = OWN) -> None:
        self._engine = engine
        self._guard = guard
        self._family = f"{guard.name}/"
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
        source = self._family + source
        hour = _hour(now)
        until = self._locked.get(source, now)
        if (
            self._spent >= self._guard.wrong_per_hour_max
            and self._suspects.get(source, hour) > hour
        ):
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
                    _SOURCES,
                    {
                        "family": self._family,
                        "hour": hour,
                        "now": now,
                        "rows_max": SOURCES_MAX,
                    },
                )
                sources = rows.all()
                spent = await connection.scalar(_SPENT, {"guard": self._guard.name, "hour": hour})
            self._locked = {row.source: row.locked_until for row in sources if row.locked_until}
            self._suspects = {row.source: row.last_at for row in sources}
            self._spent = spent or 0
            self._seen_at = now

    async def wrong(self, source: str, now: datetime) -> int:
        counted = self._family + source
        async with faults(), self._engine.begin() as tx:
            locked_until = await tx.scalar(
                _WRONG,
                {
                    "source": counted,
                    "now": now,
                    "floor": now - WINDOW,
                    "wrong_max": self._guard.wrong_max,
                    "locked_until": now + self._guard.locked_for,
                },
            )
            spent = await tx.scalar(_BUDGET, {"guard": self._guard.name, "hour": _hour(now)})
        if locked_until is not None:
            self._locked[counted] = locked_until
        self._suspects[counted] = now
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
