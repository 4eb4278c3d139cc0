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
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from events.bus.contract import Batch, KeysLost, Record, check_size
from events.errors import Transient
from events.store.connection import (
    COMMAND_S,
    CONNECT_S,
    checked_name,
    faults,
    plain_url,
    server_settings,
)

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
        self, writers: asyncpg.Pool[Any], readers: asyncpg.Pool[Any], *, lease_s: float,
        hand_over_s: float,
    ) -> None:  # fmt: skip
        self._writers = writers
        self._readers = readers
        self.lease_s = lease_s
        self.hand_over_s = hand_over_s
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
    ) -> AsyncIterator[PostgresBus]:
        """Connect and bring the schema up to date. Raises `Transient` (the database is away)."""
        await _migrate(url, checked_name(schema))
        async with faults():
            writers = await _pool(url, schema, synchronous_commit="on")
        async with faults():
            # What a crash takes back here is only delivered again, which the contract allows.
            readers = await _pool(url, schema, synchronous_commit="off")
        bus = cls(writers, readers, lease_s=lease_s, hand_over_s=hand_over_s)
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
                await self._writers.fetchval("SELECT 1", timeout=CONNECT_S)
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
                await asyncio.sleep(POLL_S)
            except Transient as fault:
                _log.warning("the bus does not answer: %s", fault)
                await asyncio.sleep(POLL_AWAY_S)
            if any(subscription.waits for subscription in self._subscriptions):
                self._waiting.set()


@dataclass(slots=True)
class _Held:
    epoch: int
    after: int
    """The last offset that was handed out."""
    wanted: bool
    batches: int = 0
    """How many batches with records of this partition are not acknowledged yet."""


