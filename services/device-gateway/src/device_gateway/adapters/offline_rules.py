"""The last offline rules of each store, in the service's own schema."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import TypeAdapter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from device_gateway.ports import OfflineRules
from events.store.connection import faults, reading

_RULES = TypeAdapter(OfflineRules)

_KEEP = text(
    "INSERT INTO offline_rules (store_id, heard_at, document)"
    " VALUES (:store_id, :heard_at, :document)"
    " ON CONFLICT (store_id) DO UPDATE"
    " SET heard_at = excluded.heard_at, document = excluded.document"
    " WHERE offline_rules.heard_at < excluded.heard_at"
)
_OF = text("SELECT document FROM offline_rules WHERE store_id = :store_id")


class PostgresOfflineRules:
    """See `device_gateway.ports.OfflineRulesKept`. Of other stores than `stores` nothing is told:
    what the chain's file forbids here is forbidden at once, whatever was heard before."""

    def __init__(self, engine: AsyncEngine, stores: Iterable[str]) -> None:
        self._engine = engine
        self._stores = frozenset(stores)

    async def keep(self, rules: OfflineRules) -> None:
        document = _RULES.dump_json(rules).decode()
        row = {"store_id": rules.store_id, "heard_at": rules.heard_at, "document": document}
        async with faults(), self._engine.begin() as connection:
            await connection.execute(_KEEP, row)

    async def of(self, store_id: str) -> OfflineRules | None:
        if store_id not in self._stores:
            return None
        async with reading(self._engine) as connection:
            found = (await connection.execute(_OF, {"store_id": store_id})).scalar()
        return None if found is None else _RULES.validate_json(found)
