"""What a process of the simulation stands on: the memory adapters, each effect of them breakable.

The devices, the desk and the rows of codes outlive every process, as real ones do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import httpx

from device_gateway.decider.booking import BOOKING
from device_gateway.decider.booking_state import Booking
from device_gateway.ports import ReceiptOrder, SoldVoucher, Unfinished
from events import Decider
from events.bus.contract import Record
from events.store.checkpoints import Advance
from events.store.contract import Appended, AppendRequest
from events.store.streams import Streams
from events.testing.memory import MemoryBus, MemoryCheckpoints, MemoryEventStore
from fiscal_signer.adapters.software_tses import SoftwareTses
from fiscal_signer.ports import DeviceAnswer, DeviceStep, Signed, Tse, TseError, TseFault, TseInfo
from tests.simulation.faults import SLOW_S, Faults, Mortal, die, die_if_dead
from voucher.decider import VOUCHER, Issued

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
class Devices:
    """`fiscal_signer.ports.Tses`: the real software TSEs, each of which may be out."""

    inner: SoftwareTses
    faults: Faults
    out: set[str] = field(default_factory=set)
    ever_out: set[str] = field(default_factory=set)
    """TSEs of which a process had reason to believe that they were out."""

    def of(self, process: Mortal) -> _Tses:
        return _Tses(self, process)

    def switch(self, tse_id: str, *, on: bool) -> None:
        if on:
            self.out.discard(tse_id)
        else:
            self.out.add(tse_id)
            self.ever_out.add(tse_id)


@dataclass
class _Tses:
    devices: Devices
    process: Mortal

    async def open(self, tse_id: str) -> Tse:
        die_if_dead(self.process)
        if tse_id in self.devices.out:
            raise TseFault(TseError.UNREACHABLE, "it is out")
        return _Device(self.devices, self.process, tse_id, await self.devices.inner.open(tse_id))


@dataclass
class _Device:
    devices: Devices
    process: Mortal
    tse_id: str
    inner: Tse

    def _reach(self) -> None:
        die_if_dead(self.process)
        if self.tse_id in self.devices.out:
            raise TseFault(TseError.UNREACHABLE, "it is out")

    async def info(self) -> TseInfo:
        self._reach()
        return await self.inner.info()

    async def execute(self, steps: Sequence[DeviceStep]) -> Sequence[DeviceAnswer]:
        self._reach()
        fault = self.devices.faults.draw("device")
        if fault == "crash_before":
            die(self.process)
        if fault is not None:
            self.devices.ever_out.add(self.tse_id)
        if fault == "refused":
            raise TseFault(TseError.STORAGE_FAILURE, "told to fail")
        if fault == "half":
            await self.inner.execute(steps[: len(steps) // 2])
            raise TseFault(TseError.STORAGE_FAILURE, "told to fail half-way")
        answers = await self.inner.execute(steps)
        if fault == "crash_after":
            die(self.process)
        if fault == "lost":
            raise TseFault(TseError.UNREACHABLE, "told to lose the answer")
        if fault == "slow":
            await asyncio.sleep(SLOW_S)
        return answers

    async def logs_after(self, signature_counter: int) -> Sequence[Signed]:
        self._reach()
        return await self.inner.logs_after(signature_counter)

    async def open_transactions(self) -> dict[int, str]:
        self._reach()
        return await self.inner.open_transactions()


@dataclass(frozen=True, slots=True)
class Paper:
    """One piece of paper that came out of a printer."""

    booking_id: str
    job_id: str
    order: ReceiptOrder
    codes: tuple[str | None, ...] = ()


@dataclass
class Printers:
    """The print queues and printers of all stores: each job once, each on one paper."""

    queued: dict[str, Paper] = field(default_factory=dict)
    papers: list[Paper] = field(default_factory=list)

    def print(self) -> Paper | None:
        """The next job comes out."""
        printed = {paper.job_id for paper in self.papers}
        for job_id, paper in self.queued.items():
            if job_id not in printed:
                self.papers.append(paper)
                return paper
        return None


@dataclass
class Desk:
    """`device_gateway.ports.ReceiptDesk` of one process, before the printers of the chain."""

    printers: Printers
    process: Mortal
    faults: Faults

    def text(self, order: ReceiptOrder) -> str:
        return f"{order.booking.number} {order.booking.total}"

    def html(self, order: ReceiptOrder) -> str:
        return self.text(order)

    def escpos(self, order: ReceiptOrder) -> bytes:
        return self.text(order).encode()

    async def enqueue(self, order: ReceiptOrder, *, job_id: str) -> bool:
        return await self._queue(Paper(order.booking.booking_id, job_id, order))

    async def enqueue_voucher_slips(
        self, order: ReceiptOrder, *, job_id: str, vouchers: Sequence[SoldVoucher]
    ) -> bool:
        codes = tuple(voucher.code for voucher in vouchers)
        return await self._queue(Paper(order.booking.booking_id, job_id, order, codes))

    async def _queue(self, paper: Paper) -> bool:
        async def queue() -> bool:
            new = paper.job_id not in self.printers.queued
            self.printers.queued.setdefault(paper.job_id, paper)
            return new

        return await self.faults.around(self.process, "desk", queue)


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


class Folded:
    """The streams of one log whose names begin with `prefix`, folded as far as the log goes."""

    def __init__(self, log: MemoryEventStore, decider: Decider[Any, Any], prefix: str) -> None:
        self._log = log
        self._decider = decider
        self._prefix = prefix
        self._position = 0
        self._states: dict[str, Any] = {}
        self._last_at: dict[str, datetime] = {}

    def states(self) -> dict[str, Any]:
        """By stream, without its prefix."""
        for entry in self._log.log[self._position :]:
            if entry.stream.startswith(self._prefix):
                name = entry.stream.removeprefix(self._prefix)
                before = self._states.get(name, self._decider.initial)
                self._states[name] = self._decider.evolve(before, entry.event)
                self._last_at[name] = entry.recorded_at
        self._position = len(self._log.log)
        return self._states

    def last_at(self, name: str) -> datetime:
        """When something was last recorded in a stream that `states` has."""
        return self._last_at[name]


class FoldedVouchers(Folded):
    def __init__(self, log: MemoryEventStore) -> None:
        super().__init__(log, VOUCHER, "voucher-")

    def issued(self) -> dict[str, Issued]:
        found = self.states().items()
        return {name: state for name, state in found if isinstance(state, Issued)}


class FoldedBookings(Folded):
    def __init__(self, log: MemoryEventStore) -> None:
        super().__init__(log, BOOKING, "booking-")

    def all(self) -> dict[str, Booking]:
        return self.states()


@dataclass
class LapsedHolds:
    """`voucher.ports.LapsedHolds`, read from the log."""

    folded: FoldedVouchers

    async def lapsed(self, now: datetime, *, holds_max: int) -> Sequence[tuple[str, str]]:
        found = [
            (voucher.voucher_id, hold.hold_id)
            for voucher in self.folded.issued().values()
            for hold in voucher.lapsed(now)
        ]
        return found[:holds_max]


@dataclass
class UnfinishedBookings:
    """`device_gateway.ports.UnfinishedBookings`, read from the log."""

    folded: FoldedBookings

    async def list(self, *, untouched_since: datetime, bookings_max: int) -> Sequence[Unfinished]:
        found = [
            Unfinished(name, "", self.folded.last_at(name))
            for name, booking in self.folded.all().items()
            if self._unfinished(booking) and self.folded.last_at(name) < untouched_since
        ]
        return found[:bookings_max]

    def _unfinished(self, booking: Booking) -> bool:
        if booking.aborted is not None:
            return False
        silent = booking.recorded is None or (booking.verdict or booking.overdue) is None
        return silent or bool(booking.print_due or booking.releases_due)
