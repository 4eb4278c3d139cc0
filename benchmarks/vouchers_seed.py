"""A log with very many sold vouchers, written in bulk (`bulk.py`)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.bulk import STATEMENT_S, Bulk, Chunk, in_helpers
from benchmarks.redemptions import ROLE, sale
from events import AppendRequest, Event
from events.store.connection import connect
from events.store.migrate import migrate
from voucher import codes
from voucher.service import REGISTRY, SERVICE

CHUNK = 5_000
"""Vouchers that one helper prepares and one transaction stores."""

SOLD_OVER = timedelta(days=1_000)
"""The sales lie evenly over this time up to now, so there is a past to report about."""


def prepared_chunk(first: int, count: int, total: int, began: datetime) -> tuple[Chunk, list[str]]:
    """The sales `first` … of `total`, and their codes. Runs in a helper."""
    chunk, made = Chunk(), []
    for number in range(first, first + count):
        code = codes.generate(codes.Kind.VOUCHER, os.urandom)
        at = began + SOLD_OVER * number / total
        chunk.add(_sold_at(sale(number, code), at), REGISTRY, now=at)
        made.append(code)
    return chunk, made


def _sold_at(request: AppendRequest, at: datetime) -> AppendRequest:
    """The same sale, at another time."""
    (part,) = request.streams
    return replace(request, streams=(replace(part, events=tuple(_moved(part.events, at))),))


def _moved(events: Any, at: datetime) -> Iterator[Event]:
    for event in events:
        instants = [name for name in ("issued_at", "activated_at") if hasattr(event, name)]
        yield event.model_copy(update=dict.fromkeys(instants, at))


async def seed(url: str, count: int) -> list[str]:
    """Migrate an empty database and fill its log with `count` active vouchers; their codes."""
    await migrate(url, schema=SERVICE.schema, folder=SERVICE.migrations, role=ROLE)
    connection = await connect(url, schema=SERVICE.schema)
    made: list[str] = []
    began = datetime.now(UTC) - SOLD_OVER
    try:
        bulk = Bulk(connection, SERVICE.schema)
        sizes = [
            (first, min(CHUNK, count - first), count, began) for first in range(0, count, CHUNK)
        ]
        async for chunk, some in in_helpers(prepared_chunk, sizes):
            await bulk.store(chunk)
            made.extend(some)
        await connection.execute("ANALYZE", timeout=STATEMENT_S)
    finally:
        await connection.close()
    return made
