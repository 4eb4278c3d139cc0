"""Group commit: one task per process takes what waits and stores it in one transaction.

A commit costs one write to disk, whether it holds one decision or a hundred. So while one batch is
being written, the next one gathers; nobody waits for a timer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import asyncpg

from events import telemetry
from events.errors import ClaimTaken, Transient, WrongExpectedVersion
from events.store.connection import is_transient
from events.store.contract import Take
from events.store.prepare import Prepared, expected_as_int

BATCH_DECISIONS_MAX = 256
BATCH_BYTES_MAX = 4 * 1024 * 1024
OVERLAP_MIN = 12
"""From so many callers on a batch takes half of them: while the database stores one half, this
process prepares the other. Below, one commit for all is faster than two."""
WAITING_MAX = 10_000
"""How many decisions may wait in one process; the next one is told `Transient`."""

CLOSE_S = 5.0
"""How long a closing appender goes on storing what already waits."""

_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({lock})"

# Each look-up in `append_batch` has an index. A plan made while the log was small would scan it,
# and stay in use while it grows; so the appender's connection knows no scans.
APPENDER_SETTINGS = {
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "plan_cache_mode": "force_generic_plan",
}


class _Status(IntEnum):
    """What `append_batch` says about one decision."""

    STORED = 0
    DECIDED = 1
    WRONG_VERSION = 2
    TAKEN = 3


@dataclass(slots=True)
class Stored:
    """Where the events of one decision stand in the log now."""

    first_position: int
    previous_hash: bytes
    versions: Sequence[int]
    hashes: Sequence[bytes]


class Decided(Exception):
    """The key is in the inbox already; its outcome can be read there."""


@dataclass(slots=True)
class _Waiting:
    prepared: Prepared
    done: asyncio.Future[Stored]


@dataclass(slots=True)
class _Arrays:
    """The arguments of `append_batch`, in its order."""

    members_key: list[str] = field(default_factory=list)
    members_input: list[bytes] = field(default_factory=list)
    members_metadata: list[str] = field(default_factory=list)
    members_at: list[Any] = field(default_factory=list)
    members_parts: list[int] = field(default_factory=list)
    members_claims: list[int] = field(default_factory=list)
    streams: list[str] = field(default_factory=list)
    parts_stream: list[int] = field(default_factory=list)
    parts_expected: list[int] = field(default_factory=list)
    parts_events: list[int] = field(default_factory=list)
    claim_keys: list[str] = field(default_factory=list)
    claims_key: list[int] = field(default_factory=list)
    claims_owner: list[str] = field(default_factory=list)
    claims_take: list[bool] = field(default_factory=list)
    events_id: list[Any] = field(default_factory=list)
    events_type: list[str] = field(default_factory=list)
    events_schema: list[int] = field(default_factory=list)
    events_data: list[str] = field(default_factory=list)
    events_content: list[bytes] = field(default_factory=list)

    def values(self) -> list[Any]:
        return [
            "{" + ",".join(map(str, value)) + "}" if name in _WHOLE_NUMBERS else value
            for name in self.__slots__
            for value in (getattr(self, name),)
        ]


# Whole numbers go as the text of an array: the driver looks twice at each element of a list.
_WHOLE_NUMBERS = frozenset(
    {
        "members_parts", "members_claims", "parts_stream", "parts_expected", "parts_events",
        "claims_key", "events_schema",
    }
)  # fmt: skip
_ARGUMENTS = ", ".join(
    f"${number}::text::int[]" if name in _WHOLE_NUMBERS else f"${number}"
    for number, name in enumerate(_Arrays.__slots__, start=1)
)
_APPEND = f"SELECT * FROM append_batch({_ARGUMENTS})"  # noqa: S608 (constants)


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
        self._begin = _BEGIN.format(lock=lock)
        self._grown = grown
        self._connection: asyncpg.Connection[Any] | None = None
        self._waiting: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._answered = 0
        """Callers of the last batch: they are back soon, most of them."""
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
        callers = len(self._waiting) + self._answered
        most = min(callers if callers < OVERLAP_MIN else callers // 2, BATCH_DECISIONS_MAX)
        while self._waiting and len(batch) < most and size < BATCH_BYTES_MAX:
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
        self._answered = len(batch)
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
            self._connection = await self._connect()
        connection = self._connection
        arguments = _arrays(batch).values()
        # Positions must become visible in the order they are given out. Without this lock a slow
        # transaction commits a lower position after a faster one committed a higher; a reader that
        # has moved past it never sees it, and a receipt is missing from the books. It is a
        # statement of its own because a statement sees what was committed before it began: the
        # next one must see the last holder's entries.
        await connection.execute(self._begin)
        row = await connection.fetchrow(_APPEND, *arguments)
        assert row is not None  # A function with OUT parameters answers with one row.
        await connection.execute("COMMIT")
        telemetry.appended(self._service, len(batch))
        self._answer(batch, row)

    def _answer(self, batch: list[_Waiting], row: asyncpg.Record) -> None:
        status, first_positions = row["status"], row["first_position"]
        versions, hashes = row["events_version"], row["events_hash"]
        previous: bytes = row["previous_hash"]
        start = head = 0
        for index, waiting in enumerate(batch):
            prepared = waiting.prepared
            end = start + len(prepared.entries)
            if status[index] == _Status.STORED:
                first = first_positions[index]
                stored = Stored(first, previous, versions[start:end], hashes[start:end])
                if end > start:
                    previous = hashes[end - 1]
                    head = first + end - start - 1
                if not waiting.done.done():
                    waiting.done.set_result(stored)
            else:
                _fail(waiting, _refusal(prepared, index, row))
            start = end
        if head:
            self._grown(head)

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


def _arrays(batch: Sequence[_Waiting]) -> _Arrays:
    arrays = _Arrays()
    streams: dict[str, int] = {}
    claim_keys: dict[str, int] = {}
    for waiting in batch:
        prepared = waiting.prepared
        request = prepared.request
        arrays.members_key.append(request.key)
        arrays.members_input.append(request.input_hash)
        arrays.members_metadata.append(prepared.metadata.decode())
        arrays.members_at.append(prepared.recorded_at)
        arrays.members_parts.append(len(request.streams))
        arrays.members_claims.append(len(request.claims))
        for part in request.streams:
            arrays.parts_stream.append(streams.setdefault(part.stream, len(streams) + 1))
            arrays.parts_expected.append(expected_as_int(part.expected))
            arrays.parts_events.append(len(part.events))
        for claim in request.claims:
            arrays.claims_key.append(claim_keys.setdefault(claim.key, len(claim_keys) + 1))
            arrays.claims_owner.append(claim.owner)
            arrays.claims_take.append(isinstance(claim, Take))
        for entry in prepared.entries:
            arrays.events_id.append(entry.event_id)
            arrays.events_type.append(entry.event.event_name)
            arrays.events_schema.append(entry.event.event_version)
            arrays.events_data.append(entry.data.decode())
            arrays.events_content.append(entry.content)
    arrays.streams = list(streams)
    arrays.claim_keys = list(claim_keys)
    return arrays


def _refusal(prepared: Prepared, index: int, row: asyncpg.Record) -> Exception:
    request = prepared.request
    culprit = row["culprit"][index] - 1
    match _Status(row["status"][index]):
        case _Status.DECIDED:
            return Decided()
        case _Status.WRONG_VERSION:
            part = request.streams[culprit]
            return WrongExpectedVersion(part.stream, part.expected, row["found_version"][index])
        case _Status.TAKEN:
            return ClaimTaken(request.claims[culprit].key, row["found_owner"][index])
        case _Status.STORED:
            raise AssertionError("a stored decision is no refusal")


def _fail(waiting: _Waiting, fault: Exception) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(fault)
