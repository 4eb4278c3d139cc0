"""Dead letters: what a receiver could not handle, kept in order until somebody decides.

The table lives in the service's schema (`migrations/0002_dead_letters.sql`), so it survives a
restart and is seen by every replica.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from events.bus.contract import Record
from events.errors import DomainError
from events.store.connection import checked_name, faults, raw, reading

LIST_MAX = 200
"""How many letters one page of a list holds at most."""

REASON_CHARS_MAX = 2_000


class LetterUnknown(DomainError):
    """It was handled or discarded meanwhile, or never was."""

    code = "dead_letter.unknown"
    status = 404
    title = "There is no such dead letter"


class LaneBusy(DomainError):
    """Somebody else is retrying the same lane."""

    code = "dead_letter.busy"
    title = "This lane is being retried by somebody else"


@dataclass(frozen=True, slots=True)
class Letter:
    """One record that waits, with the reason."""

    id: int
    """0 until it is parked."""
    reaction: str
    topic: str
    lane: str
    record: Record
    reason: str
    """Empty: nothing is known to be wrong with it, it waits behind another one."""
    attempts: int
    parked_at: datetime

    @property
    def event_id(self) -> str:
        return self.record.headers.get("ce_id", "")

    @property
    def event_type(self) -> str:
        return self.record.headers.get("ce_type", "")

    @property
    def trace_id(self) -> str:
        """Of the request that led to the record; empty if it was not traced."""
        parts = self.record.headers.get("traceparent", "").split("-")
        return parts[1] if len(parts) == 4 else ""

    @property
    def fingerprint(self) -> bytes:
        digest = hashlib.sha256()
        for part in (self.event_id.encode(), self.record.key.encode(), self.record.value):
            digest.update(len(part).to_bytes(4, "big") + part)
        return digest.digest()


class Handling(Protocol):
    """The oldest letter of a lane, held against others who retry."""

    letter: Letter

    async def done(self) -> None:
        """It was handled: take it away."""
        ...

    async def failed(self, reason: str) -> None:
        """It was tried once more, in vain."""
        ...


class DeadLetters(Protocol):
    """Raises `Transient` where the database is away."""

    async def parked(self, reaction: str) -> frozenset[str]:
        """The lanes of a reaction in which a letter waits."""
        ...

    async def park(self, letter: Letter, *, behind: bool) -> bool:
        """Put a letter last in its lane. Parking the same record twice parks it once.

        With `behind` only if the lane is still parked: False says that it no longer is, and the
        record has to be handled.
        """
        ...

    async def list(
        self, *, reaction: str = "", after: int = 0, letters_max: int = LIST_MAX
    ) -> list[Letter]:
        """Letters by number, of one reaction or (empty) of all."""
        ...

    async def show(self, letter_id: int) -> Letter:
        """Raises `LetterUnknown`."""
        ...

    def oldest(self, reaction: str, lane: str) -> AbstractAsyncContextManager[Handling | None]:
        """Hold the oldest letter of a lane; None where there is none. Raises `LaneBusy`."""
        ...

    async def remove(self, letter_id: int) -> None:
        """Take a letter away whose discard was recorded."""
        ...

    async def count(self) -> int: ...


def readable(fault: BaseException) -> str:
    """A reason for people: class and message, bounded, without control characters."""
    message = f"{type(fault).__name__}: {fault}"
    return "".join(c if c == "\n" or c >= " " else "?" for c in message)[:REASON_CHARS_MAX]


class PostgresDeadLetters:
    """`DeadLetters` in a service's schema."""

    def __init__(self, engine: AsyncEngine, *, schema: str) -> None:
        self._engine = engine
        self._table = f"{checked_name(schema)}.dead_letter"
        self._parked = f"SELECT DISTINCT lane FROM {self._table} WHERE reaction = $1"  # noqa: S608 (checked name)

    async def parked(self, reaction: str) -> frozenset[str]:
        async with faults(), raw(self._engine) as connection:
            rows = await connection.fetch(self._parked, reaction)
        return frozenset(row["lane"] for row in rows)

    async def park(self, letter: Letter, *, behind: bool) -> bool:
        # A retry holds the letter that it works on: wait for it, and see whether the lane is free.
        condition = (
            "WHERE EXISTS (SELECT 1 FROM {table} WHERE reaction = :reaction AND lane = :lane"
            " FOR SHARE)"
            if behind
            else ""
        )
        async with faults(), self._engine.begin() as tx:
            stored = await tx.execute(
                self._sql(
                    "INSERT INTO {table}"
                    " (reaction, topic, lane, fingerprint, key, headers, value, reason, attempts)"
                    " SELECT :reaction, :topic, :lane, :fingerprint, :key,"
                    "  CAST(:headers AS json), :value, :reason, :attempts "
                    + condition
                    + " ON CONFLICT (reaction, lane, fingerprint) DO NOTHING"
                ),
                {
                    "reaction": letter.reaction,
                    "topic": letter.topic,
                    "lane": letter.lane,
                    "fingerprint": letter.fingerprint,
                    "key": letter.record.key,
                    "headers": json.dumps(dict(letter.record.headers)),
                    "value": letter.record.value,
                    "reason": letter.reason,
                    "attempts": letter.attempts,
                },
            )
            if stored.rowcount or not behind:
                return True
            # Nothing was stored: because it is there already, or because the lane is free?
            return bool(
                await tx.scalar(
                    self._sql(
                        "SELECT 1 FROM {table} WHERE reaction = :reaction AND lane = :lane"
                        " AND fingerprint = :fingerprint"
                    ),
                    {
                        "reaction": letter.reaction,
                        "lane": letter.lane,
                        "fingerprint": letter.fingerprint,
                    },
                )
            )

    async def list(
        self, *, reaction: str = "", after: int = 0, letters_max: int = LIST_MAX
    ) -> list[Letter]:
        async with faults(), reading(self._engine) as connection:
            rows = await connection.execute(
                self._sql(
                    "SELECT * FROM {table} WHERE id > :after"
                    " AND (:reaction = '' OR reaction = :reaction) ORDER BY id LIMIT :letters_max"
                ),
                {
                    "reaction": reaction,
                    "after": after,
                    "letters_max": min(letters_max, LIST_MAX),
                },
            )
            return [_letter(row) for row in rows.mappings()]

    async def show(self, letter_id: int) -> Letter:
        async with faults(), reading(self._engine) as connection:
            rows = await connection.execute(
                self._sql("SELECT * FROM {table} WHERE id = :id"), {"id": letter_id}
            )
            row = rows.mappings().first()
        if row is None:
            raise LetterUnknown
        return _letter(row)

    @asynccontextmanager
    async def oldest(self, reaction: str, lane: str) -> AsyncIterator[Handling | None]:
        async with faults(), self._engine.begin() as tx:
            try:
                rows = await tx.execute(
                    self._sql(
                        "SELECT * FROM {table} WHERE reaction = :reaction AND lane = :lane"
                        " ORDER BY id LIMIT 1 FOR UPDATE NOWAIT"
                    ),
                    {"reaction": reaction, "lane": lane},
                )
            except DBAPIError as fault:
                if _is_locked(fault):
                    raise LaneBusy from fault
                raise
            row = rows.mappings().first()
            yield None if row is None else _PostgresHandling(tx, self._table, _letter(row))

    async def remove(self, letter_id: int) -> None:
        async with faults(), self._engine.begin() as tx:
            await tx.execute(self._sql("DELETE FROM {table} WHERE id = :id"), {"id": letter_id})

    async def count(self) -> int:
        async with faults(), reading(self._engine) as connection:
            found = await connection.scalar(self._sql("SELECT count(*) FROM {table}"))
        return int(found or 0)

    def _sql(self, statement: str) -> Any:
        return text(statement.replace("{table}", self._table))


