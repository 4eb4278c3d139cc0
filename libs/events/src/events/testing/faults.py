"""Faults on purpose: a bus that duplicates, delays and loses answers, from a seeded plan.

Only what the contract allows happens: a faulty publish leaves a prefix per key, repeats come in
order, fetched records are a prefix of what was there.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from events.bus.contract import Batch, Bus, Record, Subscription
from events.errors import Transient


@dataclass(frozen=True, slots=True)
class BusFaults:
    """How likely each fault is at each call, between 0 and 1."""

    publish_refused: float = 0.0
    """`Transient`, and nothing was published."""
    publish_cut: float = 0.0
    """`Transient`, and only the first part was published."""
    publish_answer_lost: float = 0.0
    """`Transient`, and all of it was published: the relay publishes it again."""
    fetch_refused: float = 0.0
    """`Transient`: the receiver joins anew and gets what it had not acknowledged."""
    acknowledge_lost: float = 0.0
    """`Transient` before anything is acknowledged, as in a crash between commit and acknowledge."""


class FaultyBus:
    """`Bus` over another one, with faults drawn from `chance` (seed it)."""

    def __init__(self, inner: Bus, faults: BusFaults, chance: random.Random) -> None:
        self.inner = inner
        self.faults = faults
        self.calm = False
        """True: no more faults, so that a simulation can come to rest."""
        self._chance = chance

    def strikes(self, likelihood: float) -> bool:
        return not self.calm and self._chance.random() < likelihood

    async def publish(self, topic: str, records: Sequence[Record]) -> None:
        if self.strikes(self.faults.publish_refused):
            raise Transient("publish refused")
        if records and self.strikes(self.faults.publish_cut):
            await self.inner.publish(topic, records[: self._chance.randrange(len(records))])
            raise Transient("publish cut off")
        await self.inner.publish(topic, records)
        if self.strikes(self.faults.publish_answer_lost):
            raise Transient("the answer to publish was lost")

    @asynccontextmanager
    async def subscribe(self, topic: str, *, group: str) -> AsyncIterator[Subscription]:
        async with self.inner.subscribe(topic, group=group) as subscription:
            yield _FaultySubscription(self, subscription)

    async def ensure_topics(self, topics: Sequence[str]) -> None:
        await self.inner.ensure_topics(topics)

    async def healthy(self) -> bool:
        return await self.inner.healthy()

    async def close(self) -> None:
        await self.inner.close()


class _FaultySubscription:
    def __init__(self, bus: FaultyBus, inner: Subscription) -> None:
        self._bus = bus
        self._inner = inner

    async def fetch(self, *, records_max: int, wait_s: float) -> Batch:
        if self._bus.strikes(self._bus.faults.fetch_refused):
            raise Transient("fetch refused")
        return await self._inner.fetch(records_max=records_max, wait_s=wait_s)

    async def acknowledge(self, batch: Batch) -> None:
        if self._bus.strikes(self._bus.faults.acknowledge_lost):
            raise Transient("acknowledge lost")
        await self._inner.acknowledge(batch)

    async def rewind(self) -> None:
        await self._inner.rewind()
