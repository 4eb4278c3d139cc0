"""How far a reader of a log has come (the relay, mostly; projections move theirs themselves)."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from events.store.connection import checked_name, faults, raw


class Advance(Enum):
    """What came of moving a checkpoint."""

    MOVED = "moved"
    ALREADY = "already"
    """It stands there or further on: somebody else has done this work, or our answer was lost."""
    ELSEWHERE = "elsewhere"
    """It stands before `to`, but not where we thought. Load it and go on from there."""


class Checkpoints(Protocol):
    """Named positions in one service's log. Raises `Transient` where the database is away."""

    async def load(self, name: str) -> int:
        """The last position that is done; 0 for a name that was never moved."""
        ...

    async def advance(self, name: str, expected: int, to: int) -> Advance:
        """Compare and set: from exactly `expected` to `to`, durable before it returns."""
        ...


def verdict(found: int, expected: int, to: int) -> Advance:
    """What `advance` answers where the checkpoint stands at `found`."""
    if not 0 <= expected <= to:
        raise ValueError(f"a checkpoint moves forward, not from {expected} to {to}")
    if found >= to:
        return Advance.ALREADY
    return Advance.MOVED if found == expected else Advance.ELSEWHERE


class PostgresCheckpoints:
    """`Checkpoints` in the table `checkpoint` of a service's schema."""

    def __init__(self, engine: AsyncEngine, *, schema: str) -> None:
        self._engine = engine
        self._table = f"{checked_name(schema)}.checkpoint"
        self._load = f"SELECT position FROM {self._table} WHERE subscription = $1"  # noqa: S608 (checked name)
        self._move = (
            f"UPDATE {self._table} SET position = $3, moved_at = now()"  # noqa: S608 (checked name)
            " WHERE subscription = $1 AND position = $2 AND $3 > $2"
        )

    async def load(self, name: str) -> int:
        async with faults(), raw(self._engine) as connection:
            found = await connection.fetchval(self._load, name)
        return int(found or 0)

    async def advance(self, name: str, expected: int, to: int) -> Advance:
        verdict(expected, expected, to)  # Refuses a move backwards before anything is asked.
        async with faults(), raw(self._engine) as connection:
            # The usual case is one statement; whatever is unusual is sorted out below.
            moved = await connection.execute(self._move, name, expected, to)
        if moved == "UPDATE 1":
            return Advance.MOVED
        return await self._advance_with_care(name, expected, to)

    async def _advance_with_care(self, name: str, expected: int, to: int) -> Advance:
        async with faults(), self._engine.begin() as tx:
            # A lock needs a row.
            await tx.execute(
                text(
                    f"INSERT INTO {self._table} (subscription, position) VALUES (:name, 0)"  # noqa: S608 (checked name)
                    " ON CONFLICT DO NOTHING"
                ),
                {"name": name},
            )
            found = await tx.scalar(
                text(f"SELECT position FROM {self._table} WHERE subscription = :name FOR UPDATE"),  # noqa: S608 (checked name)
                {"name": name},
            )
            assert found is not None  # Rows of this table are never deleted.
            outcome = verdict(found, expected, to)
            if outcome is Advance.MOVED:
                await tx.execute(
                    text(
                        f"UPDATE {self._table} SET position = :to, moved_at = now()"  # noqa: S608 (checked name)
                        " WHERE subscription = :name"
                    ),
                    {"name": name, "to": to},
                )
        return outcome
