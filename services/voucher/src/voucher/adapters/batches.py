"""Parts of batches, sealed with AES-256-GCM, and the list of batches that are not done."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from events.store.connection import faults, lock_number, reading
from kassenverbund.kit.secrets import Secrets
from voucher.codes import RandomBytes

NONCE_BYTES = 12
PURGE_PARTS_MAX = 1_000

OPEN_MAX = 100
"""Batches that one round looks after; the rest wait for the next."""

_KEEP = text(
    "INSERT INTO batch_part (batch_id, part, key_id, nonce, sealed, kept_until)"
    " VALUES (:batch_id, :part, :key_id, :nonce, :sealed, :until)"
    " ON CONFLICT (batch_id, part) DO NOTHING"
)
_READ = text(
    "SELECT key_id, nonce, sealed FROM batch_part WHERE batch_id = :batch_id AND part = :part"
)
_WIPE = text("DELETE FROM batch_part WHERE batch_id = :batch_id AND part = :part")
_WIPE_ALL = text("DELETE FROM batch_part WHERE batch_id = :batch_id")
_PURGE = text(
    "DELETE FROM batch_part WHERE (batch_id, part) IN"
    " (SELECT batch_id, part FROM batch_part WHERE kept_until <= :now LIMIT :rows_max)"
)
_ADD = text(
    "INSERT INTO batch_work (batch_id, since) VALUES (:batch_id, :now)"
    " ON CONFLICT (batch_id) DO NOTHING"
)
_OPEN = text("SELECT batch_id, since FROM batch_work ORDER BY since, batch_id LIMIT :rows_max")
_DONE = text("DELETE FROM batch_work WHERE batch_id = :batch_id")


class PartUnreadable(RuntimeError):
    """A row was sealed with another root key, or was changed. Not a caller's mistake."""


class PostgresBatchParts:
    """See `voucher.ports.BatchParts`. A part is authenticated with its batch and its number, so
    that no row can be passed off as another's."""

    def __init__(self, engine: AsyncEngine, secrets: Secrets, random_bytes: RandomBytes) -> None:
        self._engine = engine
        self._cipher = AESGCM(secrets.key("voucher.batch"))
        self._key_id = secrets.key_id
        self._random_bytes = random_bytes

    async def keep(self, batch_id: str, part: int, content: bytes, *, until: datetime) -> bytes:
        nonce = self._random_bytes(NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, content, _name(batch_id, part))
        place = {"batch_id": batch_id, "part": part}
        async with faults(), self._engine.begin() as tx:
            await tx.execute(
                _KEEP,
                {
                    **place,
                    "key_id": self._key_id,
                    "nonce": nonce,
                    "sealed": sealed,
                    "until": until,
                },
            )
            # A statement of its own: it sees the row of a process that was faster.
            row = (await tx.execute(_READ, place)).one()
        return self._opened(batch_id, part, row.key_id, row.nonce, row.sealed)

    async def read(self, batch_id: str, part: int) -> bytes | None:
        async with faults(), reading(self._engine) as connection:
            found = await connection.execute(_READ, {"batch_id": batch_id, "part": part})
            row = found.one_or_none()
        if row is None:
            return None
        return self._opened(batch_id, part, row.key_id, row.nonce, row.sealed)

    async def wipe(self, batch_id: str, part: int | None = None) -> None:
        async with faults(), self._engine.begin() as tx:
            if part is None:
                await tx.execute(_WIPE_ALL, {"batch_id": batch_id})
            else:
                await tx.execute(_WIPE, {"batch_id": batch_id, "part": part})

    async def purge(self, now: datetime) -> int:
        async with faults(), self._engine.begin() as tx:
            done = await tx.execute(_PURGE, {"now": now, "rows_max": PURGE_PARTS_MAX})
        return int(done.rowcount)

    def _opened(self, batch_id: str, part: int, key_id: str, nonce: bytes, sealed: bytes) -> bytes:
        if key_id != self._key_id:
            raise PartUnreadable(f"batch {batch_id}: sealed with key {key_id}")
        try:
            return self._cipher.decrypt(nonce, sealed, _name(batch_id, part))
        except InvalidTag as fault:
            raise PartUnreadable(f"batch {batch_id}: part {part} was changed") from fault


class PostgresBatchWork:
    """See `voucher.ports.BatchWork`. A turn is an advisory lock: it ends with its process."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, batch_id: str, now: datetime) -> None:
        async with faults(), self._engine.begin() as tx:
            await tx.execute(_ADD, {"batch_id": batch_id, "now": now})

    async def open(self) -> Sequence[tuple[str, datetime]]:
        async with faults(), reading(self._engine) as connection:
            rows = await connection.execute(_OPEN, {"rows_max": OPEN_MAX})
            return [(row.batch_id, row.since) for row in rows]

    async def done(self, batch_id: str) -> None:
        async with faults(), self._engine.begin() as tx:
            await tx.execute(_DONE, {"batch_id": batch_id})

    @asynccontextmanager
    async def turn(self, batch_id: str) -> AsyncIterator[bool]:
        number = {"number": lock_number(f"voucher.batch {batch_id}")}
        async with faults(), reading(self._engine) as connection:
            ours = await connection.scalar(text("SELECT pg_try_advisory_lock(:number)"), number)
            try:
                yield bool(ours)
            finally:
                if ours:
                    await connection.execute(text("SELECT pg_advisory_unlock(:number)"), number)


def _name(batch_id: str, part: int) -> bytes:
    return f"{batch_id}/{part}".encode()
