"""The bus on Apache Kafka. The only file that knows aiokafka; every option is written out.

Order: a publish sends at most one batch per partition at a time and stops that partition at the
first fault, so what a faulty publish leaves behind is a prefix, and its repeat duplicates but never
reorders. Offsets are committed explicitly, after the caller acknowledged.

A member whose keys are wanted elsewhere (a rebalance) stops handing out and waits up to
`hand_over_s` for what it handed out before; only then do the keys move. Heartbeats go on meanwhile
(aiokafka's coordinator keeps them running during the listener's call).
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from aiokafka import (
    AIOKafkaConsumer,
    AIOKafkaProducer,
    ConsumerRebalanceListener,
    ConsumerRecord,
    TopicPartition,
)
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import (
    CommitFailedError,
    ConsumerStoppedError,
    IllegalStateError,
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
)
from aiokafka.partitioner import murmur2

from events.bus.contract import RECORD_BYTES_MAX, Batch, KeysLost, Record, check_size
from events.errors import Transient

PARTITIONS = 12
"""Partitions of a topic that `ensure_topics` creates. Fixed for life: another number moves keys."""

REPLICAS = 3
"""Copies of a topic, as far as there are brokers. With three, two must have every record."""

BATCH_BYTES_MAX = RECORD_BYTES_MAX + 256 * 1024
"""One batch of one partition; room for the largest record, below the brokers' usual 1 MiB."""

REQUEST_S = 15.0
"""How long a request, and with it a batch, may wait for the broker before `Transient`."""

CLOSE_S = 5.0
"""How long an orderly goodbye to the broker may take."""

_TOPIC_EXISTS = 36
_log = logging.getLogger(__name__)

_DEFECTS = (InvalidTopicError, MessageSizeTooLargeError, TopicAuthorizationFailedError)
"""Asking again won't help: the set-up is wrong and somebody has to know."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How fast a group notices changes. Tests make it faster."""

    session_s: float = 10.0
    """A member that was killed loses its keys after this time."""
    heartbeat_s: float = 1.0
    hand_over_s: float = 20.0
    """How long a member may go on with what it fetched while others wait for its keys."""
    rebalance_s: float = 60.0
    max_poll_s: float = 300.0
    """A member that does not fetch for so long loses its keys."""


