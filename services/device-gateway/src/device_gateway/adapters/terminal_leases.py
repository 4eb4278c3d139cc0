"""Leases of card terminals in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from events.store.connection import faults, reading

_TAKE = text(
    "INSERT INTO terminal_lease AS kept (terminal_id, owner, until)"
    " VALUES (:terminal_id, :owner, :until)"
    " ON CONFLICT (terminal_id) DO UPDATE SET owner = excluded.owner, until = excluded.until,"
    " abort_wanted = false WHERE kept.owner = excluded.owner OR kept.until <= :now"
    " RETURNING terminal_id"
)
_RENEW = text(
    "UPDATE terminal_lease SET until = :until WHERE terminal_id = :terminal_id AND owner = :owner"
    " RETURNING abort_wanted"
)
_GIVE_BACK = text("DELETE FROM terminal_lease WHERE terminal_id = :terminal_id AND owner = :owner")
_ABORT = text(
    "UPDATE terminal_lease SET abort_wanted = true WHERE terminal_id = :terminal_id"
    " RETURNING terminal_id"
)


class PostgresTerminalLeases:
    """See `TerminalLeases`. Every call raises `Transient` while the database is away."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def take(self, terminal_id: str, *, owner: str, now: datetime, until: datetime) -> bool:
        wanted = {"terminal_id": terminal_id, "owner": owner, "now": now, "until": until}
        return await self._one(_TAKE, wanted) is not None

    async def renew(self, terminal_id: str, *, owner: str, until: datetime) -> bool:
        wanted = {"terminal_id": terminal_id, "owner": owner, "until": until}
        return bool(await self._one(_RENEW, wanted))

    async def give_back(self, terminal_id: str, *, owner: str) -> None:
        async with faults(), reading(self._engine) as connection:
            await connection.execute(_GIVE_BACK, {"terminal_id": terminal_id, "owner": owner})

    async def want_abort(self, terminal_id: str) -> bool:
        return await self._one(_ABORT, {"terminal_id": terminal_id}) is not None

    async def _one(self, statement: Any, wanted: Mapping[str, object]) -> Any:
        async with faults(), reading(self._engine) as connection:
            found = (await connection.execute(statement, wanted)).scalar_one_or_none()
        return found
