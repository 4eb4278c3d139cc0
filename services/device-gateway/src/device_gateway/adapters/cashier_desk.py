"""Names and PINs of the people at the tills, and wrong tries, in PostgreSQL.

Names are kept out of the log so that they can be forgotten; tries are counted here so that
replicas do not multiply them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from device_gateway.ports import PinHash
from events.store.connection import reading

TRIES_MAX = 5
LOCKED_S = 300.0
"""After so many wrong tries at a till, nobody signs in there for so long."""
LISTED_MAX = 1_000

_KEEP = text(
    "INSERT INTO cashier_secret AS kept (cashier_id, version, name, store_ids, pin_salt, pin_hash)"
    " VALUES (:cashier_id, :version, :name, CAST(:store_ids AS text[]), :salt, :hashed)"
    " ON CONFLICT (cashier_id) DO UPDATE SET version = excluded.version, name = excluded.name,"
    " store_ids = excluded.store_ids, pin_salt = coalesce(excluded.pin_salt, kept.pin_salt),"
    " pin_hash = coalesce(excluded.pin_hash, kept.pin_hash)"
    " WHERE kept.version <= excluded.version"
)
_FORGET = text(
    "INSERT INTO cashier_secret AS kept (cashier_id, version) VALUES (:cashier_id, :version)"
    " ON CONFLICT (cashier_id) DO UPDATE SET version = excluded.version, name = NULL,"
    " store_ids = '{}', pin_salt = NULL, pin_hash = NULL WHERE kept.version <= excluded.version"
)
_PIN = text(
    "SELECT pin_salt, pin_hash FROM cashier_secret"
    " WHERE cashier_id = :cashier_id AND pin_hash IS NOT NULL"
)
_NAMES = text(
    "SELECT cashier_id, name FROM cashier_secret"
    " WHERE cashier_id = ANY(CAST(:cashier_ids AS text[])) AND name IS NOT NULL"
)
_IN_STORE = text(
    "SELECT cashier_id FROM cashier_secret WHERE name IS NOT NULL"
    " AND (store_ids = '{}' OR CAST(:store_id AS text) = ANY(store_ids))"
    " ORDER BY name, cashier_id LIMIT :listed_max"
)
# One statement: of tries that come at once, none slips past the limit.
_ADMIT = text(
    "INSERT INTO sign_in_try AS kept (till_id, tries, locked_until) VALUES (:till_id, 1, NULL)"
    " ON CONFLICT (till_id) DO UPDATE SET"
    " tries = CASE WHEN kept.locked_until > :now THEN kept.tries"
    "  WHEN kept.locked_until IS NOT NULL THEN 1 ELSE kept.tries + 1 END,"
    " locked_until = CASE WHEN kept.locked_until > :now THEN kept.locked_until"
    "  WHEN kept.locked_until IS NULL AND kept.tries + 1 > :tries_max THEN :until END"
    " RETURNING locked_until"
)
_RIGHT = text("DELETE FROM sign_in_try WHERE till_id = :till_id")


class PostgresCashierDesk:
    """See `ports/cashiers.py`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def keep(
        self,
        cashier_id: str,
        *,
        name: str,
        store_ids: Sequence[str],
        pin: PinHash | None,
        version: int,
    ) -> None:
        values = {
            "cashier_id": cashier_id,
            "version": version,
            "name": name,
            "store_ids": list(store_ids),
            "salt": None if pin is None else pin.salt,
            "hashed": None if pin is None else pin.hashed,
        }
        async with self._engine.begin() as tx:
            await tx.execute(_KEEP, values)

    async def forget(self, cashier_id: str, *, version: int) -> None:
        async with self._engine.begin() as tx:
            await tx.execute(_FORGET, {"cashier_id": cashier_id, "version": version})

    async def pin_of(self, cashier_id: str) -> PinHash | None:
        async with reading(self._engine) as connection:
            row = (await connection.execute(_PIN, {"cashier_id": cashier_id})).one_or_none()
        return None if row is None else PinHash(bytes(row.pin_salt), bytes(row.pin_hash))

    async def names_of(self, cashier_ids: Sequence[str]) -> Mapping[str, str]:
        async with reading(self._engine) as connection:
            rows = (await connection.execute(_NAMES, {"cashier_ids": list(cashier_ids)})).all()
        return {row.cashier_id: row.name for row in rows}

    async def in_store(self, store_id: str) -> Sequence[str]:
        wanted = {"store_id": store_id, "listed_max": LISTED_MAX}
        async with reading(self._engine) as connection:
            return [row.cashier_id for row in (await connection.execute(_IN_STORE, wanted)).all()]

    async def admit(self, *, till_id: str, now: datetime) -> float | None:
        values = {
            "till_id": till_id,
            "now": now,
            "until": now + timedelta(seconds=LOCKED_S),
            "tries_max": TRIES_MAX,
        }
        async with self._engine.begin() as tx:
            locked: datetime | None = (await tx.execute(_ADMIT, values)).scalar_one()
        return None if locked is None else max((locked - now).total_seconds(), 0.0)

    async def succeeded(self, *, till_id: str) -> None:
        async with self._engine.begin() as tx:
            await tx.execute(_RIGHT, {"till_id": till_id})
