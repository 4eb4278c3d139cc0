"""Proves one log whole, from the bytes in the tables, trusting neither objects nor indexes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import asyncpg

from events.store.chain import GENESIS, content_hash, entry_hash
from events.store.connection import checked_name, connect, faults
from events.store.contract import StoredRow, Verdict

FAULTS_MAX = 100
"""A log with more faults than this is not described further."""

PAGE = 1_000
"""Entries that are held in memory at once."""

_ROWS = (
    "SELECT position, stream, version, event_id, type, schema_version, data::text, metadata::text,"
    " idempotency_key, recorded_at, previous_hash, hash FROM event ORDER BY position"
)

# The database sorts on disk where it must, so our memory stays bounded however many streams exist.
_STREAMS = """
    SELECT position, stream, version, before FROM (
        SELECT position, stream, version,
               lag(version, 1, 0) OVER (PARTITION BY stream ORDER BY position) AS before
        FROM event) AS counted
    WHERE version <> before + 1 ORDER BY position LIMIT $1"""

_WITHOUT_KEY = """
    SELECT e.position, e.idempotency_key FROM event AS e LEFT JOIN inbox AS i
        ON i.key = e.idempotency_key
        AND e.position BETWEEN i.first_position AND i.last_position
    WHERE i.key IS NULL ORDER BY e.position LIMIT $1"""

_KEY_WITHOUT_EVENTS = """
    SELECT i.key, i.first_position, i.last_position FROM inbox AS i
    WHERE i.first_position > 0 AND i.last_position - i.first_position + 1 <> (
        SELECT count(*) FROM event AS e WHERE e.idempotency_key = i.key
        AND e.position BETWEEN i.first_position AND i.last_position)
    ORDER BY i.first_position LIMIT $1"""


async def schemas_in(url: str, schemas: Collection[str]) -> frozenset[str]:
    """Which of `schemas` are in this database. Raises `Transient`."""
    connection = await connect(url, schema="public")
    try:
        async with faults():
            found = await connection.fetch(
                "SELECT nspname FROM pg_namespace WHERE nspname = ANY($1::text[])", list(schemas)
            )
    finally:
        await connection.close()
    return frozenset(row["nspname"] for row in found)


async def verify(
    url: str,
    *,
    schema: str,
    service: str,
    progress: Callable[[int, int], None] | None = None,
) -> Verdict:
    """Read the whole log of `service` and say what is wrong with it.

    Checked: positions without a gap from 1; versions of each stream without a gap from 1, rising
    with the position; each entry's hash over its content, place and predecessor; each entry
    belongs to a decided key, and each decided key has all its entries.
    All of it is seen as at one moment, while others may go on appending.
    What cannot be seen from inside is a log whose newest entries were cut off together with their
    keys: compare `Verdict.head` and `head_hash` with ones that were kept elsewhere. A schema
    without a log is not whole.

    `progress(done, all)` is called once per page. Raises `Transient`.
    """
    connection = await connect(
        url, schema=checked_name(schema), default_transaction_isolation="repeatable read"
    )
    try:
        async with faults(), connection.transaction(isolation="repeatable_read", readonly=True):
            chain = _Chain()
            if await connection.fetchval("SELECT to_regclass('event')") is None:
                return Verdict(service, 0, 0, (f"there is no log in the schema {schema}",))
            entries = await connection.fetchval("SELECT count(*) FROM event", timeout=None)
            # Faults are counted further on, but only the first ones are told.
            async for row in connection.cursor(_ROWS, prefetch=PAGE):
                chain.add(StoredRow(*_with_bytes(row)))
                if progress is not None and chain.entries % PAGE == 0:
                    progress(chain.entries, entries)
            if progress is not None:
                progress(chain.entries, entries)
            found = chain.faults + await _relations(connection)
    finally:
        await connection.close()
    return Verdict(
        service=service,
        events=chain.entries,
        head=chain.position,
        faults=tuple(found[:FAULTS_MAX]),
        head_hash=chain.hash,
    )


class _Chain:
    """The walk along the log: what the next entry has to continue."""

    def __init__(self) -> None:
        self.entries = 0
        self.position = 0
        self.hash = GENESIS
        self.faults: list[str] = []

    def add(self, row: StoredRow) -> None:
        self.entries += 1
        if row.position != self.position + 1:
            self._fault(f"after position {self.position} comes {row.position}")
        if row.previous_hash != self.hash:
            self._fault(f"position {row.position} is not chained to the entry before it")
        content = content_hash(
            stream=row.stream,
            event_id=row.event_id,
            name=row.name,
            schema_version=row.schema_version,
            data=row.data,
            metadata=row.metadata,
            idempotency_key=row.idempotency_key,
            recorded_at=row.recorded_at,
        )
        # The entry is judged by the hash it names as its predecessor; a break before it is told
        # once, at its place, and not again for every later entry.
        hashed = entry_hash(
            previous=row.previous_hash, position=row.position, version=row.version, content=content
        )
        if hashed != row.hash:
            self._fault(f"position {row.position} ({row.name}) was changed: its hash differs")
        self.position, self.hash = row.position, row.hash

    def _fault(self, sentence: str) -> None:
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(sentence)


def _with_bytes(row: asyncpg.Record) -> list[Any]:
    values = list(row)
    values[6], values[7] = values[6].encode(), values[7].encode()
    return values


async def _relations(connection: asyncpg.Connection[Any]) -> list[str]:
    """Faults that show when entries are compared with each other and with the inbox."""
    found: list[str] = []
    for row in await connection.fetch(_STREAMS, FAULTS_MAX, timeout=None):
        found.append(
            f"position {row['position']}: version {row['version']} of {row['stream']}"
            f" follows version {row['before']}"
        )
    for row in await connection.fetch(_WITHOUT_KEY, FAULTS_MAX, timeout=None):
        found.append(f"position {row['position']}: no decision {row['idempotency_key']} covers it")
    for row in await connection.fetch(_KEY_WITHOUT_EVENTS, FAULTS_MAX, timeout=None):
        found.append(
            f"decision {row['key']}: entries {row['first_position']} to {row['last_position']}"
            " are not all there"
        )
    return found
