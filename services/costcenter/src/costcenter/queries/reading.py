"""One snapshot of the read models. They lag behind the log; a caller that must see its own write
passes the position that the write answered with, and the query waits for it, at most `WAIT_S`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from events.projection import Projection
from events.store.connection import faults
from events.subscription import checkpoint_name, wait_until
from kassenverbund.kit.pages import Page, Row

WAIT_S = 1.0
"""Then the answer is given from what is there, and says so (`complete: false`)."""

SCHEMA = "costcenter"

R = TypeVar("R", bound=Row)
Fetch = Callable[[AsyncConnection], Awaitable[tuple[tuple[R, ...], str | None]]]

_REACHED = text("SELECT position FROM checkpoint WHERE subscription = :name")


class Reading:
    """Answers from the tables of one projection. Raises `Transient` where the database is away."""

    def __init__(self, engine: AsyncEngine, projection: Projection) -> None:
        self._engine = engine
        self._projection = projection

    async def page(self, fetch: Fetch[R], *, position: int = 0) -> Page[R]:
        """What `fetch` finds, in one snapshot, and how far the read models had come."""
        async with self.snapshot(position) as (connection, reached, complete):
            rows, after = await fetch(connection)
            return Page[R].model_construct(
                rows=rows, next=after, position=reached, complete=complete
            )

    @asynccontextmanager
    async def snapshot(self, position: int = 0) -> AsyncIterator[tuple[AsyncConnection, int, bool]]:
        """One state of all tables: its connection, the position it shows, and whether that is at
        least `position`."""
        complete = position <= 0 or await wait_until(
            self._engine, SCHEMA, self._projection, position, WAIT_S
        )
        # The projection may be at work.
        engine = self._engine.execution_options(isolation_level="REPEATABLE READ")
        async with faults(), engine.connect() as connection:
            name: dict[str, Any] = {"name": checkpoint_name(self._projection)}
            reached = await connection.scalar(_REACHED, name) or 0
            yield connection, int(reached), complete
