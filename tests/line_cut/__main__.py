"""python -m tests.line_cut [--sales 5000] [--seed 1] [--kills 12] [--turns 40] [--bus kafka]

Three days without a line, compressed: the lines are cut, half open, slow and broken off at random
while the gateway is killed again and again. Ends with 0 where every rule holds, else with 1.
`DATABASE_URL`: a server to use (databases of its own are made there); else a private one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from rich.console import Console

from events.bus.local_kafka import resolve_jars
from events.store.connection import plain_url
from kassenverbund.postgres import private_database
from tests.line_cut.checks import faults
from tests.line_cut.ground import ground
from tests.line_cut.run import Plan, Ran, run
from tests.support.program import ROOT

SALES, KILLS, TURNS, TILLS, RATE = 5_000, 12, 40, 4, 40.0
FAULTS_SHOWN = 20


async def play(plan: Plan, bus: str) -> Ran:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="line-cut-")))
        os.chmod(folder, 0o755)  # As root the server runs under another user.
        url = os.environ.get("DATABASE_URL")
        if url is None:
            private = await stack.enter_async_context(private_database(folder / "postgres"))
            url = private.url
        jars = None
        if bus == "kafka":
            jars = resolve_jars(ROOT / "deploy/kafka/pom.xml", ROOT / "var/kafka-jars")
        made = await stack.enter_async_context(
            ground(folder, plain_url(url), tills=TILLS, kafka_jars=jars)
        )
        return await run(plan, made)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.line_cut")
    parser.add_argument("--sales", type=int, default=SALES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--turns", type=int, default=TURNS, help="of the line")
    parser.add_argument("--bus", choices=("kafka", "postgres"), default="kafka")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    plan = Plan(seed=asked.seed, sales=asked.sales, rate=RATE, kills=asked.kills, turns=asked.turns)
    began = time.monotonic()
    ran = asyncio.run(play(plan, asked.bus))
    found = faults(ran)
    seconds = round(time.monotonic() - began, 1)
    if asked.json:
        figures = {"seed": asked.seed, "bus": asked.bus, "seconds": seconds, "faults": found}
        sys.stdout.write(json.dumps({**figures, **ran.tally.document()}) + "\n")
    else:
        out = Console(highlight=False)
        out.print(f"seed {asked.seed}, bus {asked.bus}, {seconds} s: {ran.summary()}")
        for rule, sentences in found.items():
            out.print(f"[red]{rule}[/red]: {len(sentences)}")
            for sentence in sentences[:FAULTS_SHOWN]:
                out.print(f"  {sentence}")
        if not found:
            out.print("[green]every rule holds[/green]")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
