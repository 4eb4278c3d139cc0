"""The one task that sends to a printer, and the loop that tells what was printed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from device_gateway.printing.job import JobState, PrintJob
from device_gateway.printing.ports import PrinterLink, PrintListener, PrintQueue, Taken
from events import Transient

log = logging.getLogger(__name__)

REPORTED_AT_ONCE_MAX = 100


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the owner waits for what, in seconds."""

    lease_s: float = 20.0
    renew_every_s: float = 5.0
    linger_s: float = 2.0
    """A lease is kept so long after the last job: the next one mostly follows."""
    look_every_s: float = 2.0
    """A job that another process queued or left behind is found after this long at the latest."""
    backoff_s: tuple[float, ...] = (0.5, 1.0, 2.0, 5.0, 15.0)
    keep_trying_s: float = 900.0
    """After this long a printer that is off or out of paper has failed the job."""
    report_again_s: float = 2.0
    gather_s: float = 0.2
    """What was printed within this time is told together: nobody waits for it."""


class PrinterOwner:
    """Sends the jobs of one printer, one after the other, as long as it holds the lease."""

    def __init__(
        self,
        printer_id: str,
        link: PrinterLink,
        queue: PrintQueue,
        *,
        owner: str,
        clock: Callable[[], datetime],
        finished: Callable[[PrintJob, JobState], None] = lambda _job, _state: None,
        patience: Patience | None = None,
    ) -> None:
        self.printer_id = printer_id
        self._link = link
        self._queue = queue
        self._owner = owner
        self._clock = clock
        self._finished = finished
        self._patience = patience or Patience()
        self._waiting = asyncio.Event()
        self._leased_until = clock()

    def wake(self) -> None:
        """A job waits: look now."""
        self._waiting.set()

    async def run(self) -> None:
        """Until cancelled. A job that is being sent then is `unknown` after the next start.

        Without a job it does nothing at all, so that two thousand idle printers cost nothing.
        """
        try:
            while True:
                try:
                    if await self._woken():
                        await self._print_what_waits()
                    else:
                        await self._give_back()
                except Transient as fault:
                    log.warning("printer %s: the queue is away: %s", self.printer_id, fault)
        finally:
            await self._link.close()
            with contextlib.suppress(Transient):
                await self._queue.give_back(self.printer_id, owner=self._owner)

    async def _woken(self) -> bool:
        """A job waits. False: none came while the lease lingered."""
        try:
            async with asyncio.timeout(self._patience.linger_s if self._holds else None):
                await self._waiting.wait()
        except TimeoutError:
            return False
        self._waiting.clear()
        return True

    async def _print_what_waits(self) -> None:
        held_before = self._holds
        if not await self._keep_lease():
            return
        if not held_before:
            await self._recover()
        while await self._keep_lease():
            taken = await self._queue.take(self.printer_id, owner=self._owner, now=self._clock())
            if taken is None:
                break
            done = await self._send(taken)
            if done and not taken.more:
                # What was queued meanwhile has woken us, or `look_every_s` finds it.
                break

    async def _give_back(self) -> None:
        await self._queue.give_back(self.printer_id, owner=self._owner)
        self._leased_until = self._clock()

    async def _recover(self) -> None:
        lost = await self._queue.recover(self.printer_id, owner=self._owner, now=self._clock())
        for job in lost:
            log.warning("print job %s was interrupted: unknown", job.job_id)

    async def _send(self, taken: Taken) -> bool:
        """False: surely nothing was printed, and the job waits again."""
        job = taken.job
        renewing = asyncio.create_task(self._renew())
        try:
            delivery = await self._link.deliver(taken.payload, job_id=job.job_id)
        finally:
            renewing.cancel()
        now = self._clock()
        tried_for = now - job.queued_at
        keep_trying = tried_for < timedelta(seconds=self._patience.keep_trying_s)
        if delivery.outcome is JobState.FAILED and keep_trying:
            backoff = self._patience.backoff_s
            wait_s = backoff[min(job.tries, len(backoff)) - 1]
            due_at = now + timedelta(seconds=wait_s)
            await self._settle(
                lambda: self._queue.again(
                    job.job_id, owner=self._owner, reason=delivery.reason, due_at=due_at
                )
            )
            # The lease is kept meanwhile: nobody else reaches a printer that we do not reach.
            await self._wait_with_lease(wait_s)
            return False
        if not delivery.outcome.is_on_paper:
            log.warning("print job %s: %s, %s", job.job_id, delivery.outcome, delivery.reason)
        ours = await self._settle(
            lambda: self._queue.finish(
                job.job_id,
                owner=self._owner,
                state=delivery.outcome,
                reason=delivery.reason,
                now=now,
            )
        )
        if ours:
            self._finished(job, delivery.outcome)
        return True

    async def _settle(self, write: Callable[[], Awaitable[bool]]) -> bool:
        """Only this task knows what became of the job: it writes it down, however long that takes.
        If the process ends first, the job is `unknown`."""
        while True:
            try:
                return await write()
            except Transient as fault:
                log.warning("printer %s: the queue is away: %s", self.printer_id, fault)
                await asyncio.sleep(self._patience.look_every_s)

    async def _lease(self) -> bool:
        now = self._clock()
        until = now + timedelta(seconds=self._patience.lease_s)
        ours = await self._queue.lease(self.printer_id, owner=self._owner, now=now, until=until)
        self._leased_until = until if ours else now
        return ours

    @property
    def _holds(self) -> bool:
        return self._leased_until > self._clock()

    async def _keep_lease(self) -> bool:
        """Renew what is about to end; a lease that is fresh is not asked for again."""
        fresh = timedelta(seconds=self._patience.lease_s - self._patience.renew_every_s)
        if self._leased_until - self._clock() >= fresh:
            return True
        return await self._lease()

    async def _wait_with_lease(self, wait_s: float) -> None:
        renewing = asyncio.create_task(self._renew())
        try:
            await asyncio.sleep(wait_s)
        finally:
            renewing.cancel()

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._patience.renew_every_s)
            with contextlib.suppress(Transient):
                await self._lease()


