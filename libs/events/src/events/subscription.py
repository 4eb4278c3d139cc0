"""Runs a projection over its service's log: from its checkpoint, in order, exactly once."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import NoReturn

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from events import telemetry
from events.errors import LogBroken, Transient
from events.event import Recorded
from events.projection import Projection
from events.store.connection import checked_name, faults, is_transient, raw
from events.store.contract import EventStore, Stretch

PAGE_RECORDS_MAX = 500
"""Events that one transaction folds."""

IDLE_S = 1.0
"""How long a reader at the end of the log waits before it looks again, woken or not."""

GATHER_S = 0.25
"""How long a woken reader lets appends gather: one transaction for several of them. A read model
is that much behind, and a busy process has its time for the tills. Nothing is decided on read
models; `wait_until` is for a caller that has to see its own write."""

STANDBY_S = 0.25
"""How often a replica without the checkpoint tries to take it over."""

BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 5.0

LOOK_S = 0.005
"""How often `wait_until` looks at the checkpoint."""


def checkpoint_name(projection: Projection) -> str:
    """The name of a projection's checkpoint. A new version starts at the log's beginning."""
    return f"{projection.name}_v{projection.version}"


async def run_projection(
    store: EventStore, engine: AsyncEngine, projection: Projection, *, schema: str
) -> NoReturn:
    """Fold the log into read models until cancelled.

    Each page is applied in the transaction that moves the checkpoint, so a crash at any point
    leaves both or neither: every event counts exactly once. Any number of replicas may run; one
    holds the checkpoint's row at a time, the others stand by and take over when it goes.
    A database that is away is waited for. Whatever else `apply` raises ends the run: a projection
    never skips, and the process that runs it must not go on without it. A gap in the log raises
    `LogBroken`.
    """
    reader = _Reader(store, engine, projection, schema=schema)
    attempt = 0
    while True:
        try:
            await reader.ensure_row()
            while True:
                moved = await reader.turn()
                attempt = 0
                if moved is None:
                    await asyncio.sleep(STANDBY_S)
                    continue
                if moved.at_end:
                    await store.wait_for_append(after=moved.position, wait_s=IDLE_S)
                    await asyncio.sleep(GATHER_S)
        except Exception as fault:
            if not (isinstance(fault, Transient) or is_transient(fault)):
                raise
            attempt += 1
            reader.forget()
            telemetry.projection_waits(store.service, reader.name)
            await asyncio.sleep(_backoff_s(attempt))


async def wait_until(
    engine: AsyncEngine, schema: str, projection: Projection, position: int, wait_s: float
) -> bool:
    """Whether the read model shows `position` now, or comes to within `wait_s`.

    For a read that must see its caller's own write. False: answer with what there is, and say so.
    Raises `Transient`.
    """
    query = f"SELECT position FROM {checked_name(schema)}.checkpoint WHERE subscription = $1"  # noqa: S608 (checked name)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_s
    while True:
        async with faults(), raw(engine) as connection:
            reached = await connection.fetchval(query, checkpoint_name(projection))
        if (reached or 0) >= position:
            return True
        if loop.time() + LOOK_S > deadline:
            return False
        await asyncio.sleep(LOOK_S)


@dataclass(frozen=True, slots=True)
class _Turn:
    position: int
    """The checkpoint after the page."""
    at_end: bool
    """The log held no more when the page was read."""


class _Reader:
    """One projection's way along the log.

    The checkpoint moves by compare and set in the transaction of the page, so what is remembered
    of it may be old: then the page is not applied, and the checkpoint is asked for.
    """

    def __init__(
        self, store: EventStore, engine: AsyncEngine, projection: Projection, *, schema: str
    ) -> None:
        self.name = checkpoint_name(projection)
        self._store = store
        self._engine = engine
        self._projection = projection
        self._position: int | None = None
        table = f"{checked_name(schema)}.checkpoint"
        self._insert = (
            f"INSERT INTO {table} (subscription, position) VALUES ($1, 0) ON CONFLICT DO NOTHING"  # noqa: S608 (checked name)
        )
        self._take = f"SELECT position FROM {table} WHERE subscription = $1 FOR UPDATE SKIP LOCKED"  # noqa: S608 (checked name)
        self._move = (
            f"UPDATE {table} SET position = $3, moved_at = now()"  # noqa: S608 (checked name)
            " WHERE subscription = $1 AND position = $2"
        )

    async def ensure_row(self) -> None:
        """A lock needs a row."""
        async with raw(self._engine) as connection:
            await connection.execute(self._insert, self.name)

    def forget(self) -> None:
        """Ask for the checkpoint before the next page."""
        self._position = None

    async def turn(self) -> _Turn | None:
        """Fold one page. None where another replica holds the checkpoint, or has moved it."""
        position, self._position = self._position, None
        if position is None:
            async with self._engine.begin() as tx:
                found = await tx.exec_driver_sql(self._take, (self.name,))
                position = found.scalar()
                if position is None:
                    return None
                page = await self._page(position)
                if page.position > position and not await self._fold(tx, position, page):
                    return None
        else:
            page = await self._page(position)
            if page.position > position:
                async with self._engine.begin() as tx:
                    if not await self._fold(tx, position, page):
                        return None
        if page.position > position:
            telemetry.projected(self._store.service, self.name, page.position - position)
        self._position = page.position
        return _Turn(page.position, at_end=page.at_end)

    async def _page(self, position: int) -> Stretch:
        names = self._projection.reads
        if names is not None:
            return await self._store.read_named(names, after=position, records_max=PAGE_RECORDS_MAX)
        page = await self._store.read(after=position, records_max=PAGE_RECORDS_MAX)
        _assert_gapless(position, page)
        end = page[-1].position if page else position
        return Stretch(page, end, at_end=len(page) < PAGE_RECORDS_MAX)

    async def _fold(self, tx: AsyncConnection, position: int, page: Stretch) -> bool:
        # First of all: from here on the row is locked, and another replica waits for our commit.
        moved = await tx.exec_driver_sql(self._move, (self.name, position, page.position))
        if moved.rowcount != 1:
            return False
        if page.recorded:
            await self._projection.apply(tx, page.recorded)
        return True


def _assert_gapless(position: int, page: list[Recorded]) -> None:
    for entry in page:
        if entry.position != position + 1:
            raise LogBroken(f"after position {position} comes {entry.position}")
        position = entry.position


def _backoff_s(attempt: int) -> float:
    ceiling = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** min(attempt, 10))
    return random.uniform(ceiling / 2, ceiling)  # noqa: S311 (jitter, not a secret)
