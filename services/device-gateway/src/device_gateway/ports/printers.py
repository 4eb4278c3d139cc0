"""Printers and their jobs, as people and as printers that fetch their jobs ask for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from device_gateway.events import MasterDataChanged, StorePrinter
from device_gateway.printing.job import JobState, PrintJob
from device_gateway.printing.ports import Taken, Waiting
from device_gateway.printing.state import PrinterState


class Printers(Protocol):
    """Every call raises `Transient` when the spool is away."""

    async def states(self, store_id: str) -> Mapping[str, PrinterState]:
        """By printer, as far as anybody has reached for it."""
        ...

    async def waiting(self, store_id: str) -> Mapping[str, Waiting]:
        """By printer, where jobs wait."""
        ...

    async def jobs(
        self, store_id: str, *, states: Sequence[JobState], till_id: str | None, jobs_max: int
    ) -> Sequence[PrintJob]:
        """Newest first; `states` empty: in any."""
        ...

    async def find(self, job_id: str) -> PrintJob | None:
        """One job."""
        ...

    async def dismiss(self, job: PrintJob, *, reason: str) -> bool:
        """A waiting job is not printed any more; one that went wrong was looked at. False: neither,
        or somebody did so before."""
        ...

    async def enqueue_self_test(
        self, printer: StorePrinter, master_data: MasterDataChanged, *, job_id: str
    ) -> bool:
        """Queue a self-test, once. Raises `PrinterQueueFull`."""
        ...

    async def enqueue_drawer(
        self, master_data: MasterDataChanged, till_id: str, *, job_id: str
    ) -> bool:
        """Queue a pulse for the till's drawer, once. False: it has none."""
        ...

    async def hand_out(self, printer_id: str) -> Taken | None:
        """The next job, for a printer that came for it; None: there is none, or it has one."""
        ...

    async def handed_out(self, printer_id: str) -> Taken | None:
        """The job that it has."""
        ...

    async def next_part(self, job_id: str, part: int) -> bool:
        """Its papers up to `part` are out. False: they were already, or the job is at an end."""
        ...

    async def fetch(self, job_id: str, part: int) -> bool:
        """The printer comes for this paper of it. False: it has another one, or none."""
        ...

    async def answered(
        self, job: PrintJob, state: JobState, reason: str, *, owner: str, due_at: datetime | None
    ) -> bool:
        """A printer says what came of a job that it fetched. `due_at`: surely nothing was printed,
        and it waits again until then. False: it is not out any more."""
        ...

    async def found(self, store_id: str, printer_id: str, reason: str) -> None:
        """A printer has told what it is like."""
        ...
