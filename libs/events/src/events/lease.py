"""One holder at a time among the processes of a service: a session lock in its database.

The lock ends with the session, so a holder that was killed frees it as soon as the server notices.
It keeps a second worker idle; what must never happen twice needs a fence at the write besides.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from events.store.connection import checked_name, connect, faults, lock_number

CHECK_S = 1.0

TRY_S = 1.0
"""How often a waiting process asks for the lease."""


class PostgresLease:
    """`Lease` of the relay, over all processes that share a database."""

    def __init__(self, url: str, *, schema: str, name: str, try_s: float = TRY_S) -> None:
        self._url = url
        self._schema = checked_name(schema)
        self._number = lock_number(f"events.lease {schema} {name}")
        self._try_s = try_s

    @asynccontextmanager
    async def held(self) -> AsyncIterator[PostgresLeaseHeld]:
        """Wait for the lease and hold it. Raises `Transient` where the database is away."""
        connection = await connect(self._url, schema=self._schema)
        try:
            while True:
                async with faults():
                    if await connection.fetchval("SELECT pg_try_advisory_lock($1)", self._number):
                        break
                await asyncio.sleep(self._try_s)
            yield PostgresLeaseHeld(connection)
        finally:
            connection.terminate()


class PostgresLeaseHeld:
    def __init__(self, connection: asyncpg.Connection[Any]) -> None:
        self._connection = connection
        self._checked_at = 0.0

    async def check(self) -> None:
        """Raises `Transient` when the session, and the lock with it, is gone.

        Asks at most every `CHECK_S`: a second holder in between would only repeat work.
        """
        now = asyncio.get_running_loop().time()
        if now - self._checked_at < CHECK_S and not self._connection.is_closed():
            return
        self._checked_at = now
        async with faults():
            await self._connection.execute("SELECT 1")
