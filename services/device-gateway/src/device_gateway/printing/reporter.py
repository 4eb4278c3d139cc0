"""The loop that tells what was printed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime

from device_gateway.printing.job import PrintJob
from device_gateway.printing.owner import Patience
from device_gateway.printing.ports import PrintListener, PrintQueue
from events import Transient

log = logging.getLogger(__name__)

REPORTED_AT_ONCE_MAX = 100


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
