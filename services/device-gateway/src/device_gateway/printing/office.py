"""The printing office: desk, room and counter of one process, put together.

It is the gateway's `Printers`: what people want to know and do about printers and jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from device_gateway.adapters.escpos import PrinterProfile, profile_of
from device_gateway.events import MasterDataChanged, StorePrinter
from device_gateway.printing.desk import PrintingDesk
from device_gateway.printing.job import JobState, PrintJob
from device_gateway.printing.news import News, job_news, nobody
from device_gateway.printing.owner import Patience
from device_gateway.printing.ports import PrinterLink, PrintListener, PrintQueue, Taken, Waiting
from device_gateway.printing.room import PrintingRoom
from device_gateway.printing.state import PrinterState, condition_of


class _NobodyYet:
    async def printed(self, job: PrintJob) -> None:
        raise RuntimeError(f"nobody listens for {job.job_id} yet")


class PrintOffice:
    """`listener` is set before `run`: it needs the gateway, which needs this."""

    def __init__(
        self,
        queue: PrintQueue,
        *,
        clock: Callable[[], datetime],
        link: Callable[[StorePrinter], PrinterLink],
        profile: Callable[[StorePrinter], PrinterProfile] = profile_of,
        news: News = nobody,
        patience: Patience | None = None,
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._news = news
        self.listener: PrintListener = _NobodyYet()
        self._room = PrintingRoom(queue, self, link=link, clock=clock, news=news, patience=patience)
        self.desk = PrintingDesk(queue, clock=clock, queued=self._room.wake, profile=profile)

    async def run(self) -> None:
        """Until cancelled."""
        await self._room.run()

    def know(self, store_id: str, printers: Iterable[StorePrinter]) -> None:
        """Send to these printers."""
        self._room.know(store_id, printers)

    async def printed(self, job: PrintJob) -> None:
        """For the room: pass it on."""
        await self.listener.printed(job)

    async def states(self, store_id: str) -> Mapping[str, PrinterState]:
        return await self._queue.states(store_id)

    async def waiting(self, store_id: str) -> Mapping[str, Waiting]:
        return await self._queue.waiting(store_id)

    async def jobs(
        self, store_id: str, *, states: Sequence[JobState], till_id: str | None, jobs_max: int
    ) -> Sequence[PrintJob]:
        return await self._queue.jobs(store_id, states=states, till_id=till_id, jobs_max=jobs_max)

    async def find(self, job_id: str) -> PrintJob | None:
        return await self._queue.find(job_id)

    async def dismiss(self, job: PrintJob, *, reason: str) -> bool:
        """A waiting job is not printed any more; one that went wrong was looked at. False: neither,
        or somebody did so before."""
        now = self._clock()
        if await self._queue.cancel(job.job_id, reason=reason, now=now):
            self._news(job_news(job, JobState.FAILED, "dismissed"))
            return True
        return await self._queue.see(job.job_id, reason=reason, now=now)

    async def enqueue_self_test(
        self, printer: StorePrinter, master_data: MasterDataChanged, *, job_id: str
    ) -> bool:
        return await self.desk.enqueue_self_test(printer, master_data, job_id=job_id)

    async def enqueue_drawer(
        self, master_data: MasterDataChanged, till_id: str, *, job_id: str
    ) -> bool:
        return await self.desk.enqueue_drawer(master_data, till_id, job_id=job_id)

    async def hand_out(self, printer_id: str) -> Taken | None:
        """The next job, for a printer that came for it; None: there is none, or it has one."""
        return await self._queue.hand_out(printer_id, now=self._clock())

    async def handed_out(self, printer_id: str) -> Taken | None:
        return await self._queue.handed_out(printer_id)

    async def next_part(self, job_id: str, part: int) -> bool:
        return await self._queue.next_part(job_id, part, now=self._clock())

    async def fetch(self, job_id: str, part: int) -> bool:
        return await self._queue.fetch(job_id, part, now=self._clock())

    async def answered(
        self, job: PrintJob, state: JobState, reason: str, *, owner: str, due_at: datetime | None
    ) -> bool:
        """A printer says what came of a job that it fetched. `due_at`: surely nothing was printed,
        and it waits again until then. False: it is not out any more."""
        if due_at is not None:
            ours = await self._queue.again(job.job_id, owner=owner, reason=reason, due_at=due_at)
            state = JobState.QUEUED
        else:
            ours = await self._queue.finish(
                job.job_id, owner=owner, state=state, reason=reason, now=self._clock()
            )
        if ours:
            self._room.moved(job, state, reason)
        return ours

    async def found(self, store_id: str, printer_id: str, reason: str) -> None:
        """A printer has told what it is like."""
        condition, reason = condition_of(reason)
        known = (await self._queue.states(store_id)).get(printer_id)
        if known is None or (known.state, known.reason) != (condition, reason):
            await self._room.found(store_id, printer_id, condition, reason)
