"""An export of the books: from the journal in PostgreSQL to a DSFinV-K archive on disk.

    python -m benchmarks.dsfinvk_export [--lines 1000000] [--kept 20000] [--json]

Ours is the whole export as an inspector asks for it: closings, processes and their signatures read
from the journal, turned into the rows of all tables with their sums and the comparison with what
the tills said, compressed, packed and hashed; by the exporting process, whose memory is told.
Each booking has four lines; every 200 bookings the till is closed.
Bare is the least that writes the same rows: they are there already, `csv` writes them and `zipfile`
packs them.

`keep`: what the journal costs per event when it is heard, in batches as the receiver hands them.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import psutil

from benchmarks.appends import server as database
from benchmarks.report import Row, show
from events.reaction import Incoming
from events.receiver import BATCH_MAX
from events.store.connection import connect, engine_for, raw
from events.store.migrate import migrate
from fiscal_signer.adapters.exports.dsfinvk import _COMMAND as CHILD
from fiscal_signer.adapters.journal import PostgresJournal
from fiscal_signer.policies.keeper import Keeper, entry_of
from fiscal_signer.service import SERVICE
from fiscal_signer.testing.books import TillBooks, card, cash, gateway_event, line, master

BEGIN = datetime(2026, 1, 1, 8, 0, tzinfo=UTC)
LINES_PER_BOOKING = 4
BOOKINGS_PER_CLOSING = 200
TILLS = 8
AIM_S = 60.0
AIM_MIB = 300.0
FULL = 0.9
"""Of a million lines: with fewer, the start of the process is most of the time."""

COLUMNS = (
    "position", "event_id", "name", "version", "source", "stream", "sequence", "recorded_at",
    "kind", "store_id", "till_id", "booking_id", "shift", "number", "business_date", "data",
)  # fmt: skip
SIGNATURE = "MGUCMQ" + 122 * "x"


@dataclass(frozen=True, slots=True)
class Took:
    wall_s: float
    cpu_s: float
    memory_mib: float = 0.0
    said: dict[str, Any] | None = None


def books_of(till: int, closings: int) -> Iterator[list[Incoming]]:
    """A till's events, closing by closing, with a verdict for each process."""
    books = TillBooks(f"store-{till}", begin=BEGIN + timedelta(minutes=till))
    yield [master(books.store, at=BEGIN), initialized(books.store)]
    articles = [line(1190, name=f"Artikel {number}") for number in range(3)]
    goods = [*articles, line(1070, vat="reduced", name="Zeitschrift")]
    total = sum(entry["amount"]["amount"] for entry in goods)
    books.open()
    for number in range(BOOKINGS_PER_CLOSING - 1):
        books.sell(goods, [cash(total) if number % 2 else card(total)])
    books.close()
    verdicts = [
        signed(json.loads(event.data), transaction, event.time)
        for transaction, event in enumerate(books.events[1:], start=1)
    ]
    day = [*books.events, *verdicts]
    yield day
    for number in range(1, closings):
        yield [later(event, number) for event in day]


def later(event: Incoming, days: int) -> Incoming:
    """The same on a later day: with the next shift's ids, numbers and dates. As text, since a
    journal of a million lines is made in this way before anything is measured."""
    text = event.data.decode()
    text = text.replace("2026-01-01T", f"{BEGIN + timedelta(days=days):%Y-%m-%d}T")
    text = text.replace('date": "2026-01-01"', f'date": "{BEGIN + timedelta(days=days):%Y-%m-%d}"')
    text = text.replace('"shift": 1,', f'"shift": {1 + days},')
    text = text.replace('"z_number": 1,', f'"z_number": {1 + days},')
    given = days * BOOKINGS_PER_CLOSING
    text = NUMBERS.sub(lambda found: f"{found[1]}{int(found[2]) + given}", text)
    text = IDS.sub(lambda found: f"{found[1]}{days:08x}", text)
    moment = event.time + timedelta(days=days)
    return replace(event, event_id=uuid4(), data=text.encode(), time=moment)


