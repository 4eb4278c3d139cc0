"""A few connections for single statements, at less than half the price of the driver's own pool.

asyncpg's pool wraps each connection in a proxy, guards its time and cleans it up after each use.
Here nobody changes a session, and each use is one statement.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import asyncpg

from events.errors import Transient

CLOSE_S = 5.0
"""How long closing waits for statements under way, and for the server's farewell."""


class Connections:
    """At most `most` connections, opened when they are needed. Each statement commits by itself.

    The statements raise what the driver raises, and `Transient` after `close`. A connection that
    was lost is replaced by the next use; one whose caller was cancelled is given up, because its
    statement may still be running.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[asyncpg.Connection[Any]]], *, most: int
    ) -> None:
        self._connect = connect
        self._most = most
        self._places = asyncio.Semaphore(most)
        self._idle: list[asyncpg.Connection[Any]] = []
        self._lent: set[asyncpg.Connection[Any]] = set()
        self._closed = False

    async def fetch(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        connection = await self._take()
        try:
            rows: list[asyncpg.Record] = await connection.fetch(query, *arguments)
            return rows
        except (asyncio.CancelledError, TimeoutError):
            connection.terminate()
            raise
        finally:
            self._give_back(connection)

    async def fetchrow(self, query: str, *arguments: object) -> asyncpg.Record | None:
        rows = await self.fetch(query, *arguments)
        return rows[0] if rows else None

    async def fetchval(self, query: str, *arguments: object) -> Any:
        rows = await self.fetch(query, *arguments)
        return rows[0][0] if rows else None

    async def execute(self, query: str, *arguments: object) -> str:
        """Answers the command's tag, `UPDATE 1`."""
        connection = await self._take()
        try:
            tag: str = await connection.execute(query, *arguments)
            return tag
        except (asyncio.CancelledError, TimeoutError):
            connection.terminate()
            raise
        finally:
            self._give_back(connection)

    async def close(self) -> None:
        """Wait for who is in use, at most `CLOSE_S`, and say farewell. Twice is fine."""
        if self._closed:
            return
        self._closed = True
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                for _ in range(self._most):
                    await self._places.acquire()
                await asyncio.gather(*(connection.close() for connection in self._idle))
        self.terminate()

    def terminate(self) -> None:
        """End all connections at once."""
        self._closed = True
        for connection in (*self._idle, *self._lent):
            connection.terminate()
        self._idle.clear()

    async def _take(self) -> asyncpg.Connection[Any]:
        if self._closed:
            raise Transient("the connections are closed")
        await self._places.acquire()
        try:
            if self._closed:
                raise Transient("the connections were closed")
            connection = None
            while self._idle and connection is None:
                connection = self._idle.pop()
                if connection.is_closed():
                    connection = None
            if connection is None:
                connection = await self._connect()
        except BaseException:
            self._places.release()
            raise
        self._lent.add(connection)
        return connection

    def _give_back(self, connection: asyncpg.Connection[Any]) -> None:
        self._lent.discard(connection)
        if not connection.is_closed():
            self._idle.append(connection)
        self._places.release()