@dataclass(frozen=True, slots=True)
class _Mark:
    reach: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Partition → (epoch, last offset)."""


class PostgresSubscription:
    """See `events.bus.contract.Subscription`.

    Reading, renewing and acknowledging take turns inside the process, so that a partition is never
    given back while its records are on their way to the caller.
    """

    def __init__(
        self, bus: PostgresBus, pool: asyncpg.Pool[Any], topic: str, topic_id: int, group: str
    ) -> None:
        self.topic = topic
        self.waits = False
        self._bus = bus
        self._pool = pool
        self._topic_id = topic_id
        self._group = group
        self._me: UUID = uuid4()
        self._held: dict[int, _Held] = {}
        self._turn = asyncio.Lock()
        self._woken = asyncio.Event()
        self._hurried = asyncio.Event()
        self._drained_at = -2
        self._first = 0
        self._busy_since: float | None = None
        self._renewed_at = 0.0
        self._left = False

    def same_group(self, other: PostgresSubscription) -> bool:
        return (self._topic_id, self._group) == (other._topic_id, other._group)

    def wake(self) -> None:
        self._woken.set()

    def hurry(self) -> None:
        self._hurried.set()

    async def fetch(self, *, records_max: int, wait_s: float) -> Batch:
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        while not self._left:
            self._woken.clear()
            head = self._bus.head(self.topic)
            if head > self._drained_at or head < 0:
                batch = await self._read(records_max)
                if batch:
                    return batch
                self._drained_at = head
            self.waits = True
            self._bus.watch()
            try:
                async with asyncio.timeout_at(until):
                    await self._woken.wait()
            except TimeoutError:
                break
            finally:
                self.waits = False
        return Batch((), _Mark())

    async def _read(self, records_max: int) -> Batch:
        async with self._turn, faults():
            # Each time another partition comes first, so that a full one keeps nobody waiting.
            self._first += 1
            held = sorted(self._held)
            turn = self._first % max(1, len(held))
            order = held[turn:] + held[:turn]
            rows = await self._pool.fetch(
                'SELECT r.partition, r."offset", r.key, r.headers, r.value'
                " FROM unnest($4::smallint[], $5::bigint[], $6::bigint[])"
                "  AS h(partition, epoch, after)"
                " JOIN lease ON lease.topic = $1 AND lease.grp = $2"
                "  AND lease.partition = h.partition AND lease.owner = $3"
                "  AND lease.epoch = h.epoch AND lease.until > clock_timestamp()"
                " CROSS JOIN LATERAL ("
                "  SELECT * FROM record WHERE record.topic = $1"
                '   AND record.partition = h.partition AND record."offset" > h.after'
                '  ORDER BY record."offset" LIMIT $7) AS r'
                " LIMIT $7",
                self._topic_id,
                self._group,
                self._me,
                order,
                [self._held[partition].epoch for partition in order],
                [self._held[partition].after for partition in order],
                records_max,
            )
            if not rows:
                return Batch((), _Mark())
            # Also nearly the order in which they were published, over all keys.
            rows.sort(key=lambda row: row["offset"])
            reach: dict[int, tuple[int, int]] = {}
            for row in rows:
                reach[row["partition"]] = (self._held[row["partition"]].epoch, row["offset"])
            for partition, (_, offset) in reach.items():
                self._held[partition].after = offset
                self._held[partition].batches += 1
            records = [Record(row["key"], json.loads(row["headers"]), row["value"]) for row in rows]
            return Batch(records, _Mark(reach))

    async def acknowledge(self, batch: Batch) -> None:
        mark = batch.mark
        assert isinstance(mark, _Mark)
        if not mark.reach:
            return
        if self._left:
            raise KeysLost(self.topic)
        async with self._turn, faults():
            done = await self._pool.execute(
                "UPDATE lease SET done = greatest(done, a.reach)"
                " FROM unnest($4::smallint[], $5::bigint[], $6::bigint[])"
                "  AS a(partition, epoch, reach)"
                " WHERE lease.topic = $1 AND lease.grp = $2 AND lease.owner = $3"
                "  AND lease.partition = a.partition AND lease.epoch = a.epoch",
                self._topic_id,
                self._group,
                self._me,
                list(mark.reach),
                [epoch for epoch, _ in mark.reach.values()],
                [offset for _, offset in mark.reach.values()],
            )
            for partition, (epoch, _) in mark.reach.items():
                held = self._held.get(partition)
                if held is not None and held.epoch == epoch:
                    held.batches -= 1
                    if held.wanted and held.batches == 0:
                        self.hurry()
        if int(done.split()[-1]) < len(mark.reach):
            raise KeysLost(self.topic)

    async def rewind(self) -> None:
        async with self._turn, faults():
            rows = await self._pool.fetch(
                "UPDATE lease SET done = 0, epoch = epoch + 1"
                " WHERE topic = $1 AND grp = $2 AND owner = $3 RETURNING partition, epoch",
                self._topic_id,
                self._group,
                self._me,
            )
            self._held = {row["partition"]: _Held(row["epoch"], 0, False) for row in rows}
            self._look_again()

    async def renew(self) -> None:
        """Give a sign of life; take and give back partitions. Raises `Transient`."""
        async with self._turn:
            if self._left:
                return
            busy = [partition for partition, held in self._held.items() if held.batches]
            if self._hand_over_is_due():
                _log.warning("%s: gave up keys whose records were still being handled", self._group)
                busy = [partition for partition in busy if not self._held[partition].wanted]
            async with faults():
                rows = await self._pool.fetch(
                    "SELECT * FROM renew($1, $2, $3, $4, $5)",
                    self._topic_id,
                    self._group,
                    self._me,
                    timedelta(seconds=self._bus.lease_s),
                    busy,
                )
            self._hold(rows)

    def _hold(self, rows: Sequence[asyncpg.Record]) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._renewed_at > self._bus.lease_s / 2:
            # The lease may have run out meanwhile, and reading found nothing because of it.
            self._look_again()
        self._renewed_at = now
        before, self._held = self._held, {}
        for row in rows:
            partition, epoch = row["held_partition"], row["held_epoch"]
            held = before.pop(partition, None)
            if held is None or held.epoch != epoch:
                held = _Held(epoch, row["held_done"], False)
                self._look_again()
            held.wanted = row["wanted"]
            self._held[partition] = held
        if before:
            self._bus.nudge(self)
        waiting = any(held.wanted for held in self._held.values())
        if not waiting:
            self._busy_since = None
        elif self._busy_since is None:
            self._busy_since = now

    def _hand_over_is_due(self) -> bool:
        now = asyncio.get_running_loop().time()
        return self._busy_since is not None and now - self._busy_since >= self._bus.hand_over_s

    def _look_again(self) -> None:
        self._drained_at = -2
        self._woken.set()

    async def beat(self) -> None:
        """Renew until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._bus.lease_s / 3):
                    await self._hurried.wait()
            self._hurried.clear()
            try:
                await self.renew()
            except Transient as fault:
                _log.warning("%s: the lease was not renewed: %s", self._group, fault)

    async def leave(self) -> None:
        """Give everything back. Twice is fine."""
        async with self._turn:
            if self._left:
                return
            self._left = True
            self._woken.set()
            # Where the database is away the leases simply run out.
            with suppress(Transient):
                async with faults():
                    await self._pool.execute(
                        "WITH gone AS (DELETE FROM member"
                        "  WHERE topic = $1 AND grp = $2 AND id = $3)"
                        " UPDATE lease SET owner = NULL, until = NULL"
                        " WHERE topic = $1 AND grp = $2 AND owner = $3",
                        self._topic_id,
                        self._group,
                        self._me,
                    )


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


async def _pool(url: str, schema: str, *, synchronous_commit: str) -> asyncpg.Pool[Any]:
    return await asyncpg.create_pool(
        plain_url(url),
        min_size=1,
        max_size=POOL_MAX,
        timeout=CONNECT_S,
        command_timeout=COMMAND_S,
        server_settings={
            **server_settings(schema=schema),
            "synchronous_commit": synchronous_commit,
        },
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