class KafkaBus:
    """See `events.bus.contract.Bus`."""

    def __init__(
        self,
        bootstrap: str,
        *,
        ssl_context: ssl.SSLContext | None,
        client_id: str,
        partitions: int,
        timing: Timing,
    ) -> None:
        self._bootstrap = bootstrap
        self._ssl_context = ssl_context
        self._client_id = client_id
        self._partitions = partitions
        self._timing = timing
        self._producer: AIOKafkaProducer | None = None
        self._producer_starts = asyncio.Lock()
        self._subscriptions: set[KafkaSubscription] = set()
        self._known: set[str] = set()
        self._closed = False

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        bootstrap: str,
        *,
        ssl_context: ssl.SSLContext | None = None,
        client_id: str = "kassenverbund",
        partitions: int = PARTITIONS,
        timing: Timing | None = None,
    ) -> AsyncIterator[KafkaBus]:
        """Nothing is connected before it is needed, so a broker that is away stops no start."""
        bus = cls(
            bootstrap,
            ssl_context=ssl_context,
            client_id=client_id,
            partitions=partitions,
            timing=timing or Timing(),
        )
        try:
            yield bus
        finally:
            await bus.close()

    async def publish(self, topic: str, records: Sequence[Record]) -> None:
        for record in records:
            check_size(record)
        if not records:
            return
        producer = await self._producer_now()
        try:
            async with asyncio.timeout(2 * REQUEST_S):
                partitions = sorted(await producer.partitions_for(topic))
        except (KafkaError, OSError, TimeoutError) as fault:
            await self._give_up(producer)
            raise _answer_to(fault) from fault
        parts: dict[int, list[Record]] = {}
        for record in records:
            parts.setdefault(partitions[_hash(record.key) % len(partitions)], []).append(record)
        outcomes = await asyncio.gather(
            *(_send(producer, topic, partition, part) for partition, part in parts.items()),
            return_exceptions=True,
        )
        faults = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if faults:
            # One that missed an answer may be stuck for good (aiokafka #1017): take a new one.
            await self._give_up(producer)
            raise _answer_to(faults[0]) from faults[0]

    @asynccontextmanager
    async def subscribe(self, topic: str, *, group: str) -> AsyncIterator[KafkaSubscription]:
        await self.ensure_topics([topic])
        subscription = KafkaSubscription(self._consumer(group), topic, self._timing)
        self._subscriptions.add(subscription)
        try:
            await subscription.join()
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
            await subscription.close()

    async def ensure_topics(self, topics: Sequence[str]) -> None:
        missing = [topic for topic in topics if topic not in self._known]
        if not missing:
            return
        admin = AIOKafkaAdminClient(
            bootstrap_servers=self._bootstrap,
            client_id=self._client_id,
            request_timeout_ms=_ms(REQUEST_S),
            security_protocol=self._protocol,
            ssl_context=self._ssl_context,
        )
        try:
            async with asyncio.timeout(2 * REQUEST_S):
                await admin.start()
                cluster = await admin.describe_cluster()
                copies = min(REPLICAS, len(cluster["brokers"]))
                answer = await admin.create_topics(
                    [self._new_topic(topic, copies) for topic in missing]
                )
            for topic, code, message in answer.topic_errors:
                if code not in (0, _TOPIC_EXISTS):
                    raise Transient(f"topic {topic} was not created: {code} {message}")
        except (KafkaError, OSError, TimeoutError) as fault:
            raise _answer_to(fault) from fault
        finally:
            await _within(CLOSE_S, admin.close())
        self._known.update(missing)

    def _new_topic(self, topic: str, copies: int) -> NewTopic:
        return NewTopic(
            name=topic,
            num_partitions=self._partitions,
            replication_factor=copies,
            topic_configs={
                "cleanup.policy": "delete",
                # The books decide how long events are kept, not the broker.
                "retention.ms": "-1",
                "min.insync.replicas": str(max(1, copies - 1)),
            },
        )

    async def healthy(self) -> bool:
        try:
            async with asyncio.timeout(CLOSE_S):
                producer = await self._producer_now()
                await producer.client.fetch_all_metadata()
        except (Transient, KafkaError, OSError, TimeoutError):
            return False
        return True

    async def close(self) -> None:
        self._closed = True
        for subscription in list(self._subscriptions):
            await subscription.close()
        producer, self._producer = self._producer, None
        if producer is not None:
            await _within(CLOSE_S, producer.stop())

    @property
    def _protocol(self) -> str:
        return "PLAINTEXT" if self._ssl_context is None else "SSL"

    async def _producer_now(self) -> AIOKafkaProducer:
        async with self._producer_starts:
            if self._closed:
                raise Transient("the bus is closed")
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._bootstrap,
                    client_id=self._client_id,
                    acks="all",
                    enable_idempotence=True,
                    compression_type=None,
                    linger_ms=0,
                    max_batch_size=BATCH_BYTES_MAX,
                    max_request_size=BATCH_BYTES_MAX + 64 * 1024,
                    request_timeout_ms=_ms(REQUEST_S),
                    retry_backoff_ms=100,
                    metadata_max_age_ms=60_000,
                    connections_max_idle_ms=540_000,
                    security_protocol=self._protocol,
                    ssl_context=self._ssl_context,
                )
                try:
                    async with asyncio.timeout(REQUEST_S):
                        await producer.start()
                except (KafkaError, OSError, TimeoutError) as fault:
                    await _within(CLOSE_S, producer.stop())
                    raise _answer_to(fault) from fault
                self._producer = producer
            return self._producer

    async def _give_up(self, producer: Any) -> None:
        if self._producer is producer:
            self._producer = None
            await _within(CLOSE_S, producer.stop())

    def _consumer(self, group: str) -> AIOKafkaConsumer:
        timing = self._timing
        return AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            client_id=self._client_id,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            check_crcs=True,
            # Never sticky: its state is shared by all consumers of a process (#1175, #1176).
            partition_assignment_strategy=(RoundRobinPartitionAssignor,),
            session_timeout_ms=_ms(timing.session_s),
            heartbeat_interval_ms=_ms(timing.heartbeat_s),
            rebalance_timeout_ms=_ms(timing.rebalance_s),
            max_poll_interval_ms=_ms(timing.max_poll_s),
            max_poll_records=None,
            fetch_min_bytes=1,
            fetch_max_wait_ms=500,
            fetch_max_bytes=8 * 1024 * 1024,
            max_partition_fetch_bytes=1024 * 1024,
            request_timeout_ms=_ms(max(REQUEST_S, timing.rebalance_s + 5)),
            retry_backoff_ms=100,
            metadata_max_age_ms=60_000,
            connections_max_idle_ms=540_000,
            security_protocol=self._protocol,
            ssl_context=self._ssl_context,
        )


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
            async with asyncio.timeout(REQUEST_S + self._timing.rebalance_s):
                await self._consumer.start()
        except (KafkaError, OSError, TimeoutError) as fault:
            raise _answer_to(fault) from fault

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
            found = await self._consumer.getmany(timeout_ms=_ms(wait_s), max_records=records_max)
        except ConsumerStoppedError:
            found = {}
        except (KafkaError, OSError) as fault:
            raise _answer_to(fault) from fault
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
            async with asyncio.timeout(REQUEST_S):
                await self._consumer.commit(mark.reach)
        except (CommitFailedError, IllegalStateError, ConsumerStoppedError) as lost:
            self._settle(mark)
            raise KeysLost(self._topic) from lost
        except (KafkaError, OSError, TimeoutError) as fault:
            raise _answer_to(fault) from fault
        self._settle(mark)

    async def rewind(self) -> None:
        self._drop_what_was_handed_out()
        try:
            async with asyncio.timeout(REQUEST_S):
                partitions = list(self._consumer.assignment())
                first = await self._consumer.beginning_offsets(partitions)
                await self._consumer.commit(first)
                for partition, offset in first.items():
                    self._consumer.seek(partition, offset)
        except (KafkaError, OSError, TimeoutError) as fault:
            raise _answer_to(fault) from fault

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
            await _within(CLOSE_S, self._consumer.stop())

    def _settle(self, mark: _Mark) -> None:
        self._handed_out.discard(mark)
        if not self._handed_out:
            self._settled.set()

    def _drop_what_was_handed_out(self) -> None:
        self._generation += 1
        self._handed_out.clear()
        self._settled.set()


