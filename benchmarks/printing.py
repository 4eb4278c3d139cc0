"""Receipts: how many are built, how fast the spool keeps them, how soon they are on paper.

    python -m benchmarks.printing [--seconds 1] [--json]

Built: a receipt's document laid out and encoded for a printer, by paper width and by who draws the
QR code; the reference is the same receipt as plain text. The spool: durable jobs of receipt size by
20 tills, sealed, against bare inserts of the same bytes by the same connections. On paper: 20 tills
with a TCP printer each on one program over HTTPS, an open loop; the time runs from when a sale is
due until its receipt is cut off, signed by the TSE. The printers are played in this process, which
costs it some 5 ms of processor time per receipt; the reference is the answer to the till.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml
from tests.support.printing import SCHEMA, make_spool
from tests.support.program import ROOT, Program
from tests.support.shop import DemoTill, article, cash

from benchmarks.appends import server
from benchmarks.receipts import open_loop, percentile
from benchmarks.report import Row, show
from device_gateway.adapters.escpos import PrinterProfile, encode
from device_gateway.adapters.print_queue import PostgresPrintQueue
from device_gateway.adapters.virtual_printer import VirtualPrinter
from device_gateway.printing.job import PrintJob
from device_gateway.receipt import examples
from device_gateway.receipt.build import receipt_of
from device_gateway.receipt.layout import receipt_rows
from device_gateway.receipt.text import receipt_text
from events.store.pool import pool_for
from events.testing.database import fresh_database
from kassenverbund.kit.secrets import Secrets

TILLS = 20
RATE_PER_S = 8
WARM_UP = 40
SALES = 80
RECEIPT_BYTES = 1_400
DOTS = {32: 384, 42: 512, 48: 576}
PAPER_AIM_MS = 300.0


def built(seconds: float) -> list[Row]:
    """Receipts per second of one core."""
    document = receipt_of(examples.ORDER)
    rows = []
    for columns, dots in DOTS.items():
        plain = _rate(lambda: receipt_text(document, columns=columns), seconds)  # noqa: B023 (called at once)
        for qr in ("native", "image"):
            profile = PrinterProfile("p", columns, dots, "CP858", 19, qr)

            def one(profile: PrinterProfile = profile) -> object:
                return encode(receipt_rows(document, profile.columns, "CP858"), profile)

            rate = _rate(one, seconds)
            rows.append(
                Row(f"built, {columns} columns, QR by {'printer' if qr == 'native' else 'us'}",
                    rate, "/s", plain, "as text", note=f"{1e6 / rate:.0f} µs each")
            )  # fmt: skip
    return rows


def _rate(make: Callable[[], object], seconds: float) -> float:
    make()
    done, until = 0, time.process_time() + seconds
    started = time.process_time()
    while time.process_time() < until:
        make()
        done += 1
    return done / (time.process_time() - started)


async def spooled(url: str, seconds: float) -> Row:
    """Jobs per second of 20 tills, in turns with bare inserts of the same bytes."""
    await make_spool(url)
    payload, ours, bare = bytes(RECEIPT_BYTES), list[float](), list[float]()
    async with pool_for(url, schema=SCHEMA) as pool:
        await pool.execute("CREATE TABLE bare_job (job_id text PRIMARY KEY, payload bytea)")
        queue = PostgresPrintQueue(pool, Secrets(root=bytes(32), key_id="bench"))

        async def put(till: int) -> None:
            job = PrintJob(
                job_id=uuid4().hex, printer_id=f"p-{till}", store_id="berlin", till_id=f"t-{till}",
                booking_id=uuid4().hex, document="receipt", is_copy=False,
                queued_at=datetime.now(UTC),
            )  # fmt: skip
            await queue.put(job, payload, as_first=True)

        async def insert(_till: int) -> None:
            await pool.execute("INSERT INTO bare_job VALUES ($1, $2)", uuid4().hex, payload)

        for _ in range(3):
            ours.append(await _by_tills(put, seconds))
            bare.append(await _by_tills(insert, seconds))
            # Printers keep up: a queue of hundreds is no shop's day.
            await pool.execute("TRUNCATE print_job")
    return Row(
        "spool: durable jobs", sorted(ours)[1], "/s", sorted(bare)[1], "bare inserts",
        note=f"{RECEIPT_BYTES} bytes, {TILLS} tills; sealed, once per receipt, in order",
    )  # fmt: skip


async def _in_fresh_database(url: str, seconds: float) -> Row:
    async with fresh_database(url) as fresh:
        return await spooled(fresh, seconds)


async def _by_tills(act: Callable[[int], Awaitable[None]], seconds: float) -> float:
    until, done = time.perf_counter() + seconds, 0

    async def till(number: int) -> None:
        nonlocal done
        while time.perf_counter() < until:
            await act(number)
            done += 1

    started = time.perf_counter()
    await asyncio.gather(*(till(number) for number in range(TILLS)))
    return done / (time.perf_counter() - started)


def chain_of(printers: list[VirtualPrinter], folder: Path) -> Path:
    """The example chain; each till of the store in Berlin has a printer of its own."""
    chain = yaml.safe_load((ROOT / "chain.yaml").read_text())
    for store in chain["stores"]:
        store["printers"] = []
    chain["stores"][0]["printers"] = [
        {"id": f"bon-{number}", "till": f"t-{number}", "host": "127.0.0.1", "port": printer.port}
        for number, printer in enumerate(printers)
    ]
    path = folder / "chain.yaml"
    path.write_text(yaml.safe_dump(chain, allow_unicode=True))
    return path


async def on_paper() -> list[Row]:
    """From a sale that is due to its receipt."""
    printers = [VirtualPrinter(name=f"bon-{number}") for number in range(TILLS)]
    for printer in printers:
        await printer.open()
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            program = Program(Path(folder), arguments=("run", "--no-demo"))
            program.environment["KASSENVERBUND_CHAIN"] = str(chain_of(printers, Path(folder)))
            program.start()
            try:
                await program.ready()
                return await _sales(program, printers)
            finally:
                program.stop()
    finally:
        for printer in printers:
            await printer.close()


async def _sales(program: Program, printers: list[VirtualPrinter]) -> list[Row]:
    manager = await asyncio.to_thread(program.token, "manager")
    sold, answered = [0] * TILLS, list[float]()
    async with program.client() as client:
        tills = [await _paired(client, manager, number) for number in range(TILLS)]

        async def sell(index: int) -> None:
            number = index % TILLS
            started = time.perf_counter()
            await tills[number].sell(
                [article("Taschenbuch", 1299), article("Karte", 350, vat="standard")],
                [cash(2000)], key=f"bench-{time.time_ns()}-{index}",
            )  # fmt: skip
            answered.append((time.perf_counter() - started) * 1000)
            sold[number] += 1
            await printers[number].wait_for_papers(sold[number], timeout_s=60.0)

        await open_loop(WARM_UP, RATE_PER_S, sell)
        answered.clear()
        times = await open_loop(SALES, RATE_PER_S, sell)
    answered.sort()
    rows = []
    for share, name in ((0.5, "p50"), (0.99, "p99")):
        took = percentile(times, share)
        last = share > 0.9
        rows.append(
            Row(f"finish to paper, {TILLS} tills, {name}", took, "ms",
                percentile(answered, share), "the answer to the till",
                aim=f"p99 < {PAPER_AIM_MS:.0f} ms" if last else "",
                met=took < PAPER_AIM_MS if last else None,
                note=f"{SALES} sales at {RATE_PER_S}/s, worst {times[-1]:.0f} ms" if last else "")
        )  # fmt: skip
    return rows


async def _paired(client: Any, manager: str, number: int) -> DemoTill:
    asked = await client.post(
        "/stores/berlin/v1/pairings",
        json={"name": f"Kasse {number}", "till_id": f"t-{number}"},
        headers={"Authorization": f"Bearer {manager}", "Idempotency-Key": f"pair-{number}"},
    )
    asked.raise_for_status()
    paired = await client.post(
        "/stores/berlin/v1/pair",
        json={"code": asked.json()["code"]},
        headers={"Idempotency-Key": f"pair-{number}/pair"},
    )
    paired.raise_for_status()
    told = paired.json()
    return DemoTill(client, "berlin", told["till_id"], told["token"])


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given.add_argument("--seconds", type=float, default=1.0)
    given.add_argument("--json", action="store_true")
    arguments = given.parse_args()
    rows = built(arguments.seconds / 4)
    with server() as url:
        rows.append(asyncio.run(_in_fresh_database(url, arguments.seconds)))
    rows += asyncio.run(on_paper())
    show("(p) receipts on paper", rows, as_json=arguments.json)


if __name__ == "__main__":
    main()
