"""What a gateway takes of a store box's memory: idle, and with 20 tills that sell.

One process, `kassenverbund serve device-gateway`, with a private PostgreSQL (not counted) and a
printer on the network. Aim: below 200 MiB, PostgreSQL apart. PSS counts what is shared with other
processes by its share; RSS counts all of it.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tests.support.program import ROOT, Program

from benchmarks.report import Row, show
from device_gateway.adapters.virtual_printer import Profile, VirtualPrinter
from kassenverbund.cli.simulate import paired
from kassenverbund.simulate.plan import Kind, plan
from kassenverbund.simulate.play import play
from kassenverbund.simulate.till import Shelf, SimulatedTill

AIM_MIB = 200.0
TILLS, RATE, SECONDS = 20, 20.0, 12.0
STORE = "berlin"
MIB = 1024.0
MIX: Mapping[Kind, float] = {"cash": 3, "card": 2}
NOWHERE = "https://localhost:9"


@dataclass(frozen=True)
class Memory:
    """MiB."""

    pss: float
    rss: float


def memory_of(pid: int) -> Memory:
    """From /proc (Linux)."""
    found = dict[str, float]()
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name, _, rest = line.partition(":")
        parts = rest.split()
        if len(parts) == 2 and parts[1] == "kB":
            found[name] = int(parts[0]) / MIB
    return Memory(found["Pss"], found["Rss"])


def chain(folder: Path, printer_port: int) -> Path:
    document: dict[str, Any] = yaml.safe_load((ROOT / "chain.yaml").read_text())
    document["stores"] = [store for store in document["stores"] if store["id"] == STORE]
    document["stores"][0]["printers"] = [
        {"id": "bon", "host": "127.0.0.1", "port": printer_port, "columns": 48}
    ]
    path = folder / "chain.yaml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True))
    return path


async def measure(folder: Path) -> list[Row]:
    async with VirtualPrinter(profile=Profile(dots=576), pictures=False) as printer:
        program = Program(
            folder / "var",
            ("serve", "device-gateway"),
            environment={
                "KASSENVERBUND_CHAIN": str(chain(folder, printer.port)),
                "KASSENVERBUND_URL_VOUCHER": NOWHERE,
                "KASSENVERBUND_URL_COSTCENTER": NOWHERE,
                "KASSENVERBUND_SIGN_WITHIN_S": "1",
            },
        )
        program.start()
        try:
            await program.ready()
            assert program.process is not None
            idle = memory_of(program.process.pid)
            answered = await sell(program)
            busy = memory_of(program.process.pid)
        finally:
            program.stop()
    note = f"{answered} sales by {TILLS} tills, {len(printer.papers)} papers so far"
    return [
        row("idle, PSS", idle.pss),
        row("idle, RSS", idle.rss),
        row("under 20 tills, PSS", busy.pss, note=note),
        row("under 20 tills, RSS", busy.rss),
    ]


def row(name: str, mib: float, *, note: str = "") -> Row:
    return Row(name, mib, "MiB", aim=f"< {AIM_MIB:.0f} MiB", met=mib < AIM_MIB, note=note)


async def sell(program: Program) -> int:
    """How many sales came to an end. Raises AssertionError where one did not."""
    async with program.client() as client:
        known = await paired(client, STORE, TILLS, program.token("manager"))
        shelf = Shelf()
        tills = [
            SimulatedTill(client, STORE, till_id, token, shelf, "memory")
            for till_id, token in known
        ]
        acts = plan(rate=RATE, duration_s=SECONDS, tills=TILLS, seed=1, mix=MIX)
        tally = await play(acts, tills)
    assert not tally.errors, tally.errors
    return len(tally.done)


def main() -> int:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        rows = asyncio.run(measure(Path(folder)))
    show("memory of a gateway", rows, as_json="--json" in sys.argv)
    return 0


if __name__ == "__main__":
    sys.exit(main())
