"""Codes that wait for their print: sealed with AES-256-GCM, one row each."""

from __future__ import annotations

from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from events.store.connection import faults, reading
from kassenverbund.kit.secrets import Secrets
from voucher.codes import RandomBytes

NONCE_BYTES = 12
PURGE_ROWS_MAX = 1_000

_KEEP = text(
    "INSERT INTO delivery (voucher_id, key_id, nonce, sealed, kept_until)"
    " VALUES (:voucher_id, :key_id, :nonce, :sealed, :until) ON CONFLICT (voucher_id) DO NOTHING"
)
_READ = text("SELECT key_id, nonce, sealed FROM delivery WHERE voucher_id = :voucher_id")
_UNTIL = text(
    "UPDATE delivery SET kept_until = greatest(kept_until, :until)"
    " WHERE voucher_id = :voucher_id RETURNING voucher_id"
)
_WIPE = text("DELETE FROM delivery WHERE voucher_id = :voucher_id")
_PRINTED = text(
    "DELETE FROM delivery WHERE voucher_id = :voucher_id AND NOT EXISTS (SELECT FROM mail_outbox m"
    " WHERE m.voucher_id = delivery.voucher_id AND m.state = 'waiting')"
)
_PURGE = text(
    "DELETE FROM delivery WHERE voucher_id IN"
    " (SELECT voucher_id FROM delivery WHERE kept_until <= :now LIMIT :rows_max)"
)


class CodeUnreadable(RuntimeError):
    """A row was sealed with another root key, or was changed. Not a caller's mistake."""


class PostgresDeliveries:
    """See `voucher.ports.Deliveries`. The voucher's id is authenticated with its code, so that no
    row can be passed off as another's."""

    def __init__(self, engine: AsyncEngine, secrets: Secrets, random_bytes: RandomBytes) -> None:
        self._engine = engine
        self._cipher = AESGCM(secrets.key("voucher.delivery"))
        self._key_id = secrets.key_id
        self._random_bytes = random_bytes

    async def keep(self, voucher_id: str, code: str, *, until: datetime) -> str:
        nonce = self._random_bytes(NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, code.encode(), voucher_id.encode())
        async with faults(), self._engine.begin() as tx:
            await tx.execute(
                _KEEP,
                {
                    "voucher_id": voucher_id,
                    "key_id": self._key_id,
                    "nonce": nonce,
                    "sealed": sealed,
                    "until": until,
                },
            )
            # A statement of its own: it sees the row of a request that was faster.
            row = (await tx.execute(_READ, {"voucher_id": voucher_id})).one()
        return self._opened(voucher_id, row.key_id, row.nonce, row.sealed)

    async def read(self, voucher_id: str) -> str | None:
        async with faults(), reading(self._engine) as connection:
            row = (await connection.execute(_READ, {"voucher_id": voucher_id})).one_or_none()
        if row is None:
            return None
        return self._opened(voucher_id, row.key_id, row.nonce, row.sealed)

    async def keep_until(self, voucher_id: str, until: datetime) -> bool:
        async with faults(), self._engine.begin() as tx:
            kept = await tx.scalar(_UNTIL, {"voucher_id": voucher_id, "until": until})
        return kept is not None

    async def printed(self, voucher_id: str) -> None:
        async with faults(), self._engine.begin() as tx:
            await tx.execute(_PRINTED, {"voucher_id": voucher_id})

    async def wipe(self, voucher_id: str) -> None:
        async with faults(), self._engine.begin() as tx:
            await tx.execute(_WIPE, {"voucher_id": voucher_id})

    async def purge(self, now: datetime) -> int:
        async with faults(), self._engine.begin() as tx:
            done = await tx.execute(_PURGE, {"now": now, "rows_max": PURGE_ROWS_MAX})
        return int(done.rowcount)

    def _opened(self, voucher_id: str, key_id: str, nonce: bytes, sealed: bytes) -> str:
        if key_id != self._key_id:
            raise CodeUnreadable(f"voucher {voucher_id}: sealed with key {key_id}")
        try:
            return self._cipher.decrypt(nonce, sealed, voucher_id.encode()).decode()
        except InvalidTag as fault:
            raise CodeUnreadable(f"voucher {voucher_id}: the row was changed") from fault
