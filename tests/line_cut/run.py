"""One run: a store sells while its lines are cut and its gateway is killed; then all is back.

Time is compressed: what a shop sells in an hour (or in three days) comes as fast as the tills and
this machine can. What is bounded by time in the program (3 s for a service that is away, the
signer's time, the relay's pauses) is as in life.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import asyncpg

from kassenverbund.simulate.plan import Kind, plan
from kassenverbund.simulate.play import Tally, play
from kassenverbund.simulate.till import Asked, Done
from tests.line_cut.ground import Ground
from tests.line_cut.load import Load
from tests.line_cut.proxy import Mood

MIX: Mapping[Kind, float] = {
    "cash": 50, "card": 20, "voucher_sale": 8, "voucher": 8, "center": 8, "return": 3, "abort": 3,
}  # fmt: skip

PATIENCE_S = 120.0
"""How long a till asks again with the same key while its gateway is dead."""

ARRIVE_WAIT_S = 240.0
"""How long all of it may take to arrive once the line is back."""

SLOWEST = 5
"""Refusals in a summary."""

NUMBERED = ("booking.recorded", "booking.aborted", "cash.moved", "till.closed")


@dataclass(frozen=True)
class Plan:
    """The same seed draws the same sales and the same faults, by sales and not by the clock."""

    seed: int
    sales: int = 200
    rate: float = 30.0
    kills: int = 2
    turns: int = 5
    """How often the line changes its mood; the first change cuts it, the last one heals it."""


@dataclass
class Ran:
    """What is left for those who judge it."""

    plan: Plan
    asked: list[Asked] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    store_log: list[dict[str, Any]] = field(default_factory=list)
    center_logs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    papers: list[str] = field(default_factory=list)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    parked: list[str] = field(default_factory=list)
    load: Load = field(default_factory=Load)
    moods: Sequence[str] = ()
    kills: int = 0

    def keep(self, asked: Asked) -> None:
        """Called when it was answered."""
        self.asked.append(asked)
        if asked.status >= 400:
            self.load.mark(asked.key, asked.took_s)

    def named(self, name: str) -> list[dict[str, Any]]:
        """Data of the store's events of one name, in order."""
        return [each["data"] for each in self.store_log if each["name"] == name]

    def history(self, booking_id: str) -> list[str]:
        """Names of a booking's events, in order."""
        stream = f"booking-{booking_id}"
        return [
            f"{each['name']} {each['data'].get('code') or ''}".strip()
            for each in self.store_log
            if each["stream"] == stream
        ]

    def at_center(self, service: str, *names: str) -> list[dict[str, Any]]:
        return [each["data"] for each in self.center_logs[service] if each["name"] in names]

    def summary(self) -> str:
        states = Counter(job["state"] for job in self.jobs)
        refused = sum(self.tally.refused.values())
        waits = sorted(
            ((each.took_s, self.load.busy.get(each.key, 0.0)) for each in self.asked
             if each.status == 503 and not each.repeats), reverse=True,
        )  # fmt: skip
        slowest = ", ".join(f"{took_s:.2f} s ({busy:.0%})" for took_s, busy in waits[:SLOWEST])
        return (
            f"{len(self.tally.done)} acts in {self.tally.took_s:.0f} s, {refused} refused,"
            f" {len(self.named('booking.recorded'))} recorded; line: {' '.join(self.moods)};"
            f" {self.kills} kills; {len(self.papers)} papers, jobs {dict(states)};"
            f" slowest refusals (processors busy): {slowest or 'none'}"
        )


async def run(plan_: Plan, field_: Ground) -> Ran:
    """All of it. Raises TimeoutError with what is missing where something never arrives."""
    ran = Ran(plan_)
    acts = plan(
        rate=plan_.rate, duration_s=plan_.sales / plan_.rate, tills=len(field_.tills),
        seed=plan_.seed, mix=MIX,
    )  # fmt: skip
    tills = [replace(till, keep=ran.keep, patience_s=PATIENCE_S) for till in field_.tills]
    trouble = Trouble(plan_, field_, len(acts))
    playing = asyncio.create_task(play(acts, tills, told=trouble.told))
    watching = asyncio.create_task(trouble.watch())
    weighing = asyncio.create_task(ran.load.watch())
    await asyncio.wait({playing, watching}, return_when=asyncio.FIRST_COMPLETED)
    if watching.done():
        playing.cancel()
        await asyncio.wait({playing})
    watching.cancel()
    weighing.cancel()
    ran.tally = await (watching if watching.done() else playing)
    await trouble.over()
    await arrived(field_)
    ran.moods, ran.kills = tuple(field_.moods), field_.kills
    await collect(ran, field_)
    return ran


