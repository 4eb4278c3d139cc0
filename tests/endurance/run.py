"""One run: publish as the tills do, kill and overtake meanwhile, let it come to rest, look."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx

from events.bus.contract import Record
from events.bus.postgres import PostgresBus
from events.store.connection import plain_url
from events.store.migrate import migrate
from events.store.verify import verify
from fiscal_signer.service import SERVICE
from tests.endurance.facts import Facts, read_devices, read_on
from tests.endurance.ground import FISKALY, SCHEMA, SOFTWARE, TOPIC, TSES, Folder
from tests.endurance.script import Script, Told, scripts
from tests.support.program import ROOT, free_port

SIGNERS = 3
WINDOW = 24
"""So many processes of a store wait for their verdicts at most."""
CHUNK_MAX = 8
SIGN_WITHIN = timedelta(seconds=10)
PAUSED_S = (0.5, 2.5)
"""A paused process comes back after its leases have run out, or shortly before."""
AWAY_S = (0.3, 2.0)
POLL_S = 0.03
REST_S = 60.0
"""A run in which nothing moves for so long is over, and not well."""
LAST_SIGN_WITHIN = timedelta(seconds=60)

ACTS = ("kill", "kill", "kill", "kill two", "pause", "pause", "overtake", "overtake", "away")
"""Each round holds all of them, in an order of its own."""


@dataclass(frozen=True, slots=True)
class Plan:
    seed: int
    processes: int
    every: int
    """So many verdicts between two acts of violence."""
    broken: bool = False
    """With a defect built into the signers."""


@dataclass
class Ran:
    """What came of it."""

    plan: Plan
    facts: Facts = field(default_factory=Facts)
    acts: Counter[str] = field(default_factory=Counter)
    struck: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    log_faults: tuple[str, ...] = ()
    restless: str = ""
    """What never came, where the run did not come to rest."""


class Run:
    def __init__(self, plan: Plan, url: str, folder: Path, progress: Callable[[int], None]) -> None:
        self.ran = Ran(plan)
        self._plan = plan
        self._url = plain_url(url)
        self._folder = Folder(folder)
        self._progress = progress
        self._chance = random.Random(f"acts/{plan.seed}")
        self._fiskaly = f"http://127.0.0.1:{free_port()}"
        self._signers: list[asyncio.subprocess.Process | None] = [None] * SIGNERS
        self._paused: set[int] = set()
        self._starts = 0
        self._position = 0
        self._waiting: dict[str, set[str]] = {}
        """Store → processes without a verdict yet."""
        self._store_of: dict[str, str] = {}
        self._seen = 0
        self._next_at = plan.every
        """So many verdicts are there when the next act is due."""

    async def play(self) -> Ran:
        """All of it."""
        await migrate(self._url, schema=SCHEMA, folder=SERVICE.migrations)
        connection = await asyncpg.connect(self._url)
        cloud = await self._process("cloud", self._fiskaly.rpartition(":")[2], self._plan.seed)
        acting: asyncio.Task[None] | None = None
        try:
            async with PostgresBus.open(self._url) as bus:
                await self._until_it_answers()
                for number in range(SIGNERS):
                    await self._start(number)
                begun = time.monotonic()
                acting = asyncio.create_task(self._act())
                told = scripts(self._plan.seed, self._plan.processes)
                try:
                    await self._publish_all(bus, connection, told, acting)
                    acting.cancel()
                    await self._rest(bus, connection, told)
                except TimeoutError:
                    waiting = sum(map(len, self._waiting.values()))
                    self.ran.restless = f"{waiting} verdicts missing, out: {self._still_out()}"
                self.ran.seconds = time.monotonic() - begun
            await read_devices(connection, self._fiskaly, self.ran.facts)
        finally:
            if acting is not None:
                acting.cancel()
            await self._end([*self._signers, cloud])
            await connection.close()
        verdict = await verify(self._url, schema=SCHEMA, service=SERVICE.name)
        self.ran.log_faults = verdict.faults
        self.ran.struck = Counter(self._folder.all_struck())
        return self.ran

    # -- processes -------------------------------------------------------------------------

    async def _process(self, module: str, *arguments: object) -> asyncio.subprocess.Process:
        with (self._folder.path / f"{module}.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-m", f"tests.endurance.{module}", str(self._folder.path),
                *map(str, arguments), cwd=ROOT, stdout=log, stderr=log,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},
            )  # fmt: skip

    async def _start(self, number: int) -> None:
        self._starts += 1
        seed = self._plan.seed * 10_000 + self._starts
        broken = ["broken"] if self._plan.broken else []
        self._signers[number] = await self._process(
            "signer", self._url, f"{self._fiskaly}/api/v2", seed, *broken
        )

    async def _end(self, processes: Sequence[asyncio.subprocess.Process | None]) -> None:
        for process in processes:
            if process is not None and process.returncode is None:
                process.kill()
                await process.wait()

    async def _until_it_answers(self) -> None:
        async with asyncio.timeout(REST_S), httpx.AsyncClient() as client:
            while True:
                try:
                    await client.get(f"{self._fiskaly}/api/v2/auth")
                    return
                except httpx.TransportError:
                    await asyncio.sleep(POLL_S)

    # -- violence --------------------------------------------------------------------------

    async def _act(self) -> None:
        """Every so many verdicts something terrible."""
        left: list[str] = []
        while True:
            await asyncio.sleep(POLL_S)
            await self._restart_the_dead()
            if self._seen < self._next_at:
                continue
            left = left or self._chance.sample(ACTS, len(ACTS))
            act = left.pop()
            self.ran.acts[act] += 1
            match act:
                case "kill":
                    await self._kill(1)
                case "kill two":
                    await self._kill(2)
                case "pause":
                    await self._pause()
                case "overtake":
                    self._signal(self._chance.randrange(SIGNERS), signal.SIGUSR1)
                case "away":
                    await self._away()
            self._next_at += self._plan.every

    async def _restart_the_dead(self) -> None:
        for number, process in enumerate(self._signers):
            if process is None or process.returncode is not None:
                await self._start(number)

    async def _kill(self, count: int) -> None:
        for number in self._chance.sample(range(SIGNERS), count):
            process = self._signers[number]
            if process is not None and process.returncode is None:
                process.kill()
                await process.wait()

    async def _pause(self) -> None:
        number = self._chance.randrange(SIGNERS)
        self._signal(number, signal.SIGSTOP)
        await asyncio.sleep(self._chance.uniform(*PAUSED_S))
        self._signal(number, signal.SIGCONT)

    async def _away(self) -> None:
        kind = self._chance.choice((SOFTWARE, FISKALY))
        tse = self._chance.choice([tse for tse in TSES if tse.kind == kind])
        self._folder.away(tse.tse_id, True)
        await asyncio.sleep(self._chance.uniform(*AWAY_S))
        self._folder.away(tse.tse_id, False)

    def _signal(self, number: int, what: signal.Signals) -> None:
        process = self._signers[number]
        if process is not None and process.returncode is None:
            process.send_signal(what)

    # -- tills -----------------------------------------------------------------------------

    async def _publish_all(
        self,
        bus: PostgresBus,
        connection: asyncpg.Connection[Any],
        told: dict[str, Script],
        acting: asyncio.Task[None],
    ) -> None:
        left = {store_id: list(reversed(script.events)) for store_id, script in told.items()}
        self._waiting = {store_id: set() for store_id in left}
        chance = random.Random(f"pace/{self._plan.seed}")
        quiet_since = time.monotonic()
        while any(left.values()) or any(self._waiting.values()):
            if acting.done():
                acting.result()
            # Tills never outrun the violence.
            behind = self._seen >= self._next_at + self._plan.every
            for store_id, events in left.items():
                if events and not behind and len(self._waiting[store_id]) < WINDOW:
                    chunk = [
                        events.pop() for _ in range(min(chance.randint(1, CHUNK_MAX), len(events)))
                    ]
                    await self._publish(bus, chunk, SIGN_WITHIN)
            before = self._seen
            await asyncio.sleep(POLL_S)
            await self._look(connection)
            if self._seen > before:
                quiet_since = time.monotonic()
            if time.monotonic() - quiet_since > REST_S:
                raise TimeoutError

    async def _publish(self, bus: PostgresBus, chunk: Sequence[Told], within: timedelta) -> None:
        facts, sign_by = self.ran.facts, datetime.now(UTC) + within
        records = []
        for told in chunk:
            store_id = str(told.data["store_id"])
            if told.process is not None:
                facts.told[told.tse_id].append(told)
                facts.sign_by[told.booking_id] = sign_by
                self._waiting[store_id].add(told.booking_id)
                self._store_of[told.booking_id] = store_id
            records.append(_record(told, store_id, sign_by))
        await bus.publish(TOPIC, records)

    async def _look(self, connection: asyncpg.Connection[Any]) -> None:
        facts = self.ran.facts
        before = len(facts.log)
        self._position = await read_on(connection, facts, self._position)
        for fact in facts.log[before:]:
            if fact.name in ("signature.made", "signature.left_unsigned"):
                booking_id = fact.data["booking_id"]
                self._waiting[self._store_of[booking_id]].discard(booking_id)
                self._seen += 1
                self._progress(1)

    async def _rest(
        self, bus: PostgresBus, connection: asyncpg.Connection[Any], told: dict[str, Script]
    ) -> None:
        """No more faults; outages end; one more sale at each device finds what was left there."""
        self._folder.be_calm()
        for number in range(SIGNERS):
            self._signal(number, signal.SIGCONT)
        await self._restart_the_dead()
        async with asyncio.timeout(REST_S):
            while self._still_out():
                await asyncio.sleep(POLL_S)
                await self._look(connection)
            for script in told.values():
                await self._publish(bus, script.last_sales(), LAST_SIGN_WITHIN)
            while any(self._waiting.values()):
                await asyncio.sleep(POLL_S)
                await self._look(connection)
        # What such a sale has found is ended in the request right behind it.
        await asyncio.sleep(1.0)
        await self._look(connection)

    def _still_out(self) -> list[str]:
        """The TSEs with an outage that has not ended."""
        ended = {one.data["outage_id"] for one in self.ran.facts.of("outage.ended")}
        began = self.ran.facts.of("outage.began")
        return [one.data["tse_id"] for one in began if one.data["outage_id"] not in ended]


def _record(told: Told, store_id: str, sign_by: datetime) -> Record:
    data = told.data if told.process is None else {**told.data, "sign_by": sign_by.isoformat()}
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(uuid4()),
        "ce_source": "/device-gateway",
        "ce_type": f"{told.name}.v1",
        "ce_subject": f"booking-{told.booking_id}",
        "ce_time": datetime.now(UTC).isoformat(timespec="microseconds"),
        "ce_sequence": "1",
        "ce_partitionkey": store_id,
        "content-type": "application/json",
    }
    return Record(key=store_id, headers=headers, value=json.dumps(data).encode())
