"""Runs a projection over its service's log: from its checkpoint, in order, exactly once."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import NoReturn

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from events import telemetry
from events.errors import LogBroken, Transient
from events.event import Recorded
from events.projection import Projection
from events.store.connection import checked_name, faults, is_transient, reading
from events.store.contract import EventStore

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
    name = checkpoint_name(projection)
    table = f"{checked_name(schema)}.checkpoint"
    attempt = 0
    while True:
        try:
            await _ensure_row(engine, table, name)
            while True:
                moved = await _turn(store, engine, projection, table, name)
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
            telemetry.projection_waits(store.service, name)
            await asyncio.sleep(_backoff_s(attempt))


async def wait_until(
    engine: AsyncEngine, schema: str, projection: Projection, position: int, wait_s: float
) -> bool:
    """Whether the read model shows `position` now, or comes to within `wait_s`.

    For a read that must see its caller's own write. False: answer with what there is, and say so.
    Raises `Transient`.
    """
    query = text(
        f"SELECT position FROM {checked_name(schema)}.checkpoint WHERE subscription = :name"  # noqa: S608 (checked name)
    )
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_s
    while True:
        async with faults(), reading(engine) as connection:
            reached = await connection.scalar(query, {"name": checkpoint_name(projection)})
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


async def _turn(
    store: EventStore, engine: AsyncEngine, projection: Projection, table: str, name: str
) -> _Turn | None:
    """Fold one page. None where another replica holds the checkpoint."""
    async with engine.begin() as tx:
        position = await tx.scalar(
            text(
                f"SELECT position FROM {table} WHERE subscription = :name"  # noqa: S608 (checked name)
                " FOR UPDATE SKIP LOCKED"
            ),
            {"name": name},
        )
        if position is None:
            return None
        page = await store.read(after=position, records_max=PAGE_RECORDS_MAX)
        if not page:
            return _Turn(int(position), at_end=True)
        _assert_gapless(position, page)
        await projection.apply(tx, page)
        await _move(tx, table, name, page[-1].position)
    telemetry.projected(store.service, name, len(page))
    return _Turn(page[-1].position, at_end=len(page) < PAGE_RECORDS_MAX)


def _assert_gapless(position: int, page: list[Recorded]) -> None:
    for entry in page:
        if entry.position != position + 1:
            raise LogBroken(f"after position {position} comes {entry.position}")
        position = entry.position


async def _move(tx: AsyncConnection, table: str, name: str, position: int) -> None:
    await tx.execute(
        text(
            f"UPDATE {table} SET position = :position, moved_at = now()"  # noqa: S608 (checked name)
            " WHERE subscription = :name"
        ),
        {"name": name, "position": position},
    )


async def _ensure_row(engine: AsyncEngine, table: str, name: str) -> None:
    """A lock needs a row."""
    async with engine.begin() as tx:
        await tx.execute(
            text(
                f"INSERT INTO {table} (subscription, position) VALUES (:name, 0)"  # noqa: S608 (checked name)
                " ON CONFLICT DO NOTHING"
            ),
            {"name": name},
        )


def _backoff_s(attempt: int) -> float:
    ceiling = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** min(attempt, 10))
    return random.uniform(ceiling / 2, ceiling)  # noqa: S311 (jitter, not a secret)
