"""Very many appends at once, written byte for byte as appends write them.

Events, keys and content hashes come from the library's own `prepare`, in helper processes; the
process that stores adds the places in the log and the hash chain, and copies whole chunks under the
log's lock. `events.store.verify` accepts the result.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from events import Registry, Take
from events.store.chain import GENESIS, entry_hash
from events.store.connection import lock_number
from events.store.contract import AppendRequest
from events.store.prepare import prepare
from events.version import Exact

HELPERS = 2

STATEMENT_S = 600.0
"""A busy machine takes its time over a million rows."""

EVENT_COLUMNS = (
    "position", "stream", "version", "event_id", "type", "schema_version", "data", "metadata",
    "idempotency_key", "recorded_at", "previous_hash", "hash",
)  # fmt: skip


@dataclass(slots=True)
class Chunk:
    """Prepared appends, ready but for their place in the log."""

    inputs: dict[str, bytes] = field(default_factory=dict)
    """By key."""
    claims: list[tuple[str, str]] = field(default_factory=list)
    events: list[tuple[Any, ...]] = field(default_factory=list)
    """Version, content hash, and the columns that are known."""

    def add(self, request: AppendRequest, registry: Registry, *, now: Any) -> None:
        """An append, as if it were stored at `now`. Each of its streams is `Exact` or new."""
        ready = prepare(request, registry, now=now)
        self.inputs[request.key] = request.input_hash
        self.claims += [
            (claim.key, claim.owner) for claim in request.claims if isinstance(claim, Take)
        ]
        versions = {
            part.stream: part.expected.version if isinstance(part.expected, Exact) else 0
            for part in request.streams
        }
        for entry in ready.entries:
            versions[entry.stream] += 1
            self.events.append(
                (
                    versions[entry.stream], entry.content, entry.stream, entry.event_id,
                    entry.event.event_name, entry.event.event_version, entry.data.decode(),
                    ready.metadata.decode(), request.key, ready.recorded_at,
                )
            )  # fmt: skip


class Bulk:
    """The end of one log."""

    def __init__(
        self,
        connection: asyncpg.Connection[Any],
        schema: str,
        *,
        head: int = 0,
        chain: bytes = GENESIS,
    ) -> None:
        self._connection = connection
        self._schema = schema
        self._head = head
        self._chain = chain

    @classmethod
    async def at_end(cls, connection: asyncpg.Connection[Any], schema: str) -> Bulk:
        """Of a log that nobody else appends to."""
        last = await connection.fetchrow(
            "SELECT position, hash FROM event ORDER BY position DESC LIMIT 1"
        )
        if last is None:
            return cls(connection, schema)
        return cls(connection, schema, head=last["position"], chain=last["hash"])

    async def store(self, chunk: Chunk) -> None:
        """One chunk in one transaction."""
        rows: list[tuple[Any, ...]] = []
        ranges: dict[str, list[Any]] = {}
        for version, content, *known in chunk.events:
            stream, event_id, name, schema, data, metadata, key, at = known
            self._head += 1
            previous = self._chain
            self._chain = entry_hash(
                previous=previous, position=self._head, version=version, content=content
            )
            rows.append(
                (self._head, stream, version, event_id, name, schema, data, metadata, key, at,
                 previous, self._chain)
            )  # fmt: skip
            ranges.setdefault(key, [key, chunk.inputs[key], self._head, self._head])[3] = self._head
        async with self._connection.transaction():
            lock = lock_number(f"events.log {self._schema}")
            await self._connection.execute(
                "SELECT pg_advisory_xact_lock($1)", lock, timeout=STATEMENT_S
            )
            for table, records, columns in (
                ("event", rows, EVENT_COLUMNS),
                ("inbox", list(ranges.values()), None),
                ("claim", chunk.claims, None),
            ):
                await self._connection.copy_records_to_table(
                    table, records=records, columns=columns, timeout=STATEMENT_S
                )


async def in_helpers(
    make: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]
) -> AsyncIterator[Any]:
    """What `make` answers for each of `arguments`, in order; a few are made ahead, no more."""
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(HELPERS) as pool:
        ahead: list[asyncio.Future[Any]] = []
        for given in arguments:
            ahead.append(loop.run_in_executor(pool, make, *given))
            if len(ahead) > HELPERS:
                yield await ahead.pop(0)
        for waiting in ahead:
            yield await waiting