class Trouble:
    """Turns and kills when so many acts are done."""

    def __init__(self, plan_: Plan, ground: Ground, acts: int) -> None:
        self._ground = ground
        self._rng = random.Random(plan_.seed)
        self._done = 0
        self._tasks = set[asyncio.Task[None]]()
        first, last = acts // 8, acts * 7 // 8
        between = sorted(self._rng.sample(range(first + 1, last), plan_.turns - 2))
        moods = [Mood.CUT, *(self._mood(number) for number in range(plan_.turns - 2))]
        self._turns = dict(zip([first, *between], moods, strict=True)) | {last: Mood.UP}
        self._kills = set(self._rng.sample(range(first + 5, last - 5), plan_.kills))
        self._one_kill = asyncio.Lock()

    def _mood(self, number: int) -> Mood | None:
        """None: a reset. A half-open line first: the worst one is never left out."""
        if number == 0:
            return Mood.HANG
        return self._rng.choice([Mood.CUT, Mood.HANG, Mood.DELAY, Mood.UP, None])

    def told(self, done: Done) -> None:
        self._done += 1
        if self._done in self._turns:
            mood = self._turns[self._done]
            if mood is None:
                self._ground.reset()
            else:
                self._ground.turn(mood)
        if self._done in self._kills:
            task = asyncio.create_task(self._kill())
            self._tasks.add(task)

    async def _kill(self) -> None:
        async with self._one_kill:
            await self._ground.kill_store()

    async def watch(self) -> Tally:
        """Raises AssertionError where a program ends that nobody killed."""
        while True:
            await asyncio.sleep(1.0)
            async with self._one_kill:
                for program in (self._ground.store, self._ground.center):
                    assert program.process is not None
                    assert program.process.poll() is None, program.tail()

    async def over(self) -> None:
        """The line is back and the gateway lives."""
        await asyncio.gather(*self._tasks)
        self._ground.turn(Mood.UP)


async def arrived(ground: Ground) -> None:
    """Until everything that was numbered has a verdict at the center and in the store, and no paper
    waits. Raises TimeoutError."""
    missing = "nothing was looked at"
    try:
        async with asyncio.timeout(ARRIVE_WAIT_S):
            while missing := await _missing(ground):  # noqa: ASYNC110 - it lies in databases
                await asyncio.sleep(0.5)
    except TimeoutError:
        raise TimeoutError(missing) from None


async def _missing(ground: Ground) -> str:
    numbered = await _count(ground.store_url, "device_gateway", "booking.recorded")
    numbered += await _count(ground.store_url, "device_gateway", "booking.aborted")
    there = await _count(
        ground.center_url, "fiscal_signer", "signature.made", "signature.left_unsigned"
    )
    heard = await _count(ground.store_url, "device_gateway", "booking.verdict_received")
    charged = await _parts(ground, "payments", "cost_center")
    booked = await _count(ground.center_url, "costcenter", "charge.booked")
    sold = await _parts(ground, "lines", "voucher_sale")
    active = await _count(ground.center_url, "voucher", "voucher.activated")
    connection = await asyncpg.connect(ground.store_url)
    try:
        waiting = await connection.fetchval(
            "SELECT count(*) FROM device_gateway.print_job WHERE state IN ('queued', 'sending')"
        )
        unfinished = await connection.fetchval(
            # A sale that a refusal left open is aborted after half an hour.
            "SELECT count(*) FROM device_gateway.unfinished_booking WHERE phase = 'recorded'"
        )
    finally:
        await connection.close()
    found = {
        "verdicts at the center": numbered - there,
        "verdicts in the store": numbered - heard,
        "vouchers active": sold - active,
        "charges booked": charged - booked,
        "papers": waiting,
        "unfinished": unfinished,
    }
    return ", ".join(f"{what}: {count}" for what, count in found.items() if count)


async def _count(url: str, schema: str, *names: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        found = await connection.fetchval(
            f"SELECT count(*) FROM {schema}.event WHERE type = ANY($1)", list(names)
        )
    finally:
        await connection.close()
    return int(found)


async def _parts(ground: Ground, part: str, kind: str) -> int:
    """How many lines or payments of a kind the recorded bookings have."""
    connection = await asyncpg.connect(ground.store_url)
    try:
        found = await connection.fetchval(
            "SELECT count(*) FROM device_gateway.event,"
            " json_array_elements(data->$1::text) AS part"
            " WHERE type = 'booking.recorded' AND part->>'kind' = $2",
            part,
            kind,
        )
    finally:
        await connection.close()
    return int(found)


async def collect(ran: Ran, ground: Ground) -> None:
    """Logs, papers, jobs."""
    ran.store_log = await _log(ground.store_url, "device_gateway")
    for service in ("voucher", "costcenter", "fiscal_signer"):
        ran.center_logs[service] = await _log(ground.center_url, service)
    connection = await asyncpg.connect(ground.store_url)
    try:
        rows = await connection.fetch(
            "SELECT job_id, booking_id, document, is_copy, state, reason"
            " FROM device_gateway.print_job"
        )
        ran.jobs = [dict(row) for row in rows]
        letters = await connection.fetch("SELECT reason FROM device_gateway.dead_letter")
        ran.parked = [str(row["reason"]) for row in letters]
    finally:
        await connection.close()
    ran.papers = await asyncio.to_thread(_papers, ground.papers)


async def _log(url: str, schema: str) -> list[dict[str, Any]]:
    import json

    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            f"SELECT position, stream, type, data FROM {schema}.event ORDER BY position"
        )
    finally:
        await connection.close()
    return [
        {"position": row["position"], "stream": row["stream"], "name": row["type"],
         "data": json.loads(row["data"])}
        for row in rows
    ]  # fmt: skip


def _papers(folder: Path) -> list[str]:
    return [path.read_text(errors="replace") for path in sorted(folder.glob("*.txt"))]
