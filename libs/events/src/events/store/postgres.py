"""The log in PostgreSQL. Decisions and figures: docs/decisions/0001, 0002, 0003."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence, Set
from contextlib import asynccontextmanager
from datetime import datetime

import asyncpg

from events.errors import IdempotencyKeyReused, LogBroken
from events.event import Metadata, Recorded, Registry
from events.store.appender import APPENDER_SETTINGS, Appender
from events.store.careful import Decided
from events.store.connection import connect, faults, lock_number
from events.store.connections import Connections
from events.store.contract import SPAN_PER_RECORD, Appended, AppendRequest, Stretch
from events.store.growth import POLL_S, Growth
from events.store.planned import Stored
from events.store.prepare import Prepared, prepare, utc_now
from events.store.recent import Recent, stretch
from events.store.streams import Streams

_COLUMNS = (
    "position, stream, version, event_id, type, schema_version, data, metadata,"
    " idempotency_key, recorded_at, previous_hash, hash"
)
_LOAD = f"SELECT {_COLUMNS} FROM event WHERE stream = $1 AND version > $2 ORDER BY version"  # noqa: S608 (constants)
_READ = f"SELECT {_COLUMNS} FROM event WHERE position > $1 ORDER BY position LIMIT $2"  # noqa: S608 (constants)
_NAMED = (
    f"SELECT {_COLUMNS} FROM event WHERE position > $1 AND position <= $2"  # noqa: S608 (constants)
    " AND type = ANY($3::text[]) ORDER BY position LIMIT $4"
)
_SPAN = (
    "SELECT count(*), coalesce(max(position), $1) FROM"
    " (SELECT position FROM event WHERE position > $1 ORDER BY position LIMIT $2) AS span"
)
_RANGE = f"SELECT {_COLUMNS} FROM event WHERE position BETWEEN $1 AND $2 ORDER BY position"  # noqa: S608 (constants)
_OUTCOME = "SELECT input_hash, first_position, last_position FROM inbox WHERE key = $1"
_HEAD = "SELECT coalesce(max(position), 0) FROM event"


class PostgresEventStore:
    """`EventStore` over one schema of a database. Any number of processes may open it."""

    def __init__(
        self,
        pool: Connections,
        appender: Callable[[Growth], Appender],
        *,
        service: str,
        registry: Registry,
        clock: Callable[[], datetime],
        poll_s: float,
    ) -> None:
        """Use `open`."""
        self.service = service
        self.registry = registry
        self.streams = Streams()
        self._pool = pool
        self._clock = clock
        self._recent = Recent()
        self._growth = Growth(self.head, poll_s=poll_s)
        self._appender = appender(self._growth)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        url: str,
        *,
        service: str,
        schema: str,
        registry: Registry,
        role: str | None = None,
        pool_max: int = 8,
        clock: Callable[[], datetime] = utc_now,
        poll_s: float = POLL_S,
    ) -> AsyncIterator[PostgresEventStore]:
        """Open the log of `service` in `schema`, which `migrate` has brought up to date.

        `role`: every connection acts as this role, which may not rewrite anything. `pool_max`
        connections read, one more appends. `clock` gives `recorded_at`, in UTC. `poll_s`: how
        soon the appends of other processes are seen; those of this one are seen at once.
        Raises `Transient` where the server does not answer, `LogBroken` where there is no log.
        """
        pool = Connections(lambda: connect(url, schema=schema, role=role), most=pool_max)
        try:
            async with faults():
                await _check(pool, schema)

            def appender(growth: Growth) -> Appender:
                return Appender(
                    lambda: connect(url, schema=schema, role=role, **APPENDER_SETTINGS),
                    service=service,
                    lock=lock_number(f"events.log {schema}"),
                    grown=growth.grown,
                )

            store = cls(
                pool, appender, service=service, registry=registry, clock=clock, poll_s=poll_s
            )
            try:
                yield store
            finally:
                await store._appender.close()
                await store._growth.close()
        finally:
            await pool.close()

    async def append(self, request: AppendRequest) -> Appended:
        prepared = prepare(request, self.registry, now=self._clock())
        try:
            stored = await self._appender.store(prepared)
        except Decided:
            outcome = await self.outcome(request.key, request.input_hash)
            assert outcome is not None  # Keys never leave the inbox.
            return outcome
        appended = _appended(prepared, stored)
        self._recent.add(appended.recorded)
        return appended

    async def outcome(self, key: str, input_hash: bytes) -> Appended | None:
        if "\x00" in key:
            return None
        async with faults():
            found = await self._pool.fetchrow(_OUTCOME, key)
            if found is None:
                return None
            if found["input_hash"] != input_hash:
                raise IdempotencyKeyReused
            first, last = found["first_position"], found["last_position"]
            rows = await self._pool.fetch(_RANGE, first, last) if first else []
        if len(rows) != (last - first + 1 if first else 0):
            raise LogBroken(f"{self.service}: {first} to {last} of {key} are not all there")
        return Appended(key, True, first, last, tuple(map(self._recorded, rows)))

    async def load(self, stream: str, *, after: int = 0) -> list[Recorded]:
        return await self._fetch(_LOAD, stream, after) if "\x00" not in stream else []

    async def read(self, *, after: int, records_max: int) -> list[Recorded]:
        found = self._recent.page(after=after, records_max=records_max)
        return found or await self._fetch(_READ, after, records_max)

    async def read_named(self, names: Set[str], *, after: int, records_max: int) -> Stretch:
        span_max = records_max * SPAN_PER_RECORD
        kept = self._recent.page(after=after, records_max=span_max)
        if kept:
            return stretch(kept, names, records_max=records_max)
        async with faults():
            ((count, end),) = await self._pool.fetch(_SPAN, after, span_max)
            if count != end - after:
                raise LogBroken(f"{self.service}: {after} to {end} are not all there")
            # What was there stays there: this looks at no less than the count did.
            rows = await self._pool.fetch(_NAMED, after, end, list(names), records_max)
        recorded = [self._recorded(row) for row in rows]
        if len(recorded) == records_max:
            return Stretch(recorded, recorded[-1].position, at_end=False)
        return Stretch(recorded, end, at_end=count < span_max)

    async def owner_of(self, claim: str) -> str | None:
        if "\x00" in claim:
            return None
        async with faults():
            owner: str | None = await self._pool.fetchval(
                "SELECT owner FROM claim WHERE key = $1", claim
            )
        return owner

    async def owners_of(self, claims: Sequence[str]) -> dict[str, str]:
        storable = [claim for claim in claims if "\x00" not in claim]
        async with faults():
            rows = await self._pool.fetch(
                "SELECT key, owner FROM claim WHERE key = ANY($1::text[])", storable
            )
        return {row["key"]: row["owner"] for row in rows}

    async def head(self) -> int:
        async with faults():
            head: int = await self._pool.fetchval(_HEAD)
        return head

    async def wait_for_append(self, *, after: int, wait_s: float) -> None:
        await self._growth.wait(after=after, wait_s=wait_s)

    async def _fetch(self, query: str, *arguments: object) -> list[Recorded]:
        async with faults():
            rows = await self._pool.fetch(query, *arguments)
        return [self._recorded(row) for row in rows]

    def _recorded(self, row: asyncpg.Record) -> Recorded:
        (
            position, stream, version, event_id, name, schema_version, data_text, metadata_text,
            idempotency_key, recorded_at, previous_hash, hashed,
        ) = row  # fmt: skip
        data = data_text.encode()
        return Recorded(
            position=position,
            stream=stream,
            version=version,
            event_id=event_id,
            event=self.registry.decode(name, schema_version, data),
            name=name,
            schema_version=schema_version,
            data=data,
            metadata=Metadata.from_json(json.loads(metadata_text)),
            idempotency_key=idempotency_key,
            recorded_at=recorded_at,
            previous_hash=previous_hash,
            hash=hashed,
        )


def _appended(prepared: Prepared, stored: Stored) -> Appended:
    request = prepared.request
    recorded: list[Recorded] = []
    previous = stored.previous_hash
    for index, entry in enumerate(prepared.entries):
        recorded.append(
            Recorded(
                position=stored.first_position + index,
                stream=entry.stream,
                version=stored.versions[index],
                event_id=entry.event_id,
                event=entry.event,
                name=entry.event.event_name,
                schema_version=entry.event.event_version,
                data=entry.data,
                metadata=request.metadata,
                idempotency_key=request.key,
                recorded_at=prepared.recorded_at,
                previous_hash=previous,
                hash=stored.hashes[index],
            )
        )
        previous = stored.hashes[index]
    last = stored.first_position + len(recorded) - 1 if recorded else 0
    return Appended(request.key, False, stored.first_position, last, tuple(recorded))


async def _check(pool: Connections, schema: str) -> None:
    ((encoding, log),) = await pool.fetch(
        "SELECT current_setting('server_encoding'), to_regclass('event')::text"
    )
    if encoding != "UTF8":
        raise LogBroken(f"the database's encoding is {encoding}; a log needs UTF8")
    if log is None:
        raise LogBroken(f"schema {schema} has no log: migrate it first")