NUMBERS = re.compile(r'("(?:number|numbers|transaction_number)": )([0-9]+)')
IDS = re.compile(r'("(?:booking_id|first_booking_id|last_booking_id)": ")([0-9a-f]{8})')


def initialized(store: str) -> Incoming:
    data = {
        "tse_id": f"tse-{store}", "store_id": store, "kind": "software", "certified": False,
        "serial": 64 * "a", "public_key": 132 * "k", "algorithm": "ecdsa-plain-SHA384",
        "time_format": "unixTime", "certificate": 1500 * "c", "initialized_at": BEGIN.isoformat(),
    }  # fmt: skip
    return gateway_event("tse.initialized", data, at=BEGIN)


def signed(booking: dict[str, Any], transaction: int, at: datetime) -> Incoming:
    """signature.made of P-384, as large as a real one."""
    store = booking["store_id"]
    moment = at.isoformat().replace("+00:00", "Z")
    data = {
        "booking_id": booking["booking_id"], "store_id": store, "till_id": booking["till_id"],
        "tse_id": f"tse-{store}", "tse_serial": 64 * "a", "certified": False,
        "client_id": booking["client_id"], "transaction_number": transaction,
        "signature_counter": 2 * transaction, "start_time": moment, "log_time": moment,
        "process_type": "Kassenbeleg-V1",
        "process_data": "Beleg^35.70_10.70_0.00_0.00_0.00^46.40:Bar",
        "algorithm": "ecdsa-plain-SHA384", "time_format": "unixTime",
        "value": f"{transaction:0>12}{SIGNATURE[:116]}", "public_key": 132 * "k",
        "qr": "V0;" + 400 * "q", "log_message": 400 * "l", "aborted": False,
    }  # fmt: skip
    return gateway_event("signature.made", data, at=at)


