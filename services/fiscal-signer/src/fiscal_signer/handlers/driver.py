"""Streams of a TSE, and the driver: the one task that works a device.

For each batch of jobs: one append with the intents, one call of the device, one append with what
came of it. So N bookings cost three commits and not 3N, and after a crash at any place the open
request says exactly what the device has to be asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar
from uuid import NAMESPACE_URL, uuid5

from events import (
    Ask,
    ClaimTaken,
    Decider,
    Decision,
    EventStore,
    Handled,
    LostRace,
    Metadata,
    Transient,
    handle,
    handle_together,
    state_of,
)
from fiscal_signer.commands import (
    CloseSegment,
    EndOutage,
    Identity,
    Job,
    Outage,
    RecordAnswers,
    RequestSignatures,
    SegmentCommand,
    TakeOver,
)
from fiscal_signer.country import Country
from fiscal_signer.decider import (
    Overtaken,
    Segment,
    SegmentIsClosed,
    claims_of,
    decider_from,
    portions,
    start_claim,
    verdict_claim,
)
from fiscal_signer.decider.ledger import LEDGER, OpenSegment, ledger_stream, segment_stream
from fiscal_signer.events import OutageBegan, SegmentOpened
from fiscal_signer.handlers.asking import Answers, Settings
from fiscal_signer.handlers.device import Device
from fiscal_signer.ports import Leases, TseFault, Tses

T = TypeVar("T")

_NAMESPACE = uuid5(NAMESPACE_URL, "kassenverbund/fiscal-signer")


@dataclass(frozen=True, slots=True)
class _Led:
    """What a driver knows while it holds its device."""

    epoch: int
    opened: SegmentOpened
    stream: str
    decider: Decider[SegmentCommand, Segment]

    @classmethod
    def of(cls, opened: SegmentOpened, epoch: int) -> _Led:
        stream = segment_stream(opened.tse_id, opened.segment)
        return cls(epoch=epoch, opened=opened, stream=stream, decider=decider_from(opened))


class NotNow(Exception):
    """Bookings come first, or the device is out."""


class TseDriver:
    """Drives one TSE. `work` and `probe` take turns; between processes the lease decides who
    drives, and the stream's version fences off whoever has not noticed."""

    def __init__(
        self,
        *,
        tse_id: str,
        store_id: str,
        country: Country,
        store: EventStore,
        tses: Tses,
        leases: Leases,
        owner: str,
        clock: Callable[[], datetime],
        settings: Settings,
    ) -> None:
        self.tse_id = tse_id
        self.store_id = store_id
        self._country = country
        self._store = store
        self._leases = leases
        self._owner = owner
        self._clock = clock
        self.settings = settings
        self._turn = asyncio.Lock()
        self._led: _Led | None = None
        self._device = Device(tse_id, store_id, store=store, tses=tses, settings=settings)
        self._renew_at = 0.0
        self._sales = 0
        self.last_sale_at = datetime.fromtimestamp(0, UTC)
        """When the last booking was done with."""

    async def work(self, jobs: Sequence[Job], metadata: Metadata) -> None:
        """Bring every job to its verdict (or its start to the log), durably.

        Raises `Transient`: another process drives the device, or the store is away. Repeating the
        same jobs then, or after a crash, changes nothing that was decided.
        """
        self._sales += 1
        try:
            async with self._leading():
                for portion in portions(jobs):
                    await self._portion(portion, metadata)
        finally:
            self._sales -= 1
            self.last_sale_at = self._clock()

    @property
    def busy(self) -> bool:
        """Whether bookings are worked on or wait."""
        return self._sales > 0

    async def outage(self) -> OutageBegan | None:
        """The outage that has not ended. Raises like `work`."""
        async with self._leading(idle_s=self.settings.idle_s):
            return (await self._segment())[1].outage

    async def explained(self) -> int:
        """The highest signature counter that the log explains. Raises like `work`."""
        async with self._leading(idle_s=self.settings.idle_s):
            return (await self._segment())[1].counter

    async def probe(self, *, end: bool = True) -> bool:
        """Whether the device is well. One that was out is tried, and (`end`) its outage ended.
        No sale waits for it meanwhile, and no two processes try it at once. Raises like `work`."""
        async with self._leading(idle_s=self.settings.idle_s):
            _, segment = await self._segment()
        if segment.outage is None:
            return True
        settings = self.settings
        probing = await self._leases.hold(
            f"{self.tse_id}/probe", self._owner, settings.call_s * 3 + settings.lease_s
        )
        if probing is None:
            return False
        try:
            info = await self._device.info()
            if info.signature_counter < segment.counter:
                return False  # Not the device that we know. It stays out until somebody looked.
            surplus = await self._device.logs(segment.counter)
        except TseFault:
            return False
        if not end:
            return True
        async with self._leading(idle_s=settings.idle_s):
            _, now = await self._segment()
            if now.outage == segment.outage and now.counter == segment.counter:
                await self._tell(
                    EndOutage(epoch=self._led_now.epoch, now=self._clock(), surplus=tuple(surplus)),
                    key=f"{self.tse_id}/outage-ended/{segment.outage.outage_id}",
                )
            return (await self._segment())[1].outage is None

    async def errand(self, call: Callable[[Device], Awaitable[T]]) -> T:
        """Have the device do something of its own, in a turn that no booking waits for. What it
        signed for that is explained in the log. Raises `NotNow`, `TseFault`, and like `work`."""
        if self.busy:
            raise NotNow
        async with self._leading(idle_s=self.settings.idle_s):
            _, segment = await self._segment()
            if segment.outage is not None or segment.pending or self.busy:
                raise NotNow
            try:
                return await call(self._device)
            finally:
                await self._explain()

    @asynccontextmanager
    async def _leading(self, *, idle_s: float = 0.0) -> AsyncIterator[None]:
        """A turn, with the lease held."""
        async with self._turn:
            try:
                await self._lead(idle_s)
                yield
            except (Overtaken, SegmentIsClosed, LostRace) as lost:
                self._led = None
                raise Transient(f"{self.tse_id}: {lost}") from lost
            except (NotNow, TseFault):
                raise
            except BaseException:
                # Whatever it was: the next turn reads the log and the device anew.
                self._led = None
                raise

    # -- leading ---------------------------------------------------------------------------

    async def _lead(self, idle_s: float) -> None:
        """Hold the lease; on a new epoch move the fence and settle what the last driver left."""
        now = asyncio.get_running_loop().time()
        if self._led is not None and now < self._renew_at:
            return
        asked_at = now
        lease_s = self.settings.lease_s
        epoch = await self._leases.hold(self.tse_id, self._owner, lease_s, idle_s=idle_s)
        if epoch is None:
            self._led = None
            raise Transient(f"{self.tse_id} is driven by another process")
        self._renew_at = asked_at + lease_s / 3
        if self._led is not None and self._led.epoch == epoch:
            return
        opened = await self._open(epoch)
        self._led = _Led.of(opened, epoch)
        try:
            await self._tell(
                TakeOver(epoch=epoch, now=self._clock()), key=f"{self._led.stream}/epoch/{epoch}"
            )
            await self._settle()
        except BaseException:
            self._led = None
            raise

    async def _open(self, epoch: int) -> SegmentOpened:
        _, ledger = await state_of(self._store, LEDGER, ledger_stream(self.tse_id))
        if ledger.opened is not None:
            return ledger.opened
        first = SegmentOpened(
            tse_id=self.tse_id,
            store_id=self.store_id,
            segment=1,
            epoch=epoch,
            counter=0,
            transaction=0,
            opened_at=self._clock(),
        )
        done = await handle(
            self._store,
            LEDGER,
            ledger_stream(self.tse_id),
            OpenSegment(first),
            ask=Ask.of(f"{self.tse_id}/segment/1", self.tse_id),
        )
        assert done.state.opened is not None  # It was opened right here, or by another process.
        return done.state.opened

    async def _settle(self) -> None:
        """What a predecessor left: an open request, an outage, counters that nobody explained."""
        _, segment = await self._segment()
        if segment.pending:
            await self._drive(segment, Metadata(), recovering=True)
            return
        if segment.outage is None:
            await self._explain()
        # A device that is out is left to `probe`: no sale waits for it.

    async def _explain(self) -> None:
        """Record the counters that the device used and no event explains."""
        _, segment = await self._segment()
        try:
            info = await self._device.info()
            if info.signature_counter <= segment.counter:
                return
            surplus = await self._device.logs(segment.counter)
            identity = await self._device.identity()
        except TseFault:
            return  # The next request finds out, and says so in an event.
        await self._tell(
            RecordAnswers(
                epoch=self._led_now.epoch,
                identity=identity,
                now=self._clock(),
                surplus=tuple(surplus),
            ),
            key=f"{self._led_now.stream}/surplus/{surplus[-1].signature_counter}",
        )

    # -- one portion -----------------------------------------------------------------------

    async def _portion(self, jobs: Sequence[Job], metadata: Metadata) -> None:
        handled = await self._request(jobs, metadata)
        while handled is not None and handled.state.pending:
            handled = await self._drive(handled.state, metadata)
            if not handled.state.orphans or handled.state.outage is not None:
                break
            # What lost its booking just now ends at once, before it is forgotten.
            handled = await self._request((), metadata)
        await self._roll_when_long()

    async def _request(self, jobs: Sequence[Job], metadata: Metadata) -> Handled[Segment] | None:
        version, _ = await self._segment()
        while True:
            # Without jobs the request is about what the stream holds, so its version names it.
            name = "|".join(job.job_id for job in jobs) or f"{self._led_now.stream}@{version}"
            request_id = str(uuid5(_NAMESPACE, f"{self.tse_id}/{name}"))
            command = RequestSignatures(
                epoch=self._led_now.epoch,
                request_id=request_id,
                jobs=tuple(jobs),
                abandoned=self._country.aborted(),
                now=self._clock(),
            )
            try:
                return await handle(
                    self._store,
                    self._led_now.decider,
                    self._led_now.stream,
                    command,
                    ask=Ask.of(f"{self.tse_id}/request/{request_id}", name, metadata=metadata),
                    claims=partial(claims_of, owner=request_id),
                )
            except ClaimTaken as taken:
                # Some of it came before (a redelivery in another grouping). Rare, so it may cost
                # one look-up per job.
                left = await self._undecided(jobs)
                if len(left) == len(jobs):
                    raise Transient(f"{self.tse_id}: {taken.key} was taken and is free") from taken
                if not left:
                    return None
                jobs = left

    async def _undecided(self, jobs: Sequence[Job]) -> list[Job]:
        left = []
        for job in jobs:
            claim = start_claim if job.kind == "start" else verdict_claim
            if job.kind == "register" or await self._store.owner_of(claim(job.booking_id)) is None:
                left.append(job)
        return left

    async def _drive(
        self, segment: Segment, metadata: Metadata, *, recovering: bool = False
    ) -> Handled[Segment]:
        """Bring the open request to the device, and what came of it into the log."""
        answers = Answers(segment)
        outage: Outage | None = None
        identity: Identity | None = None
        began = asyncio.get_running_loop().time()
        for attempt in range(1, self.settings.tries_max + 1):
            try:
                # A device is never asked again before it said what it has done.
                ask_first = recovering or attempt > 1
                # Another device under this name is found out before it signs anything.
                identity = await self._device.identity()
                await self._device.bring(answers, now=self._clock(), ask_first=ask_first)
                break
            except TseFault as fault:
                waited = asyncio.get_running_loop().time() - began
                if attempt == self.settings.tries_max or waited > self.settings.patience_s:
                    name = f"{segment.request_id}/outage"
                    outage = Outage(str(uuid5(_NAMESPACE, name)), fault.code.value)
                    answers.cut_at_a_gap()
                    break
                await asyncio.sleep(self.settings.pause_s * 2 ** (attempt - 1))
        return await self._tell(
            RecordAnswers(
                epoch=self._led_now.epoch,
                identity=identity,
                now=self._clock(),
                answers=answers.done(self._country, identity) if identity else {},
                surplus=tuple(answers.surplus) if identity else (),
                outage=outage,
            ),
            key=f"{self.tse_id}/answers/{segment.request_id}",
            metadata=metadata,
        )

    async def _roll_when_long(self) -> None:
        """Close the books of a long segment and open the next one with the sum of it."""
        version, segment = await self._segment()
        if version < self.settings.segment_events_max or segment.pending or segment.outage:
            return
        led = self._led_now
        number = segment.number + 1
        opened = SegmentOpened(
            tse_id=self.tse_id,
            store_id=self.store_id,
            segment=number,
            epoch=segment.epoch,
            counter=segment.counter,
            transaction=segment.transaction,
            clients=tuple(sorted(segment.clients)),
            open=tuple(segment.open.values()),
            orphans=tuple(segment.orphans.values()),
            opened_at=self._clock(),
        )
        ledger = ledger_stream(self.tse_id)

        def decide(states: Mapping[str, Any]) -> Decision:
            return Decision(
                {
                    led.stream: led.decider.decide(CloseSegment(led.epoch), states[led.stream]),
                    ledger: LEDGER.decide(OpenSegment(opened), states[ledger]),
                }
            )

        await handle_together(
            self._store,
            {led.stream: led.decider, ledger: LEDGER},
            decide,
            ask=Ask.of(f"{self.tse_id}/segment/{number}", self.tse_id),
        )
        self._store.streams.forget(led.stream)
        self._led = _Led.of(opened, led.epoch)

    # -- small parts -----------------------------------------------------------------------

    @property
    def _led_now(self) -> _Led:
        assert self._led is not None  # Only used between `_lead` and the end of the turn.
        return self._led

    async def _tell(
        self, command: SegmentCommand, *, key: str, metadata: Metadata | None = None
    ) -> Handled[Segment]:
        led = self._led_now
        ask = Ask.of(key, key, metadata=metadata or Metadata(actor="service:fiscal-signer"))
        return await handle(self._store, led.decider, led.stream, command, ask=ask)

    async def _segment(self) -> tuple[int, Segment]:
        led = self._led_now
        cached: tuple[int, Segment] | None = self._store.streams.cached(led.stream)
        if cached is not None:
            return cached
        return await state_of(self._store, led.decider, led.stream)

    async def introduce(self) -> None:
        """Record what the device is, before its first booking. Raises `TseFault`, `Transient`."""
        async with self._turn:
            await self._device.identity()