async def _send(
    producer: AIOKafkaProducer, topic: str, partition: int, records: Sequence[Record]
) -> None:
    """Batch after batch; the next one only when the broker has the one before."""
    left = list(reversed(records))
    while left:
        batch = producer.create_batch()
        while left:
            record = left[-1]
            headers = [(name, value.encode()) for name, value in record.headers.items()]
            added = batch.append(
                key=record.key.encode(), value=record.value, timestamp=None, headers=headers
            )
            if added is None:
                break
            left.pop()
        batch.close()
        async with asyncio.timeout(2 * REQUEST_S):
            await (await producer.send_batch(batch, topic, partition=partition))


def _record(entry: ConsumerRecord) -> Record:
    return Record(
        key=(entry.key or b"").decode(),
        headers={name: (value or b"").decode() for name, value in entry.headers},
        value=entry.value or b"",
    )


@lru_cache(maxsize=65_536)
def _hash(key: str) -> int:
    # As every Java client does it, so that other producers put a key where we look for it.
    found: int = murmur2(key.encode())
    return found & 0x7FFFFFFF


def _answer_to(fault: BaseException) -> BaseException:
    if isinstance(fault, _DEFECTS) or not isinstance(fault, (KafkaError, OSError, TimeoutError)):
        return fault
    return Transient(f"{type(fault).__name__}: {fault}")


async def _within(wait_s: float, goodbye: object) -> None:
    """Wait for an orderly end, but not for ever and not with an error: the broker may be gone."""
    try:
        async with asyncio.timeout(wait_s):
            await goodbye  # type: ignore[misc]  # a coroutine of an untyped library
    except (KafkaError, OSError, TimeoutError) as fault:
        _log.info("an orderly goodbye to the broker failed: %r", fault)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
