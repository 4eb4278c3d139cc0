"""A log with very many sold vouchers, written in bulk, byte for byte as appends write it.

Events, keys and content hashes come from the library's own `prepare`, in two helper processes; this
process adds the places in the log and the hash chain, and copies whole chunks under the log's lock.
`events.store.verify` accepts the result, and `benchmarks.vouchers` asks it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from benchmarks.redemptions import ROLE, sale
from events import AppendRequest, Event, Take
from events.store.chain import GENESIS, entry_hash
from events.store.connection import connect, lock_number
from events.store.migrate import migrate
from events.store.prepare import Prepared, prepare
from voucher import codes
from voucher.service import REGISTRY, SERVICE

CHUNK = 5_000
"""Vouchers that one helper prepares and one transaction stores."""

HELPERS = 2

STATEMENT_S = 600.0
"""A busy machine takes its time over a million rows."""

SOLD_OVER = timedelta(days=1_000)
"""The sales lie evenly over this time up to now, so there is a past to report about."""

EVENT_COLUMNS = (
    "position", "stream", "version", "event_id", "type", "schema_version", "data", "metadata",
    "idempotency_key", "recorded_at", "previous_hash", "hash",
)  # fmt: skip


@dataclass(slots=True)
class Chunk:
    """Prepared sales, ready but for their place in the log."""

    codes: list[str] = field(default_factory=list)
    inputs: list[bytes] = field(default_factory=list)
    """By sale."""
    claims: list[tuple[str, str]] = field(default_factory=list)
    events: list[tuple[Any, ...]] = field(default_factory=list)
    """Sale's number in the chunk, version, content hash, and the columns that are known."""


def prepared_chunk(first: int, count: int, total: int, began: datetime) -> Chunk:
    """The sales `first` … of `total`. Runs in a helper."""
    chunk = Chunk()
    for number in range(first, first + count):
        code = codes.generate(codes.Kind.VOUCHER, os.urandom)
        at = began + SOLD_OVER * number / total
        ready = prepare(_sold_at(sale(number, code), at), REGISTRY, now=at)
        _add(chunk, ready)
        chunk.codes.append(code)
    return chunk


def _sold_at(request: AppendRequest, at: datetime) -> AppendRequest:
    """The same sale, at another time."""
    (part,) = request.streams
    return replace(request, streams=(replace(part, events=tuple(_moved(part.events, at))),))


def _moved(events: Any, at: datetime) -> Iterator[Event]:
    for event in events:
        instants = [name for name in ("issued_at", "activated_at") if hasattr(event, name)]
        yield event.model_copy(update=dict.fromkeys(instants, at))


def _add(chunk: Chunk, ready: Prepared) -> None:
    request = ready.request
    sale_number = len(chunk.inputs)
    chunk.inputs.append(request.input_hash)
    chunk.claims.extend(
        (claim.key, claim.owner) for claim in request.claims if isinstance(claim, Take)
    )
    for version, entry in enumerate(ready.entries, start=1):
        chunk.events.append(
            (
                sale_number, version, entry.content, entry.stream, entry.event_id,
                entry.event.event_name, entry.event.event_version, entry.data.decode(),
                ready.metadata.decode(), request.key, ready.recorded_at,
            )
        )  # fmt: skip


async def seed(url: str, count: int) -> list[str]:
    """Migrate an empty database and fill its log with `count` active vouchers; their codes."""
    await migrate(url, schema=SERVICE.schema, folder=SERVICE.migrations, role=ROLE)
    connection = await connect(url, schema=SERVICE.schema)
    made: list[str] = []
    head, chain = 0, GENESIS
    try:
        async for chunk in _chunks(count):
            head, chain = await _store(connection, chunk, head, chain)
            made.extend(chunk.codes)
        await connection.execute("ANALYZE", timeout=STATEMENT_S)
    finally:
        await connection.close()
    return made


async def _chunks(count: int) -> Any:
    """In order; a few are prepared ahead, no more."""
    began = datetime.now(UTC) - SOLD_OVER
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(HELPERS) as pool:
        ahead: list[asyncio.Future[Chunk]] = []
        for first in range(0, count, CHUNK):
            size = min(CHUNK, count - first)
            ahead.append(loop.run_in_executor(pool, prepared_chunk, first, size, count, began))
            if len(ahead) > HELPERS:
                yield await ahead.pop(0)
        for waiting in ahead:
            yield await waiting


async def _store(
    connection: asyncpg.Connection[Any], chunk: Chunk, head: int, chain: bytes
) -> tuple[int, bytes]:
    """One chunk in one transaction; the log's new head and its hash."""
    rows: list[tuple[Any, ...]] = []
    ranges: dict[str, list[Any]] = {}
    for (
        number,
        version,
        content,
        stream,
        event_id,
        name,
        schema,
        data,
        metadata,
        key,
        at,
    ) in chunk.events:
        head += 1
        previous = chain
        chain = entry_hash(previous=previous, position=head, version=version, content=content)
        rows.append(
            (head, stream, version, event_id, name, schema, data, metadata, key, at, previous,
             chain)
        )  # fmt: skip
        ranges.setdefault(key, [key, chunk.inputs[number], head, head])[3] = head
    async with connection.transaction():
        lock = lock_number(f"events.log {SERVICE.schema}")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", lock, timeout=STATEMENT_S)
        for table, records, columns in (
            ("event", rows, EVENT_COLUMNS),
            ("inbox", list(ranges.values()), None),
            ("claim", chunk.claims, None),
        ):
            await connection.copy_records_to_table(
                table, records=records, columns=columns, timeout=STATEMENT_S
            )
    return head, chain
