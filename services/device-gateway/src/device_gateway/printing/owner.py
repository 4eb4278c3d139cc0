"""The one task that sends to a printer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from device_gateway.printing.job import Delivery, JobState, PrintJob
from device_gateway.printing.ports import PrinterLink, PrintQueue, Taken
from device_gateway.printing.state import Condition, condition_after, condition_of
from events import Transient

log = logging.getLogger(__name__)


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
    fetched_max_s: float = 60.0
    """A printer that fetched a job has so long to say what came of it."""
    look_when_down_s: float = 15.0
    """A printer that was out of order and has nothing to print is looked at so often."""
    report_again_s: float = 2.0
    gather_s: float = 0.2
    """What was printed within this time is told together: nobody waits for it."""


async def _nobody(_condition: Condition, _reason: str) -> None:
    """Nobody wants to know what a printer is like."""


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
        moved: Callable[[PrintJob, JobState, str], None] = lambda _job, _state, _reason: None,
        found: Callable[[Condition, str], Awaitable[None]] = _nobody,
        patience: Patience | None = None,
    ) -> None:
        self.printer_id = printer_id
        self._link = link
        self._queue = queue
        self._owner = owner
        self._clock = clock
        self._moved = moved
        self._found = found
        self._condition: tuple[Condition, str] | None = None
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
                    elif self._holds:
                        await self._give_back()
                    else:
                        await self._look_again()
                except Transient as fault:
                    log.warning("printer %s: the queue is away: %s", self.printer_id, fault)
        finally:
            await self._link.close()
            with contextlib.suppress(Transient):
                await self._queue.give_back(self.printer_id, owner=self._owner)

    async def _woken(self) -> bool:
        """A job waits. False: none came while the lease lingered, or a printer that was out of
        order is to be looked at."""
        down = self._condition is not None and self._condition[0] == "down"
        idle_s = self._patience.look_when_down_s if down else None
        try:
            async with asyncio.timeout(self._patience.linger_s if self._holds else idle_s):
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

    async def _look_again(self) -> None:
        """Whether a printer that was out of order is back; nobody else must talk to it now."""
        if not await self._lease():
            return
        try:
            seen = await self._link.look()
            await self._is(condition_of(seen or ""))
        finally:
            await self._give_back()

    async def _is(self, condition: tuple[Condition, str]) -> None:
        """Keep what was found, where it is news. Raises `Transient`; it is told next time then."""
        if condition != self._condition:
            await self._found(*condition)
            self._condition = condition

    async def _recover(self) -> None:
        lost = await self._queue.recover(self.printer_id, owner=self._owner, now=self._clock())
        for job in lost:
            log.warning("print job %s was interrupted: unknown", job.job_id)
            self._moved(job, JobState.UNKNOWN, job.reason)

    async def _send(self, taken: Taken) -> bool:
        """False: surely nothing was printed, and the job waits again."""
        job = taken.job
        give_up_at = job.give_up_at or job.queued_at + timedelta(
            seconds=self._patience.keep_trying_s
        )
        if job.give_up_at is not None and self._clock() >= job.give_up_at:
            delivery = Delivery(JobState.FAILED, "too_late")
        else:
            delivery = await self._delivered(taken)
        now = self._clock()
        keep_trying = now < give_up_at
        if delivery.outcome is JobState.FAILED and keep_trying:
            backoff = self._patience.backoff_s
            wait_s = backoff[min(job.tries, len(backoff)) - 1]
            self._moved(job, JobState.QUEUED, delivery.reason)
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
            self._moved(job, delivery.outcome, delivery.reason)
        return True

    async def _delivered(self, taken: Taken) -> Delivery:
        renewing = asyncio.create_task(self._renew())
        try:
            delivery = await self._link.deliver(taken.payload, job_id=taken.job.job_id)
        finally:
            renewing.cancel()
        with contextlib.suppress(Transient):
            await self._is(condition_after(delivery))
        return delivery

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
