"""Some processes that serve one service on one database, and what kills and restarts them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from kassenverbund.issuer import Issuer
from tests.support.program import Program

CONNECTIONS_MAX = 4
"""Connections per process and pool: all processes share a small server."""

TOKEN_FOR = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What callers show."""

    gateway: str
    back_office: str


@dataclass
class Processes:
    """One service, several processes, one address each."""

    programs: Sequence[Program]
    ready: set[int]
    """Numbers of those that can be asked now."""
    clients: Sequence[httpx.AsyncClient]
    tokens: Tokens
    kills: int = 0
    _starting: dict[int, asyncio.Task[None]] = field(default_factory=dict)

    def any_of_them(self, rng: random.Random, *, but: int | None = None) -> int:
        """The number of some process, `but` not this one where there is a choice. It may be dead:
        nobody tells a till."""
        choice = [number for number in range(len(self.programs)) if number != but]
        return rng.choice(choice or [0])

    def kill(self, number: int) -> None:
        """kill -9, and a new start at once. The other processes are not told."""
        program = self.programs[number]
        assert program.process is not None
        program.process.kill()
        program.process.wait()
        self.kills += 1
        self.ready.discard(number)
        self._starting[number] = asyncio.create_task(self._start(number))

    async def all_ready(self) -> None:
        await asyncio.gather(*self._starting.values())

    async def some_ready(self, count: int) -> None:
        """Wait until at least `count` can be asked. Raises what a start that failed raises."""
        while len(self.ready) < count:
            starting = [task for task in self._starting.values() if not task.done()]
            assert starting, "fewer processes than wanted, and none of them is starting"
            done, _ = await asyncio.wait(starting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()

    async def _start(self, number: int) -> None:
        self.programs[number].start()
        await self.programs[number].ready()
        self.ready.add(number)


@asynccontextmanager
async def processes(
    var: Path,
    database_url: str,
    *,
    count: int,
    service: str = "voucher",
    module: str = "kassenverbund",
    faulty: str = "",
) -> AsyncIterator[Processes]:
    """`count` ready processes. `module` and `faulty`: a program with a fault built in."""
    environment = {
        "DATABASE_URL": database_url,
        "KASSENVERBUND_DATABASE_CONNECTIONS_MAX": str(CONNECTIONS_MAX),
    }
    if faulty:
        environment |= {"FAULT": faulty, "PYTHONOPTIMIZE": "1"}  # Its asserts would find it out.
    programs = [
        Program(var, arguments=("serve", service), environment=environment, module=module)
        for _ in range(count)
    ]
    try:
        # The first one makes the schema, the keys and the certificates that all of them use.
        programs[0].start()
        await programs[0].ready()
        for program in programs[1:]:
            program.start()
        await asyncio.gather(*(program.ready() for program in programs))
        clients = [program.client() for program in programs]
        try:
            yield Processes(programs, set(range(count)), clients, _tokens(var))
        finally:
            for client in clients:
                await client.aclose()
    finally:
        for program in programs:
            program.stop()


def _tokens(var: Path) -> Tokens:
    issuer = Issuer.from_file(
        var / "secrets" / "issuer.pem",
        name="urn:kassenverbund:buchkette",
        audience="kassenverbund",
        make=False,
    )
    now = datetime.now(UTC)
    return Tokens(
        gateway=issuer.person("gateway", ["service"], now=now, valid_for=TOKEN_FOR),
        back_office=issuer.person("office", ["back_office"], now=now, valid_for=TOKEN_FOR),
    )
