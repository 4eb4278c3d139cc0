"""python -m tests.endurance [--processes 10000] [--seed 1] [--every 60] [--json]

Ends with 0 where every rule holds, with 1 where one is broken. `DATABASE_URL`: a server to use
(a database of its own is made there); else a private one is started.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from tests.endurance.checks import explained, faults
from tests.endurance.database import database
from tests.endurance.run import Plan, Ran, Run

PROCESSES, EVERY = 10_000, 60
FAULTS_SHOWN = 20


def figures(ran: Ran) -> dict[str, object]:
    """What a run came to, as plain figures."""
    facts = ran.facts
    left = Counter(one.data["reason"] for one in facts.of("signature.left_unsigned"))
    epochs = {one.data["epoch"] for one in facts.of("tse.taken_over")}
    return {
        "seed": ran.plan.seed,
        "processes": sum(map(len, facts.told.values())),
        "seconds": round(ran.seconds, 1),
        "signed": len(facts.of("signature.made")),
        "unsigned": dict(left),
        "closings": len(facts.of("closing.signed")),
        "outages": dict(Counter(_outage(one.data) for one in facts.of("outage.began"))),
        "acts": dict(ran.acts),
        "take-overs": len(facts.of("tse.taken_over")),
        "epochs": max(epochs, default=0),
        "segments": len(facts.of("tse.segment_opened")),
        "faults of devices": dict(ran.struck),
        "counters": sum(len(device.logs) for device in facts.devices.values()),
        "counters used for": dict(explained(facts)),
    }


def _outage(data: dict[str, Any]) -> str:
    return f"{data['tse_id']} {data['reason']}"


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.endurance")
    parser.add_argument("--processes", type=int, default=PROCESSES, help="of tills, to be signed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--every", type=int, default=EVERY, help="verdicts between acts of violence"
    )
    parser.add_argument("--broken", action="store_true", help="with a defect: it has to be found")
    parser.add_argument("--json", action="store_true", help="figures as one JSON object")
    given = parser.parse_args()
    plan = Plan(given.seed, given.processes, given.every, given.broken)
    console = Console(stderr=True)
    async with database() as url:
        with (
            tempfile.TemporaryDirectory(prefix="endurance-") as folder,
            Progress(console=console) as bar,
        ):
            task = bar.add_task("signing", total=plan.processes)
            run = Run(plan, url, Path(folder), lambda count: bar.advance(task, count))
            ran = await run.play()
    broken = [*faults(ran.facts), *ran.log_faults]
    if ran.restless:
        broken.insert(0, f"it never came to rest: {ran.restless}")
    if given.json:
        print(json.dumps({**figures(ran), "faults": broken[:FAULTS_SHOWN]}))
    else:
        for name, value in figures(ran).items():
            print(f"{name}: {value}")
        print("every rule holds" if not broken else f"{len(broken)} faults")
        for fault in broken[:FAULTS_SHOWN]:
            print(f"  {fault}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
