"""One member of a group on the PostgreSQL bus: its leases, and what it hands out."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol
from uuid import UUID, uuid4

import asyncpg

from events.bus.contract import Batch, KeysLost, Record
from events.errors import Transient
from events.store.connection import faults
from events.store.connections import Connections

_log = logging.getLogger(__name__)


class _Bus(Protocol):
    """What a subscription needs of its bus."""

    lease_s: float
    hand_over_s: float

    def head(self, topic: str) -> int: ...

    def watch(self) -> None: ...

    def nudge(self, changed: PostgresSubscription) -> None: ...


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

    def __init__(self, bus: _Bus, pool: Connections, topic: str, topic_id: int, group: str) -> None:
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
                if len(batch.records) < records_max:
                    # All that was there when the head was looked at has been read.
                    self._drained_at = head
                if batch:
                    return batch
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