class _PostgresHandling:
    def __init__(self, tx: AsyncConnection, table: str, letter: Letter) -> None:
        self.letter = letter
        self._tx = tx
        self._table = table

    async def done(self) -> None:
        await self._tx.execute(
            text(f"DELETE FROM {self._table} WHERE id = :id"),  # noqa: S608 (checked name)
            {"id": self.letter.id},
        )

    async def failed(self, reason: str) -> None:
        await self._tx.execute(
            text(
                f"UPDATE {self._table} SET reason = :reason, attempts = attempts + 1"  # noqa: S608 (checked name)
                " WHERE id = :id"
            ),
            {"id": self.letter.id, "reason": reason},
        )


def _letter(row: Mapping[Any, Any]) -> Letter:
    return Letter(
        id=row["id"],
        reaction=row["reaction"],
        topic=row["topic"],
        lane=row["lane"],
        record=Record(row["key"], row["headers"], row["value"]),
        reason=row["reason"],
        attempts=row["attempts"],
        parked_at=row["parked_at"],
    )


def _is_locked(fault: DBAPIError) -> bool:
    cause: BaseException | None = fault
    while cause is not None:
        if isinstance(cause, asyncpg.LockNotAvailableError):
            return True
        cause = cause.__cause__
    return False


class MemoryDeadLetters:
    """`DeadLetters` in memory, for tests and simulations."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self._busy: set[tuple[str, str]] = set()
        self._last = 0

    async def parked(self, reaction: str) -> frozenset[str]:
        return frozenset(letter.lane for letter in self.letters if letter.reaction == reaction)

    async def park(self, letter: Letter, *, behind: bool) -> bool:
        lane = [
            other
            for other in self.letters
            if (other.reaction, other.lane) == (letter.reaction, letter.lane)
        ]
        if behind and not lane:
            return False
        if all(other.fingerprint != letter.fingerprint for other in lane):
            self._last += 1
            self.letters.append(replace(letter, id=self._last))
        return True

    async def list(
        self, *, reaction: str = "", after: int = 0, letters_max: int = LIST_MAX
    ) -> list[Letter]:
        return [
            letter
            for letter in self.letters
            if letter.id > after and reaction in ("", letter.reaction)
        ][: min(letters_max, LIST_MAX)]

    async def show(self, letter_id: int) -> Letter:
        for letter in self.letters:
            if letter.id == letter_id:
                return letter
        raise LetterUnknown

    @asynccontextmanager
    async def oldest(self, reaction: str, lane: str) -> AsyncIterator[Handling | None]:
        if (reaction, lane) in self._busy:
            raise LaneBusy
        self._busy.add((reaction, lane))
        try:
            for letter in self.letters:
                if (letter.reaction, letter.lane) == (reaction, lane):
                    yield _MemoryHandling(self, letter)
                    return
            yield None
        finally:
            self._busy.discard((reaction, lane))

    async def remove(self, letter_id: int) -> None:
        self.letters = [letter for letter in self.letters if letter.id != letter_id]

    async def count(self) -> int:
        return len(self.letters)


class _MemoryHandling:
    def __init__(self, letters: MemoryDeadLetters, letter: Letter) -> None:
        self.letter = letter
        self._letters = letters

    async def done(self) -> None:
        await self._letters.remove(self.letter.id)

    async def failed(self, reason: str) -> None:
        tried = replace(self.letter, reason=reason, attempts=self.letter.attempts + 1)
        self._letters.letters = [
            tried if letter.id == tried.id else letter for letter in self._letters.letters
        ]


def new_letter(
    *, reaction: str, topic: str, lane: str, record: Record, reason: str, attempts: int
) -> Letter:
    """A letter that is not parked yet."""
    return Letter(0, reaction, topic, lane, record, reason, attempts, datetime.now(UTC))