async def seed(url: str, lines: int) -> None:
    """Straight into the table: a journal of months is not heard again for a benchmark."""
    closings = max(1, lines // LINES_PER_BOOKING // BOOKINGS_PER_CLOSING // TILLS)
    connection = await connect(url, schema=SERVICE.schema)
    position = 0
    try:
        for till in range(TILLS):
            for events in books_of(till, closings):
                rows = []
                for event in events:
                    position += 1
                    rows.append(row_of(event, position))
                await connection.copy_records_to_table("journal", records=rows, columns=COLUMNS)
        await connection.execute("UPDATE journal_head SET position = $1", position)
        await connection.execute("VACUUM ANALYZE journal", timeout=600)
    finally:
        await connection.close()


def row_of(event: Incoming, position: int) -> tuple[Any, ...]:
    kept = entry_of(event)
    return (
        position, uuid4(), event.name, event.version, event.source, event.subject, 1, event.time,
        kept.kind, kept.store_id, kept.till_id, kept.booking_id, kept.shift, kept.number,
        kept.business_date, event.data.decode(),
    )  # fmt: skip


def ours(url: str, folder: Path, position: int) -> Took:
    """The exporting process, from its start to its end."""
    order = {
        "begin": date(2025, 1, 1).isoformat(), "end": date(2199, 1, 1).isoformat(),
        "store_ids": [], "till_ids": [], "journal_position": position,
        "out": str(folder / "ours.export"), "database": url, "schema": SERVICE.schema, "role": None,
    }  # fmt: skip
    begin = time.perf_counter()
    process = subprocess.Popen(CHILD, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(order).encode() + b"\n")
    process.stdin.flush()
    said = json.loads(process.stdout.read().splitlines()[-1])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - begin
    if "done" not in said:
        raise RuntimeError(f"the export failed: {said}")
    return Took(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, said["done"])


def bare(archive: Path, folder: Path) -> Took:
    """The same rows once more, by the standard library."""
    tables = []
    with zipfile.ZipFile(archive) as given:
        for name in given.namelist():
            if name.endswith(".csv"):
                text = io.TextIOWrapper(given.open(name), "utf-8", newline="")
                tables.append((name, list(csv.reader(text, delimiter=";"))))
    begin, before = time.perf_counter(), time.process_time()
    with zipfile.ZipFile(folder / "bare.zip", "w", zipfile.ZIP_DEFLATED) as out:
        for name, rows in tables:
            with out.open(name, "w", force_zip64=True) as raw:
                text = io.TextIOWrapper(raw, "utf-8", newline="")
                csv.writer(text, delimiter=";", lineterminator="\r\n").writerows(rows)
                text.flush()
    return Took(time.perf_counter() - begin, time.process_time() - before)


async def kept(url: str, events: int) -> Row:
    """Processor time per event that is heard, this process and PostgreSQL."""
    engine = engine_for(url, schema=SERVICE.schema, pool_max=1)
    keeper = Keeper(PostgresJournal(engine))
    records = [event for page in books_of(99, max(1, events // 400)) for event in page][:events]
    await keeper.handle(records[:BATCH_MAX])
    async with raw(engine) as connection:
        backend = psutil.Process(await connection.fetchval("SELECT pg_backend_pid()"))
    me = psutil.Process()
    before, begin = sum(me.cpu_times()[:2]), time.perf_counter()
    server_before = sum(backend.cpu_times()[:2])
    for at in range(BATCH_MAX, len(records), BATCH_MAX):
        await keeper.handle(records[at : at + BATCH_MAX])
    done = len(records) - BATCH_MAX
    own = (sum(me.cpu_times()[:2]) - before) / done * 1e6
    server = (sum(backend.cpu_times()[:2]) - server_before) / done * 1e6
    rate = done / (time.perf_counter() - begin)
    await engine.dispose()
    note = f"processor per event: {own:.0f} µs here, {server:.0f} µs in PostgreSQL"
    return Row("journal: events kept", rate, "/s", note=note)


async def measure(lines: int, events: int, folder: Path) -> list[Row]:
    with database() as base:
        name = f"bench_{uuid4().hex[:8]}"
        admin = await asyncpg.connect(base)
        await admin.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
        await admin.close()
        from sqlalchemy.engine import make_url

        url = make_url(base).set(database=name).render_as_string(hide_password=False)
        await migrate(url, schema=SERVICE.schema, folder=SERVICE.migrations)
        begin = time.perf_counter()
        await seed(url, lines)
        seeded = time.perf_counter() - begin
        connection = await connect(url, schema=SERVICE.schema)
        position = await connection.fetchval("SELECT position FROM journal_head")
        size = await connection.fetchval("SELECT pg_total_relation_size('journal')")
        await connection.close()
        took = await asyncio.to_thread(ours, url, folder, position)
        against = await asyncio.to_thread(bare, folder / "ours.export", folder)
        journal = await kept(url, events)
        said = took.said or {}
        assert said["differences"] == 0, said
        million = said["lines"] / 1_000_000
        fast = took.wall_s < AIM_S * million if million >= FULL else None
        note = (
            f"{said['lines']:,} lines, {said['rows']:,} rows, {said['bytes'] / 2**20:.0f} MiB;"
            f" processor {took.cpu_s:.1f} s against {against.cpu_s:.1f} s;"
            f" journal {size / 2**20:.0f} MiB, seeded in {seeded:.0f} s"
        )
        return [
            Row(
                "export", took.wall_s * 1000, "ms", against.wall_s * 1000, "csv + zipfile",
                aim=f"1,000,000 lines < {AIM_S:.0f} s", met=fast,
                note=note,
            ),
            Row(
                "export: memory", took.memory_mib, "MiB", aim=f"< {AIM_MIB:.0f} MiB",
                met=took.memory_mib < AIM_MIB,
            ),
            journal,
        ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--kept", type=int, default=20_000, help="events for the journal")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = asyncio.run(measure(given.lines, given.kept, Path(folder)))
    show("DSFinV-K export", rows, as_json=given.json)
    if not given.json and any(row.met is False for row in rows):
        sys.exit(0)


if __name__ == "__main__":
    main()
