"""What a process of the simulation stands on: the memory adapters, each effect of them breakable.

The rows of codes outlive every process, as real ones do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import httpx

from events.bus.contract import Record
from events.store.checkpoints import Advance
from events.store.contract import Appended, AppendRequest
from events.store.streams import Streams
from events.testing.memory import MemoryBus, MemoryCheckpoints, MemoryEventStore
from tests.simulation.faults import SLOW_S, Faults, Mortal, die, die_if_dead

T = TypeVar("T")


class ProcessStore:
    """One service's log as one process reaches it, with its own queues and cached states."""

    def __init__(self, shared: MemoryEventStore, process: Mortal, faults: Faults) -> None:
        self.service = shared.service
        self.registry = shared.registry
        self.streams = Streams()
        self._shared = shared
        self._process = process
        self._faults = faults
        self.outcome = shared.outcome
        self.load = shared.load
        self.read = shared.read
        self.read_named = shared.read_named
        self.owner_of = shared.owner_of
        self.owners_of = shared.owners_of
        self.head = shared.head
        self.wait_for_append = shared.wait_for_append

    async def append(self, request: AppendRequest) -> Appended:
        return await self._faults.around(
            self._process, "append", lambda: self._shared.append(request)
        )


class ProcessCheckpoints:
    def __init__(self, shared: MemoryCheckpoints, process: Mortal, faults: Faults) -> None:
        self._shared = shared
        self._process = process
        self._faults = faults
        self.load = shared.load

    async def advance(self, name: str, expected: int, to: int) -> Advance:
        return await self._faults.around(
            self._process, "checkpoint", lambda: self._shared.advance(name, expected, to)
        )


class ProcessBus:
    """The bus as one process publishes to it. What it reads comes from `inner` by hand."""

    def __init__(self, inner: MemoryBus, process: Mortal, faults: Faults) -> None:
        self._process = process
        self._faults = faults
        self.inner = inner
        self.ensure_topics = inner.ensure_topics
        self.subscribe = inner.subscribe
        self.healthy = inner.healthy
        self.close = inner.close

    async def publish(self, topic: str, records: Sequence[Record]) -> None:
        await self._faults.around(
            self._process,
            "publish",
            lambda: self.inner.publish(topic, records),
            half=lambda: self.inner.publish(topic, records[: len(records) // 2]),
        )


class Wire(httpx.AsyncBaseTransport):
    """The network between a gateway and the voucher service.

    `serve` answers one request, in a task of its own: a caller who gives up stops nobody.
    `later` keeps a request that the network delivers when nobody waits for it any more.
    """

    def __init__(
        self,
        process: Mortal,
        faults: Faults,
        serve: Callable[[httpx.Request], Awaitable[httpx.Response]],
        later: Callable[[httpx.Request], None],
    ) -> None:
        self._process = process
        self._faults = faults
        self._serve = serve
        self._later = later

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        die_if_dead(self._process)
        fault = self._faults.draw("http")
        if fault == "crash_before":
            die(self._process)
        if fault == "refused":
            raise httpx.ConnectError("no connection")
        if fault == "late":
            self._later(request)
            raise httpx.ReadTimeout("no answer")
        answer = await self._serve(request)
        if fault == "twice":
            answer = await self._serve(request)
        if fault == "slow":
            await asyncio.sleep(SLOW_S)
        die_if_dead(self._process)
        if fault == "crash_after":
            die(self._process)
        if fault == "lost":
            raise httpx.ReadError("the answer was lost")
        return answer


@dataclass
class Rows:
    """What the voucher service keeps outside its log: codes that wait for their print."""

    codes: dict[str, tuple[str, datetime]] = field(default_factory=dict)


@dataclass
class Deliveries:
    """`voucher.ports.Deliveries` of one process."""

    rows: Rows
    process: Mortal
    faults: Faults

    async def keep(self, voucher_id: str, code: str, *, until: datetime) -> str:
        async def keep() -> str:
            return self.rows.codes.setdefault(voucher_id, (code, until))[0]

        return await self.faults.around(self.process, "row", keep)

    async def read(self, voucher_id: str) -> str | None:
        die_if_dead(self.process)
        row = self.rows.codes.get(voucher_id)
        return row[0] if row else None

    async def keep_until(self, voucher_id: str, until: datetime) -> bool:
        raise NotImplementedError("nothing is mailed here")

    async def printed(self, voucher_id: str) -> None:
        await self.wipe(voucher_id)

    async def wipe(self, voucher_id: str) -> None:
        async def wipe() -> None:
            self.rows.codes.pop(voucher_id, None)

        await self.faults.around(self.process, "row", wipe)

    async def purge(self, now: datetime) -> int:
        late = [key for key, (_, until) in self.rows.codes.items() if until <= now]
        for key in late:
            del self.rows.codes[key]
        return len(late)


class Attempts:
    """`voucher.ports.Attempts` that locks nobody: guessing has tests of its own."""

    async def locked_s(self, source: str, now: datetime) -> int:
        return 0

    async def wrong(self, source: str, now: datetime) -> int:
        return 0

    async def purge(self, now: datetime) -> int:
        return 0
