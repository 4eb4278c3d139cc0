"""The bus in PostgreSQL: the default on one machine and in a store box.

A topic's offsets are gapless and become visible in commit order (the publisher holds the topic's
row while it inserts). Keys are hashed to a fixed number of partitions; members of a group lease
partitions. A lease has an epoch: what a member does after it lost a partition is refused, and the
reading statement itself checks the lease.

Publishing wakes the readers of the same process at once; others find it by polling one small row
per topic (`POLL_S`). NOTIFY takes a lock on the whole database at each commit, so it is not used.
"""

from __future__ import annotations

import asyncio
import json
import logging
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from events.bus.contract import Record, check_size
from events.bus.postgres_subscription import PostgresSubscription
from events.errors import Transient
from events.store.connection import CONNECT_S, checked_name, connect, faults, plain_url
from events.store.connections import Connections

PARTITIONS = 16
"""Partitions of a new topic: at most so many members share a group's work."""

POLL_S = 0.015
"""How soon a record published by another process is seen."""

POLL_AWAY_S = 0.5
"""The same while the database does not answer."""

LEASE_S = 3.0
"""A member that was killed loses its keys after this time; it renews three times as often."""

HAND_OVER_S = 20.0
"""How long a member may go on with what it fetched while others wait for its keys."""

PUBLISH_BYTES_MAX = 4 * 1024 * 1024
"""What one statement inserts; a longer publish takes several, in order."""

POOL_MAX = 6

_MIGRATIONS = Path(__file__).parent / "migrations"
_log = logging.getLogger(__name__)


