"""Vouchers that wait to be mailed: address and greeting sealed with AES-256-GCM, one row each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from events.store.connection import faults, reading
from kassenverbund.kit.secrets import Secrets
from voucher.adapters.deliveries import NONCE_BYTES, CodeUnreadable
from voucher.codes import RandomBytes
from voucher.ports import MailOrder, MailRow, MailState

_ORDER = text(
    """
    INSERT INTO mail_outbox AS m
        (voucher_id, key_id, nonce, sealed, state, next_at, asked_at, changed_at)
    VALUES (:voucher_id, :key_id, :nonce, :sealed, 'waiting', :now, :now, :now)
    ON CONFLICT (voucher_id) DO UPDATE SET key_id = excluded.key_id, nonce = excluded.nonce,
        sealed = excluded.sealed, state = 'waiting', tries = 0, reason = NULL,
        next_at = excluded.next_at, changed_at = excluded.changed_at
    WHERE m.state <> 'sent'
    RETURNING state
    """
)
_DUE = text(
    """
    UPDATE mail_outbox SET next_at = :again, tries = tries + 1
    WHERE voucher_id IN (
        SELECT voucher_id FROM mail_outbox WHERE state = 'waiting' AND next_at <= :now
        ORDER BY next_at LIMIT :rows_max FOR UPDATE SKIP LOCKED)
    RETURNING voucher_id, key_id, nonce, sealed, tries, asked_at
    """
)
_LATER = text(
    "UPDATE mail_outbox SET next_at = :at, tries = :tries, reason = :reason, changed_at = :now"
    " WHERE voucher_id = :voucher_id AND state = 'waiting'"
)
_END = text(
    "UPDATE mail_outbox SET state = :state, reason = :reason, key_id = NULL, nonce = NULL,"
    " sealed = NULL, changed_at = :now WHERE voucher_id = :voucher_id"
)
_ROWS = text(
    "SELECT voucher_id, state, tries, reason, asked_at, changed_at FROM mail_outbox"
    " WHERE (CAST(:state AS text) IS NULL OR state = :state) AND voucher_id > :after"
    " ORDER BY voucher_id LIMIT :rows_max"
)


class PostgresMailOutbox:
    """See `voucher.ports.MailOutbox`."""

    def __init__(self, engine: AsyncEngine, secrets: Secrets, random_bytes: RandomBytes) -> None:
        self._engine = engine
        self._cipher = AESGCM(secrets.key("voucher.mail"))
        self._key_id = secrets.key_id
        self._random_bytes = random_bytes

    async def order(self, order: MailOrder, now: datetime) -> bool:
        nonce = self._random_bytes(NONCE_BYTES)
        content = order.model_dump_json(exclude={"voucher_id", "asked_at", "tries"}).encode()
        async with faults(), self._engine.begin() as tx:
            state = await tx.scalar(
                _ORDER,
                {
                    "voucher_id": order.voucher_id,
                    "key_id": self._key_id,
                    "nonce": nonce,
                    "sealed": self._cipher.encrypt(nonce, content, order.voucher_id.encode()),
                    "now": now,
                },
            )
        return state is not None

    async def due(
        self, now: datetime, *, again_in: timedelta, rows_max: int
    ) -> Sequence[MailOrder]:
        async with faults(), self._engine.begin() as tx:
            rows = await tx.execute(
                _DUE, {"now": now, "again": now + again_in, "rows_max": rows_max}
            )
            return [self._opened(row) for row in rows]

    async def later(
        self, voucher_id: str, at: datetime, *, tries: int, reason: str, now: datetime
    ) -> None:
        values = {"voucher_id": voucher_id, "at": at, "tries": tries, "reason": reason, "now": now}
        async with faults(), self._engine.begin() as tx:
            await tx.execute(_LATER, values)

    async def end(
        self, voucher_id: str, state: MailState, *, reason: str | None, now: datetime
    ) -> None:
        values = {"voucher_id": voucher_id, "state": state, "reason": reason, "now": now}
        async with faults(), self._engine.begin() as tx:
            await tx.execute(_END, values)

    async def rows(
        self, *, state: MailState | None, after: str, rows_max: int
    ) -> Sequence[MailRow]:
        async with faults(), reading(self._engine) as connection:
            found = await connection.execute(
                _ROWS, {"state": state, "after": after, "rows_max": rows_max}
            )
            return [MailRow.model_validate(row, from_attributes=True) for row in found]

    def _opened(self, row: Any) -> MailOrder:
        voucher_id: str = row.voucher_id
        if row.key_id != self._key_id:
            raise CodeUnreadable(f"mail of voucher {voucher_id}: sealed with another key")
        try:
            content = self._cipher.decrypt(row.nonce, row.sealed, voucher_id.encode())
        except InvalidTag as fault:
            raise CodeUnreadable(f"mail of voucher {voucher_id}: the row was changed") from fault
        order = MailOrder.model_validate_json(content)
        return order.model_copy(
            update={"voucher_id": voucher_id, "tries": row.tries, "asked_at": row.asked_at}
        )
