"""Group commit: one task per process takes what waits and stores it in one transaction.

A commit costs one write to disk, whether it holds one decision or a hundred. So while one batch is
being written, the next one gathers; nobody waits for a timer. A batch goes the quick way
(`planned.py`) where this process appended last, and the careful way (`careful.py`) otherwise.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import asyncpg

from events import telemetry
from events.errors import Transient
from events.store import careful, planned
from events.store.connection import is_transient
from events.store.planned import Head, Stored
from events.store.prepare import Prepared

BATCH_DECISIONS_MAX = 256
BATCH_BYTES_MAX = 4 * 1024 * 1024
WAITING_MAX = 10_000
"""How many decisions may wait in one process; the next one is told `Transient`."""

CLOSE_S = 5.0
"""How long a closing appender goes on storing what already waits."""

_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({lock})"

# Each look-up of an append has an index. A plan made while the log was small would scan it, and
# stay in use while it grows; so the appender's connection knows no scans.
APPENDER_SETTINGS = {
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "plan_cache_mode": "force_generic_plan",
}


@dataclass(slots=True)
class _Waiting:
    prepared: Prepared
    done: asyncio.Future[Stored]


class Appender:
    """Owns one connection. `connect` opens it; `grown` is told the newest position after a commit.

    Faults: a member that conflicts fails alone. When the database refuses a batch for another
    reason, its members are stored one by one, so that only the faulty one fails. When the
    connection is lost, all members hear `Transient`: each may or may not be stored, and its repeat
    with the same key finds out.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[asyncpg.Connection[Any]]],
        *,
        service: str,
        lock: int,
        grown: Callable[[int], None],
    ) -> None:
        self._connect = connect
        self._service = service
        self._lock = lock
        self._begin = _BEGIN.format(lock=lock)
        self._grown = grown
        self._connection: asyncpg.Connection[Any] | None = None
        self._head: Head | None = None
        """The newest entry, as far as this process knows."""
        self._shared = False
        """Another process appended between our last two batches: a plan would be in vain."""
        self._waiting: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._closing = False
        self._task = asyncio.create_task(self._run(), name=f"append {service}")

    async def store(self, prepared: Prepared) -> Stored:
        """Raises `Decided`, `WrongExpectedVersion`, `ClaimTaken`, `Transient`, or what the
        database says about this member."""
        if self._closing:
            raise Transient("the store is closing")
        if len(self._waiting) >= WAITING_MAX:
            raise Transient(f"{WAITING_MAX} decisions wait already")
        done: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(prepared, done))
        self._arrived.set()
        return await done

    async def close(self) -> None:
        """Store what waits, then let go of the connection. Twice is fine."""
        self._closing = True
        self._arrived.set()
        try:
            async with asyncio.timeout(CLOSE_S):
                await asyncio.shield(self._task)
        except TimeoutError:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        batch: list[_Waiting] = []
        try:
            while True:
                await self._arrived.wait()
                batch = self._take()
                if batch:
                    await self._store_or_fail(batch)
                elif self._closing:
                    return
                else:
                    self._arrived.clear()
        finally:
            for waiting in (*batch, *self._waiting):
                _fail(waiting, Transient("the store was closed"))
            self._drop()

    def _take(self) -> list[_Waiting]:
        """The next batch. A key that is in it already waits for the next one, and is then found in
        the inbox."""
        batch: list[_Waiting] = []
        later: list[_Waiting] = []
        keys: set[str] = set()
        size = 0
        while self._waiting and len(batch) < BATCH_DECISIONS_MAX and size < BATCH_BYTES_MAX:
            waiting = self._waiting.popleft()
            if waiting.done.done():
                continue  # Its caller has gone.
            key = waiting.prepared.request.key
            if key in keys:
                later.append(waiting)
                continue
            keys.add(key)
            size += waiting.prepared.size
            batch.append(waiting)
        self._waiting.extendleft(reversed(later))
        return batch

    async def _store_or_fail(self, batch: list[_Waiting]) -> None:
        try:
            await self._store(batch)
        except Exception as fault:
            await self._roll_back(fault)
            if is_transient(fault) or isinstance(fault, Transient):
                for waiting in batch:
                    _fail(waiting, Transient(f"{type(fault).__name__}: {fault}"))
            elif len(batch) == 1:
                _fail(batch[0], fault)
            else:
                for waiting in batch:
                    await self._store_or_fail([waiting])

    async def _store(self, batch: list[_Waiting]) -> None:
        if self._connection is None or self._connection.is_closed():
            self._head = None
            self._connection = await self._connect()
        if not await self._store_as_planned(self._connection, batch):
            await self._store_with_care(self._connection, batch)
        telemetry.appended(self._service, len(batch))

    async def _store_as_planned(
        self, connection: asyncpg.Connection[Any], batch: list[_Waiting]
    ) -> bool:
        """One round trip. False: nothing was stored."""
        if self._head is None or self._shared:
            return False
        decisions = [waiting.prepared for waiting in batch]
        made = planned.plan(decisions, self._head)
        if made is None:
            return False
        arguments = planned.arguments(made, decisions, lock=self._lock)
        try:
            stored = await connection.fetchval(planned.APPEND_PLANNED, *arguments)
        except asyncpg.PostgresError as fault:
            if is_transient(fault):
                raise
            return False  # The careful way finds out whose fault it is.
        if stored:
            self._head = made.head
            self._answer(batch, made.stored)
        return bool(stored)

    async def _store_with_care(
        self, connection: asyncpg.Connection[Any], batch: list[_Waiting]
    ) -> None:
        decisions = [waiting.prepared for waiting in batch]
        arguments = careful.arguments(decisions)
        # Positions must become visible in the order they are given out. Without this lock a slow
        # transaction commits a lower position after a faster one committed a higher; a reader that
        # has moved past it never sees it, and a receipt is missing from the books. It is a
        # statement of its own because a statement sees what was committed before it began: the
        # next one must see the last holder's entries.
        await connection.execute(self._begin)
        row = await connection.fetchrow(careful.APPEND_BATCH, *arguments)
        assert row is not None  # A function with OUT parameters answers with one row.
        await connection.execute("COMMIT")
        answer = careful.answer(decisions, row)
        if self._head is not None and self._head.hash != answer.before:
            self._shared, self._head = True, None
        else:
            self._shared = False
        self._head = answer.head or self._head
        self._answer(batch, answer.members)

    def _answer(self, batch: list[_Waiting], members: Sequence[Stored | Exception]) -> None:
        for waiting, member in zip(batch, members, strict=True):
            if isinstance(member, Exception):
                _fail(waiting, member)
            elif not waiting.done.done():
                waiting.done.set_result(member)
        if self._head is not None:
            self._grown(self._head.position)

    async def _roll_back(self, fault: Exception) -> None:
        connection = self._connection
        if connection is None or connection.is_closed() or is_transient(fault):
            self._drop()
            return
        try:
            await connection.execute("ROLLBACK")
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


def _fail(waiting: _Waiting, fault: Exception) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(fault)