class PostgresBus:
    """See `events.bus.contract.Bus`."""

    def __init__(
        self, writers: Connections, readers: Connections, *, lease_s: float,
        hand_over_s: float, poll_s: float,
    ) -> None:  # fmt: skip
        self._writers = writers
        self._readers = readers
        self.lease_s = lease_s
        self.hand_over_s = hand_over_s
        self._poll_s = poll_s
        self._heads: dict[str, int] = {}
        self._topics: dict[str, tuple[int, int]] = {}
        self._subscriptions: set[PostgresSubscription] = set()
        self._waiting = asyncio.Event()
        self._poller: asyncio.Task[None] | None = None
        self._closed = False

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        url: str,
        *,
        schema: str = "bus",
        lease_s: float = LEASE_S,
        hand_over_s: float = HAND_OVER_S,
        poll_s: float = POLL_S,
    ) -> AsyncIterator[PostgresBus]:
        """Connect and bring the schema up to date. Raises `Transient` (the database is away).

        `poll_s`: how soon records of other processes are seen; those of this one are at once.
        """
        await _migrate(url, checked_name(schema))
        writers = _connections(url, schema, synchronous_commit="on")
        # What a crash takes back here is only delivered again, which the contract allows.
        readers = _connections(url, schema, synchronous_commit="off")
        bus = cls(writers, readers, lease_s=lease_s, hand_over_s=hand_over_s, poll_s=poll_s)
        bus._poller = asyncio.create_task(bus._poll(), name="bus poll")
        try:
            yield bus
        finally:
            await bus.close()

    async def ensure_topics(self, topics: Sequence[str]) -> None:
        async with faults():
            await self._writers.execute(
                "INSERT INTO topic (name, partitions) SELECT name, $2"
                " FROM unnest($1::text[]) AS t(name) ON CONFLICT (name) DO NOTHING",
                list(topics),
                PARTITIONS,
            )

    async def publish(self, topic: str, records: Sequence[Record]) -> None:
        for record in records:
            check_size(record)
        if not records:
            return
        if self._closed:
            raise Transient("the bus is closed")
        _, partitions = await self._topic(topic)
        for part in _parts(records):
            async with faults():
                # One statement: the topic's row is locked before the offsets are given out.
                head = await self._writers.fetchval(
                    "WITH moved AS ("
                    "  UPDATE topic SET head = head + $2 WHERE name = $1 RETURNING id, head"
                    "), stored AS ("
                    '  INSERT INTO record (topic, partition, "offset", key, headers, value)'
                    "  SELECT moved.id, r.partition, moved.head - $2 + r.i, r.key,"
                    "         r.headers::json, r.value"
                    "  FROM moved, unnest($3::smallint[], $4::text[], $5::text[], $6::bytea[])"
                    "       WITH ORDINALITY AS r(partition, key, headers, value, i)"
                    ") SELECT head FROM moved",
                    topic,
                    len(part),
                    [zlib.crc32(record.key.encode()) % partitions for record in part],
                    [record.key for record in part],
                    [json.dumps(dict(record.headers)) for record in part],
                    [record.value for record in part],
                )
            self._moved(topic, head)

    @asynccontextmanager
    async def subscribe(self, topic: str, *, group: str) -> AsyncIterator[PostgresSubscription]:
        topic_id, partitions = await self._topic(topic)
        async with faults():
            await self._readers.execute(
                "INSERT INTO lease (topic, grp, partition) SELECT $1, $2, p"
                " FROM generate_series(0, $3 - 1) AS g(p) ON CONFLICT DO NOTHING",
                topic_id,
                group,
                partitions,
            )
        subscription = PostgresSubscription(self, self._readers, topic, topic_id, group)
        await subscription.renew()
        self._subscriptions.add(subscription)
        beating = asyncio.create_task(subscription.beat(), name=f"bus lease {group}")
        self.nudge(subscription)
        try:
            yield subscription
        finally:
            beating.cancel()
            await asyncio.wait((beating,))
            await subscription.leave()
            self._subscriptions.discard(subscription)
            self.nudge(subscription)

    async def healthy(self) -> bool:
        try:
            async with faults():
                async with asyncio.timeout(CONNECT_S):
                    await self._writers.fetchval("SELECT 1")
        except Transient:
            return False
        return not self._closed

    async def close(self) -> None:
        self._closed = True
        for subscription in list(self._subscriptions):
            await subscription.leave()
        if self._poller is not None:
            poller, self._poller = self._poller, None
            poller.cancel()
            await asyncio.wait((poller,))
            # Terminated, not waited for: nothing is in hand that matters.
            self._writers.terminate()
            self._readers.terminate()

    def head(self, topic: str) -> int:
        """The newest offset that this process knows of; -1 before the first look."""
        return self._heads.get(topic, -1)

    def watch(self) -> None:
        """A subscription waits: polling is needed."""
        self._waiting.set()

    def nudge(self, changed: PostgresSubscription) -> None:
        """Members of the same group in this process need not wait for their next renewal."""
        for other in self._subscriptions:
            if other is not changed and other.same_group(changed):
                other.hurry()

    async def _topic(self, name: str) -> tuple[int, int]:
        found = self._topics.get(name)
        if found is None:
            await self.ensure_topics([name])
            async with faults():
                row = await self._readers.fetchrow(
                    "SELECT id, partitions FROM topic WHERE name = $1", name
                )
            assert row is not None  # Made above; topics are never deleted.
            found = self._topics[name] = (row["id"], row["partitions"])
        return found

    def _moved(self, topic: str, head: int) -> None:
        if head > self.head(topic):
            self._heads[topic] = head
            for subscription in self._subscriptions:
                if subscription.topic == topic:
                    subscription.wake()

    async def _poll(self) -> None:
        while True:
            await self._waiting.wait()
            self._waiting.clear()
            try:
                async with faults():
                    rows = await self._readers.fetch("SELECT name, head FROM topic")
                for row in rows:
                    self._moved(row["name"], row["head"])
                await asyncio.sleep(self._poll_s)
            except Transient as fault:
                _log.warning("the bus does not answer: %s", fault)
                await asyncio.sleep(POLL_AWAY_S)
            if any(subscription.waits for subscription in self._subscriptions):
                self._waiting.set()


def _parts(records: Sequence[Record]) -> list[list[Record]]:
    parts: list[list[Record]] = [[]]
    size = 0
    for record in records:
        size += record.size
        if parts[-1] and size > PUBLISH_BYTES_MAX:
            parts.append([])
            size = record.size
        parts[-1].append(record)
    return parts


def _connections(url: str, schema: str, *, synchronous_commit: str) -> Connections:
    return Connections(
        lambda: connect(url, schema=schema, synchronous_commit=synchronous_commit), most=POOL_MAX
    )


async def _migrate(url: str, schema: str) -> None:
    async with faults():
        connection = await asyncpg.connect(plain_url(url), timeout=CONNECT_S)
        try:
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock(hashtext('events.bus'))")
                await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
                await connection.execute(f"SET LOCAL search_path = {schema}")
                await connection.execute(
                    'CREATE TABLE IF NOT EXISTS migration (name text COLLATE "C" PRIMARY KEY)'
                )
                rows = await connection.fetch("SELECT name FROM migration")
                applied = {row["name"] for row in rows}
                for path in sorted(_MIGRATIONS.glob("*.sql")):
                    if path.name not in applied:
                        await connection.execute(path.read_text(encoding="utf-8"))
                        await connection.execute("INSERT INTO migration VALUES ($1)", path.name)
        finally:
            await connection.close()