class Reporter:
    """Tells the listener about printed jobs, until it has heard of each."""

    def __init__(
        self,
        queue: PrintQueue,
        listener: PrintListener,
        *,
        clock: Callable[[], datetime],
        patience: Patience | None = None,
    ) -> None:
        self._queue = queue
        self._listener = listener
        self._clock = clock
        self._patience = patience or Patience()
        self._news = asyncio.Event()
        self._fresh: list[PrintJob] = []
        self._told: list[str] = []
        """Told, and not written down yet: after a crash they are told again, which does no harm."""

    def printed(self, job: PrintJob) -> None:
        """This job has just been printed: tell it now."""
        self._fresh.append(job)
        self._news.set()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                self._news.clear()
                try:
                    await self._report()
                except Transient as fault:
                    log.warning("reports of printed receipts wait: %s", fault)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._patience.report_again_s):
                        await self._news.wait()
                        await asyncio.sleep(self._patience.gather_s)
        finally:
            with contextlib.suppress(Transient):
                await self._write_down()

    async def _report(self) -> None:
        fresh, self._fresh = self._fresh, []
        if not fresh or len(self._told) >= REPORTED_AT_ONCE_MAX:
            await self._write_down()
        # Without news: what an earlier try, or another process, left untold.
        jobs = fresh or await self._queue.unreported(jobs_max=REPORTED_AT_ONCE_MAX)
        await asyncio.gather(*(self._tell(job) for job in jobs))

    async def _tell(self, job: PrintJob) -> None:
        try:
            await self._listener.printed(job)
        except Exception:
            # One booking that cannot be told must not hide the others' receipts.
            log.exception("print job %s could not be reported", job.job_id)
            return
        self._told.append(job.job_id)

    async def _write_down(self) -> None:
        """One statement for many jobs, when there is time."""
        if self._told:
            told = list(self._told)
            await self._queue.reported(told, now=self._clock())
            del self._told[: len(told)]
