"""The bus on Apache Kafka: publishing, topics, and how clients are set up.

Order: a publish sends at most one batch per partition at a time and stops that partition at the
first fault, so what a faulty publish leaves behind is a prefix, and its repeat duplicates but never
reorders. Offsets are committed explicitly, after the caller acknowledged.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.partitioner import murmur2

from events.bus.contract import RECORD_BYTES_MAX, Record, check_size
from events.bus.kafka.common import CLOSE_S, FAULTS, Timing, answer_to, ms, within
from events.bus.kafka.subscription import KafkaSubscription
from events.errors import Transient

PARTITIONS = 12
"""Partitions of a topic that `ensure_topics` creates. Fixed for life: another number moves keys."""

REPLICAS = 3
"""Copies of a topic, as far as there are brokers. With three, two must have every record."""

BATCH_BYTES_MAX = RECORD_BYTES_MAX + 256 * 1024
"""One batch of one partition; room for the largest record, below the brokers' usual 1 MiB."""

_TOPIC_EXISTS = 36


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
        self._producer: Any = None
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
            async with asyncio.timeout(2 * self._timing.request_s):
                partitions = sorted(await producer.partitions_for(topic))
        except FAULTS as fault:
            await self._give_up(producer)
            raise answer_to(fault) from fault
        parts: dict[int, list[Record]] = {}
        for record in records:
            parts.setdefault(partitions[_hash(record.key) % len(partitions)], []).append(record)
        outcomes = await asyncio.gather(
            *(
                _send(producer, topic, partition, part, wait_s=2 * self._timing.request_s)
                for partition, part in parts.items()
            ),
            return_exceptions=True,
        )
        faults = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if faults:
            # One that missed an answer may be stuck for good (aiokafka #1017): take a new one.
            await self._give_up(producer)
            raise answer_to(faults[0]) from faults[0]

    @asynccontextmanager
    async def subscribe(self, topic: str, *, group: str) -> AsyncIterator[KafkaSubscription]:
        await self.ensure_topics([topic])
        # On Kafka a group spans topics; here it reads one, and must not be disturbed by others.
        consumer = self._consumer(f"{group}.{topic}")
        subscription = KafkaSubscription(consumer, topic, self._timing)
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
            request_timeout_ms=ms(self._timing.request_s),
            security_protocol=self._protocol,
            ssl_context=self._ssl_context,
        )
        try:
            async with asyncio.timeout(2 * self._timing.request_s):
                await admin.start()
                cluster = await admin.describe_cluster()
                copies = min(REPLICAS, len(cluster["brokers"]))
                answer = await admin.create_topics(
                    [self._new_topic(topic, copies) for topic in missing]
                )
            for topic, code, message in answer.topic_errors:
                if code not in (0, _TOPIC_EXISTS):
                    raise Transient(f"topic {topic} was not created: {code} {message}")
        except FAULTS as fault:
            raise answer_to(fault) from fault
        finally:
            await within(CLOSE_S, admin.close())
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
        except (Transient, *FAULTS):
            return False
        return True

    async def close(self) -> None:
        self._closed = True
        for subscription in list(self._subscriptions):
            await subscription.close()
        producer, self._producer = self._producer, None
        if producer is not None:
            await within(CLOSE_S, producer.stop())

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
                    request_timeout_ms=ms(self._timing.request_s),
                    retry_backoff_ms=100,
                    metadata_max_age_ms=60_000,
                    connections_max_idle_ms=540_000,
                    security_protocol=self._protocol,
                    ssl_context=self._ssl_context,
                )
                try:
                    async with asyncio.timeout(self._timing.request_s):
                        await producer.start()
                except FAULTS as fault:
                    await within(CLOSE_S, producer.stop())
                    raise answer_to(fault) from fault
                self._producer = producer
            return self._producer

    async def _give_up(self, producer: Any) -> None:
        if self._producer is producer:
            self._producer = None
            await within(CLOSE_S, producer.stop())

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
            session_timeout_ms=ms(timing.session_s),
            heartbeat_interval_ms=ms(timing.heartbeat_s),
            rebalance_timeout_ms=ms(timing.rebalance_s),
            max_poll_interval_ms=ms(timing.max_poll_s),
            max_poll_records=None,
            fetch_min_bytes=1,
            fetch_max_wait_ms=500,
            fetch_max_bytes=8 * 1024 * 1024,
            max_partition_fetch_bytes=1024 * 1024,
            request_timeout_ms=ms(max(timing.request_s, timing.rebalance_s + 5)),
            retry_backoff_ms=100,
            metadata_max_age_ms=60_000,
            connections_max_idle_ms=540_000,
            security_protocol=self._protocol,
            ssl_context=self._ssl_context,
        )


async def _send(
    producer: AIOKafkaProducer,
    topic: str,
    partition: int,
    records: Sequence[Record],
    *,
    wait_s: float,
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
        async with asyncio.timeout(wait_s):
            await (await producer.send_batch(batch, topic, partition=partition))


@lru_cache(maxsize=65_536)
def _hash(key: str) -> int:
    # As every Java client does it, so that other producers put a key where we look for it.
    found: int = murmur2(key.encode())
    return found & 0x7FFFFFFF
