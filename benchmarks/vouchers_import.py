"""Taking over 100,000 vouchers from a CSV file, and printing cards.

    python -m benchmarks.vouchers_import [--rows 100000] [--rounds 1] [--json]

Ours is everything that happens between the first byte of the file and the last voucher in the log:
reading and checking each cell, keyed hashes of the codes, looking for each code and serial in the
log, the sealed rows, a claim for each code and serial, and an event per voucher in a gapless log
with hash chain, inbox and claims. All of the file or nothing.
Bare is the least that holds the same vouchers: `csv`, and one COPY into a table with unique code
and serial (in clear), all of it in one transaction; and the same rows by `unnest`.
The machine's other work is noise: the processor time of both sides is told beside the clock.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import csv
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import psutil

from benchmarks.appends import server as database
from benchmarks.report import Row, show
from events.store.connection import engine_for, plain_url
from events.store.migrate import migrate
from events.store.postgres import PostgresEventStore
from kassenverbund.chain_file import load_chain
from kassenverbund.kit.secrets import Secrets
from money import Money
from voucher.adapters.batches import PostgresBatchParts, PostgresBatchWork
from voucher.service import REGISTRY, SERVICE
from voucher.testing.office import Office, build_office

ROOT = Path(__file__).parents[1]
SECRETS = Secrets(root=b"b" * 32, key_id="bench")
AIM_S = 30.0
AIM_ROWS = 100_000
COLUMNS = ("serial", "code", "balance_minor", "valid_until")


@dataclass
class Took:
    wall_s: float
    cpu_s: float
    """Processor time of this process."""
    server_cpu_s: float
    """Processor time of PostgreSQL."""


class Stopwatch:
    """Times a step: by the clock, and by the processor time of both sides."""

    def __init__(self, backend: int) -> None:
        self._postmaster = psutil.Process(backend).parent()

    def _server_s(self) -> float:
        spent = 0.0
        for process in (self._postmaster, *self._postmaster.children()):
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                spent += times.user + times.system
        return spent

    async def timed(self, work: Awaitable[Any]) -> Took:
        wall, cpu, server = time.perf_counter(), time.process_time(), self._server_s()
        await work
        return Took(
            wall_s=time.perf_counter() - wall,
            cpu_s=time.process_time() - cpu,
            server_cpu_s=self._server_s() - server,
        )


def file_of(rows: int, run: str) -> tuple[bytes, int]:
    """A file of `rows` vouchers, and the sum of their balances in minor units."""
    lines = ["serial,code,balance,valid_until"]
    total = 0
    for number in range(rows):
        units = number % 50 + 1
        total += units * 100
        lines.append(f"{run}{number:07},{run}{number:07}Z,{units}.00,2029-12-31")
    return "\n".join(lines).encode(), total


async def import_ours(
    office: Office, watch: Stopwatch, rows: int, run: str
) -> list[tuple[str, Took]]:
    """The steps of one import, each with its time."""
    content, total = file_of(rows, run)
    wanted = Money(amount=total, currency="EUR")
    ordered: list[Any] = []

    async def order() -> None:
        ordered.append(await office.take(content, count=rows, total=wanted))

    steps = [("read, check, seal", await watch.timed(order()))]
    steps.append(("claims and events", await watch.timed(office.batches.work())))
    done = await office.batches.batch(ordered[0].batch_id)
    assert (done.state, done.done, done.total) == ("completed", rows, wanted)
    return steps


def parsed(rows: int, run: str) -> list[tuple[str, str, int, date]]:
    content, _ = file_of(rows, run)
    reader = csv.reader(content.decode().splitlines())
    next(reader)
    return [
        (serial, code, round(float(balance) * 100), date.fromisoformat(until))
        for serial, code, balance, until in reader
    ]


async def bare_copy(connection: asyncpg.Connection[Any], rows: int, run: str) -> None:
    async with connection.transaction():
        await connection.copy_records_to_table(
            "voucher", schema_name="bare", records=parsed(rows, run), columns=COLUMNS
        )


async def bare_unnest(connection: asyncpg.Connection[Any], rows: int, run: str) -> None:
    async with connection.transaction():
        await connection.execute(
            "INSERT INTO bare.voucher (serial, code, balance_minor, valid_until)"
            " SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::date[])",
            *zip(*parsed(rows, run), strict=True),
        )


async def measure(url: str, *, rows: int, rounds: int) -> list[Row]:
    await migrate(url, schema=SERVICE.schema, folder=SERVICE.migrations)
    engine = engine_for(url, schema=SERVICE.schema, pool_max=8)
    bare = await asyncpg.connect(plain_url(url))
    await bare.execute(
        "CREATE SCHEMA bare;"
        "CREATE TABLE bare.voucher (serial text PRIMARY KEY, code text NOT NULL UNIQUE,"
        " balance_minor bigint NOT NULL, valid_until date NOT NULL)"
    )
    watch = Stopwatch(await bare.fetchval("SELECT pg_backend_pid()"))
    steps: list[list[tuple[str, Took]]] = []
    printed: list[Took] = []
    references: dict[str, list[Took]] = {"COPY": [], "unnest": []}
    async with PostgresEventStore.open(
        url, service=SERVICE.name, schema=SERVICE.schema, registry=REGISTRY
    ) as store:
        office = build_office(
            store,
            chain=load_chain(ROOT / "chain.yaml"),
            secrets=SECRETS,
            clock=lambda: datetime.now(UTC),
            random_bytes=os.urandom,
            parts=PostgresBatchParts(engine, SECRETS, os.urandom),
            work=PostgresBatchWork(engine),
        )
        await office.template()
        runs: list[tuple[str, Callable[..., Awaitable[None]]]] = [
            ("COPY", bare_copy), ("unnest", bare_unnest),
        ]  # fmt: skip
        for _ in range(rounds):
            steps.append(await import_ours(office, watch, rows, uuid4().hex[:6].upper()))
            for name, run in runs:
                references[name].append(await watch.timed(run(bare, rows, uuid4().hex[:6])))
            await office.order(uuid4().hex, rows // 10)
            printed.append(await watch.timed(office.batches.work()))
    await bare.close()
    await engine.dispose()
    return _report(rows, steps, printed, references)


def _report(
    rows: int,
    steps: list[list[tuple[str, Took]]],
    printed: list[Took],
    references: dict[str, list[Took]],
) -> list[Row]:
    whole_s = statistics.median(sum(took.wall_s for _, took in run) for run in steps)
    cpu_s = statistics.median(sum(took.cpu_s for _, took in run) for run in steps)
    server_s = statistics.median(sum(took.server_cpu_s for _, took in run) for run in steps)
    found = []
    for name, took in references.items():
        bare_s = statistics.median(one.wall_s for one in took)
        found.append(
            Row(
                name=f"import of {rows:,} vouchers", ours=rows / whole_s, unit="/s",
                reference=rows / bare_s, against=f"csv and bare {name}",
                note=f"processor time: {cpu_s:.1f} s here, {server_s:.1f} s PostgreSQL",
            )
        )  # fmt: skip
    found.append(
        Row(
            name="import, whole", ours=whole_s, unit="s", aim=f"< {AIM_S:.0f} s for {AIM_ROWS:,}",
            met=whole_s < AIM_S * rows / AIM_ROWS,
            note="; ".join(
                f"{name} {took.wall_s:.1f} s ({took.cpu_s:.1f} s here,"
                f" {took.server_cpu_s:.1f} s PostgreSQL)"
                for name, took in steps[-1]
            ),
        )
    )  # fmt: skip
    print_s = statistics.median(took.wall_s for took in printed)
    cards = rows // 10
    found.append(
        Row(
            name=f"print run of {cards:,} cards", ours=cards / print_s, unit="/s",
            note=f"{print_s:.1f} s, codes drawn, sealed and in the log",
        )
    )  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=AIM_ROWS)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with database() as url:
        rows = asyncio.run(measure(url, rows=given.rows, rounds=given.rounds))
    show("Taking vouchers over", rows, as_json=given.json)


if __name__ == "__main__":
    main()
