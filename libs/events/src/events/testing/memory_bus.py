"""The bus in memory: a real adapter of the contract, for tests and simulations."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from events.bus.contract import Batch, KeysLost, Record, check_size
from events.errors import Transient

PARTITIONS = 16


@dataclass(eq=False)
class _Topic:
    records: list[Record] = field(default_factory=list)
    parts: list[list[tuple[int, Record]]] = field(
        default_factory=lambda: [[] for _ in range(PARTITIONS)]
    )
    """By partition: the record with its offset in the topic."""

    def extend(self, records: Sequence[Record]) -> None:
        for record in records:
            part = zlib.crc32(record.key.encode()) % PARTITIONS
            self.parts[part].append((len(self.records), record))
            self.records.append(record)


@dataclass(eq=False)
class _Lease:
    """Who reads a partition for a group, and how far the group has come."""

    owner: MemorySubscription | None = None
    epoch: int = 0
    done: int = 0
    handed_out: int = 0
    batches: int = 0

    def give(self, owner: MemorySubscription | None) -> None:
        self.owner = owner
        self.epoch += 1
        self.handed_out = self.done
        self.batches = 0


@dataclass(eq=False)
class _Group:
    members: list[MemorySubscription] = field(default_factory=list)
    leases: list[_Lease] = field(default_factory=lambda: [_Lease() for _ in range(PARTITIONS)])
    wanted_since: float | None = None

    def settle(self, now: float, hand_over_s: float) -> None:
        """Bring each partition to the member that should have it, as soon as that is allowed."""
        forced = self.wanted_since is not None and now - self.wanted_since >= hand_over_s
        wanted = False
        for number, lease in enumerate(self.leases):
            due = self.members[number % len(self.members)] if self.members else None
            if lease.owner is due:
                continue
            if lease.owner in self.members and lease.batches and not forced:
                wanted = True
            else:
                lease.give(due)
        if not wanted:
            self.wanted_since = None
        elif self.wanted_since is None:
            self.wanted_since = now


class MemoryBus:
    """See `events.bus.contract.Bus`."""

    def __init__(self, *, hand_over_s: float = 20.0) -> None:
        self.hand_over_s = hand_over_s
        self.away = False
        """True: every call raises `Transient`, as when the backend is down."""
        self._topics: dict[str, _Topic] = {}
        self._groups: dict[tuple[str, str], _Group] = {}
        self._grown = asyncio.Condition()

    @property
    def topics(self) -> dict[str, list[Record]]:
        """What was published, by topic, in order."""
        return {name: topic.records for name, topic in self._topics.items()}

    async def ensure_topics(self, topics: Sequence[str]) -> None:
        for name in topics:
            self.topic(name)

    def topic(self, name: str) -> _Topic:
        return self._topics.setdefault(name, _Topic())

    async def healthy(self) -> bool:
        return not self.away

    async def close(self) -> None:
        for group in self._groups.values():
            for member in list(group.members):
                await member.leave()

    async def publish(self, topic: str, records: Sequence[Record]) -> None:
        for record in records:
            check_size(record)
        self.check_here()
        self.topic(topic).extend(records)
        await self.wake()

    def check_here(self) -> None:
        if self.away:
            raise Transient("the bus is away")

    async def wake(self) -> None:
        async with self._grown:
            self._grown.notify_all()

    @asynccontextmanager
    async def subscribe(self, topic: str, *, group: str) -> AsyncIterator[MemorySubscription]:
        self.check_here()
        state = self._groups.setdefault((topic, group), _Group())
        member = MemorySubscription(self, topic, state, self._grown)
        state.members.append(member)
        member.settle()
        try:
            yield member
        finally:
            await member.leave()


class MemorySubscription:
    """See `events.bus.contract.Subscription`."""

    def __init__(self, bus: MemoryBus, topic: str, group: _Group, grown: asyncio.Condition) -> None:
        self._bus = bus
        self._topic = topic
        self._group = group
        self._grown = grown
        self._closed = False
        self._first = 0

    def settle(self) -> None:
        now = asyncio.get_running_loop().time()
        self._group.settle(now, self._bus.hand_over_s)

    async def leave(self) -> None:
        if not self._closed:
            self._closed = True
            self._group.members.remove(self)
            self.settle()
        await self._bus.wake()

    async def fetch(self, *, records_max: int, wait_s: float) -> Batch:
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        while True:
            self._bus.check_here()
            batch = self._take(records_max)
            if batch or self._closed or loop.time() >= until:
                return batch
            # Keys may become due without anything being published.
            since = self._group.wanted_since
            look = until if since is None else min(until, since + self._bus.hand_over_s)
            try:
                async with asyncio.timeout_at(look), self._grown:
                    await self._grown.wait()
            except TimeoutError:
                continue

    def _take(self, records_max: int) -> Batch:
        found: list[tuple[int, Record]] = []
        reach: dict[int, tuple[int, int]] = {}
        if not self._closed:
            self.settle()
            parts = self._bus.topic(self._topic).parts
            # Each time another partition comes first, so that a full one keeps nobody waiting.
            self._first += 1
            for place in range(PARTITIONS):
                number = (self._first + place) % PARTITIONS
                lease = self._group.leases[number]
                if lease.owner is not self or len(found) == records_max:
                    continue
                new = parts[number][lease.handed_out :][: records_max - len(found)]
                if new:
                    found.extend(new)
                    lease.handed_out += len(new)
                    lease.batches += 1
                    reach[number] = (lease.epoch, lease.handed_out)
        found.sort(key=lambda entry: entry[0])
        return Batch([record for _, record in found], reach)

    async def acknowledge(self, batch: Batch) -> None:
        self._bus.check_here()
        reach = batch.mark
        assert isinstance(reach, dict)
        lost = False
        for number, (epoch, done) in reach.items():
            lease = self._group.leases[number]
            if lease.owner is self and lease.epoch == epoch:
                lease.done = max(lease.done, done)
                lease.batches -= 1
            else:
                lost = True
        self.settle()
        await self._bus.wake()
        if lost:
            raise KeysLost(self._topic)

    async def rewind(self) -> None:
        for lease in self._group.leases:
            if lease.owner is self:
                lease.done = 0
                lease.give(self)
        await self._bus.wake()
