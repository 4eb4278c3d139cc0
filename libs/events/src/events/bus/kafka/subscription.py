"""One member of a group on Kafka: what it hands out, and how it gives keys up.

When its keys are wanted elsewhere (a rebalance) it stops handing out and waits up to `hand_over_s`
for what it handed out before; only then do the keys move. Heartbeats go on meanwhile (aiokafka's
coordinator keeps them running during the listener's call).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    ConsumerStoppedError,
    IllegalStateError,
)

from events.bus.contract import Batch, KeysLost, Record
from events.bus.kafka.common import CLOSE_S, FAULTS, Timing, answer_to, ms, within

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _Mark:
    generation: int
    reach: dict[TopicPartition, int]


class KafkaSubscription(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """See `events.bus.contract.Subscription`. One consumer, one topic."""

    def __init__(self, consumer: AIOKafkaConsumer, topic: str, timing: Timing) -> None:
        self._consumer = consumer
        self._topic = topic
        self._timing = timing
        self._generation = 0
        self._handed_out: set[_Mark] = set()
        self._settled = asyncio.Event()
        self._settled.set()
        self._closing = asyncio.Event()
        self._stopped = False

    async def join(self) -> None:
        """Enter the group. Raises `Transient` where the broker is away."""
        self._consumer.subscribe(topics=[self._topic], listener=self)
        try:
            async with asyncio.timeout(self._timing.request_s + self._timing.rebalance_s):
                await self._consumer.start()
        except FAULTS as fault:
            raise answer_to(fault) from fault

    async def fetch(self, *, records_max: int, wait_s: float) -> Batch:
        if self._closing.is_set():
            return Batch((), _Mark(self._generation, {}))
        taking = asyncio.ensure_future(self._take(records_max, wait_s))
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            # getmany may wait longer than it was told while the keys move.
            await asyncio.wait(
                (taking, closing), timeout=wait_s + 0.1, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            closing.cancel()
            if not taking.done():
                taking.cancel()
                await asyncio.wait((taking,))
        if taking.cancelled():
            return Batch((), _Mark(self._generation, {}))
        return taking.result()

    async def _take(self, records_max: int, wait_s: float) -> Batch:
        try:
            found = await self._consumer.getmany(timeout_ms=ms(wait_s), max_records=records_max)
        except ConsumerStoppedError:
            found = {}
        except FAULTS as fault:
            raise answer_to(fault) from fault
        # No await from here on: a rebalance must see that this was handed out.
        reach = {partition: part[-1].offset + 1 for partition, part in found.items() if part}
        mark = _Mark(self._generation, reach)
        if reach:
            self._handed_out.add(mark)
            self._settled.clear()
        return Batch([_record(entry) for part in found.values() for entry in part], mark)

    async def acknowledge(self, batch: Batch) -> None:
        mark = batch.mark
        assert isinstance(mark, _Mark)
        if not mark.reach:
            return
        if mark.generation != self._generation or self._closing.is_set():
            raise KeysLost(self._topic)
        try:
            async with asyncio.timeout(self._timing.request_s):
                await self._consumer.commit(mark.reach)
        except (CommitFailedError, IllegalStateError, ConsumerStoppedError) as lost:
            self._settle(mark)
            raise KeysLost(self._topic) from lost
        except FAULTS as fault:
            raise answer_to(fault) from fault
        self._settle(mark)

    async def rewind(self) -> None:
        self._drop_what_was_handed_out()
        try:
            async with asyncio.timeout(self._timing.request_s):
                while not await self._start_again():  # noqa: ASYNC110 (the broker sends no event)
                    await asyncio.sleep(self._timing.heartbeat_s)
        except FAULTS as fault:
            raise answer_to(fault) from fault

    async def _start_again(self) -> bool:
        """False: the keys were moving just now."""
        partitions = list(self._consumer.assignment())
        first = await self._consumer.beginning_offsets(partitions)
        try:
            await self._consumer.commit(first)
            for partition, offset in first.items():
                self._consumer.seek(partition, offset)
        except (CommitFailedError, IllegalStateError):
            return False
        return True

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Called by the consumer before it gives its keys back to the group."""
        if not self._closing.is_set():
            try:
                async with asyncio.timeout(self._timing.hand_over_s):
                    await self._settled.wait()
            except TimeoutError:
                _log.warning("%s: gave up keys whose records were still being handled", self._topic)
        self._drop_what_was_handed_out()

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Called by the consumer with its new keys; it goes on where the group stands."""

    async def close(self) -> None:
        self._closing.set()
        self._settled.set()
        if not self._stopped:
            self._stopped = True
            await within(CLOSE_S, self._consumer.stop())

    def _settle(self, mark: _Mark) -> None:
        self._handed_out.discard(mark)
        if not self._handed_out:
            self._settled.set()

    def _drop_what_was_handed_out(self) -> None:
        self._generation += 1
        self._handed_out.clear()
        self._settled.set()


def _record(entry: ConsumerRecord) -> Record:
    return Record(
        key=(entry.key or b"").decode(),
        headers={name: (value or b"").decode() for name, value in entry.headers},
        value=entry.value or b"",
    )
