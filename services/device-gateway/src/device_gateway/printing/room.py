"""The printing room: an owner for each printer, and one look-out for all of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

from device_gateway.events import StorePrinter
from device_gateway.printing.job import JobState, PrintJob
from device_gateway.printing.news import News, job_news, nobody, printer_news
from device_gateway.printing.owner import Patience, PrinterOwner
from device_gateway.printing.ports import PrinterLink, PrintListener, PrintQueue
from device_gateway.printing.reporter import Reporter
from device_gateway.printing.state import Condition, PrinterState
from events import Transient

log = logging.getLogger(__name__)


class PrintingRoom:
    """Runs the owners of all printers of this process's stores, and the reporter.

    `link` opens the line to a declared printer (`adapters.printer_lines.line_to`). `news` hears at
    once what happens to jobs and printers.
    """

    def __init__(
        self,
        queue: PrintQueue,
        listener: PrintListener,
        *,
        link: Callable[[StorePrinter], PrinterLink],
        clock: Callable[[], datetime],
        owner: str | None = None,
        patience: Patience | None = None,
        news: News = nobody,
    ) -> None:
        self._news = news
        self._queue = queue
        self._link = link
        self._clock = clock
        self._owner = owner or f"printing-{uuid4()}"
        self._patience = patience or Patience()
        self._reporter = Reporter(queue, listener, clock=clock, patience=patience)
        self._owners: dict[str, PrinterOwner] = {}
        self._new: asyncio.Queue[PrinterOwner] = asyncio.Queue()

    def know(self, store_id: str, printers: Iterable[StorePrinter]) -> None:
        """Own these printers too; those that are known already keep their line. Who fetches his
        jobs himself needs no owner."""
        for printer in printers:
            if printer.printer_id not in self._owners and printer.pull is None:
                owner = PrinterOwner(
                    printer.printer_id,
                    self._link(printer),
                    self._queue,
                    owner=self._owner,
                    clock=self._clock,
                    moved=self.moved,
                    found=partial(self.found, store_id, printer.printer_id),
                    patience=self._patience,
                )
                self._owners[printer.printer_id] = owner
                self._new.put_nowait(owner)

    def wake(self, printer_id: str) -> None:
        """For `PrintingDesk(queued=…)`: a job waits for this printer."""
        owner = self._owners.get(printer_id)
        if owner is not None:
            owner.wake()

    async def run(self) -> None:
        """Until cancelled; an owner that fails stops the room with its reason."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._reporter.run(), name="reports of printed receipts")
            tasks.create_task(self._look(), name="print jobs of other processes")
            while True:
                owner = await self._new.get()
                tasks.create_task(owner.run(), name=f"printer {owner.printer_id}")

    async def attention(self, store_id: str, *, jobs_max: int = 50) -> Sequence[PrintJob]:
        """Jobs of a store that ended `unknown` or `failed`."""
        return await self._queue.attention(store_id, jobs_max=jobs_max)

    async def _look(self) -> None:
        """One question for all printers: jobs that other processes queued or left behind."""
        while True:
            try:
                for printer_id in await self._queue.waiting_printers():
                    self.wake(printer_id)
                await self._who_never_answered()
            except Transient as fault:
                log.warning("print queue: %s", fault)
            await asyncio.sleep(self._patience.look_every_s)

    async def _who_never_answered(self) -> None:
        """Jobs that a printer fetched and never answered for: nobody knows what is on paper."""
        now = self._clock()
        before = now - timedelta(seconds=self._patience.fetched_max_s)
        for job in await self._queue.unanswered(before=before, now=now):
            log.warning("print job %s was fetched and never answered for: unknown", job.job_id)
            self.moved(job, JobState.UNKNOWN, job.reason)

    def moved(self, job: PrintJob, state: JobState, reason: str) -> None:
        """Something came of a try to print the job: tell whom it concerns. `QUEUED`: surely nothing
        was printed, and it waits for its next try."""
        if state.is_on_paper:
            self._reporter.printed(replace(job, state=state))
        self._news(job_news(job, state, reason))

    async def found(
        self, store_id: str, printer_id: str, condition: Condition, reason: str
    ) -> None:
        """A printer is like this now. Raises `Transient`."""
        now = self._clock()
        state = PrinterState(printer_id, store_id, condition, reason, since=now, seen_at=now)
        await self._queue.note_state(state)
        self._news(printer_news(state))
