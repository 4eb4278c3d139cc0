"""What the printing room needs from others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from device_gateway.printing.job import Delivery, JobState, PrintJob
from device_gateway.printing.state import PrinterState
from events import DomainError

PULLED = "fetched by the printer"
"""Owner of the jobs of printers that fetch them: whichever process they ask."""

JOBS_WAITING_MAX = 500
"""Jobs that may wait for one printer. More means that it is broken and nobody looks."""


class PrinterQueueFull(DomainError):
    """`JOBS_WAITING_MAX` jobs wait for this printer. The receipt can be given as HTML."""

    code = "printer.queue_full"
    status = 503
    title = "Too many jobs wait for this printer"


class NotTheFirst(Exception):
    """Another job has this document and has not surely failed: what is printed now would be the
    second paper, and has to say so."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A job that is ours to send now."""

    job: PrintJob
    payload: bytes = field(repr=False)
    more: bool
    """Others waited behind it when it was taken."""
    part: int = 0
    """Papers of it that are out already, where the printer fetches them one by one."""
    fetched: bool = False
    """The printer has come for the paper that follows."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for one printer."""

    jobs: int
    since: datetime


class PrinterLink(Protocol):
    """The line to one printer. One job at a time."""

    async def deliver(self, job: bytes, *, job_id: str) -> Delivery:
        """Send one job and find out what became of it. Bounded in time; never raises for
        anything that a printer or a network does."""
        ...

    async def look(self) -> str | None:
        """Why nothing would be printed now (`unreachable`, `paper_out`, …), `paper_near_end`, or
        nothing to say (empty). None: the printer cannot be asked. As bounded as `deliver`."""
        ...

    async def close(self) -> None:
        """Twice is fine."""
        ...


class PrintQueue(Protocol):
    """Durable. The bytes are readable only while a job is queued or being sent.

    Every call raises `Transient` when the queue is away; nothing was changed then, or it was and
    asking again does no harm.
    """

    async def put(self, job: PrintJob, payload: bytes, *, as_first: bool = False) -> bool:
        """Store a new job. False: `job_id` is known, nothing changed. Raises `PrinterQueueFull`;
        with `as_first` also `NotTheFirst`, and then nothing is stored."""
        ...

    async def waiting_printers(self) -> Sequence[str]:
        """The printers that have a job queued or being sent, by whomever."""
        ...

    async def lease(self, printer_id: str, *, owner: str, now: datetime, until: datetime) -> bool:
        """Take or renew the sole right to send to a printer. False: another process has it."""
        ...

    async def give_back(self, printer_id: str, *, owner: str) -> None:
        """End the lease early."""
        ...

    async def recover(self, printer_id: str, *, owner: str, now: datetime) -> Sequence[PrintJob]:
        """Jobs that a former owner was sending become `unknown`: nobody knows what is on paper."""
        ...

    async def take(self, printer_id: str, *, owner: str, now: datetime) -> Taken | None:
        """The oldest waiting job becomes `sending`, with its bytes. None: there is none, it is not
        due yet, or the lease is gone. Order per printer is kept: nothing overtakes."""
        ...

    async def again(self, job_id: str, *, owner: str, reason: str, due_at: datetime) -> bool:
        """A job of which surely nothing was printed waits again. False: it is not ours any more."""
        ...

    async def finish(
        self, job_id: str, *, owner: str, state: JobState, reason: str, now: datetime
    ) -> bool:
        """The job is at an end, its bytes are gone. False: it is not ours any more."""
        ...

    async def unreported(self, *, jobs_max: int) -> Sequence[PrintJob]:
        """Printed jobs that the listener has not heard of, oldest first."""
        ...

    async def reported(self, job_ids: Sequence[str], *, now: datetime) -> None:
        """The listener has heard of them."""
        ...

    async def attention(self, store_id: str, *, jobs_max: int) -> Sequence[PrintJob]:
        """`unknown` and `failed` jobs of a store, newest first: somebody has to look."""
        ...

    async def jobs(
        self, store_id: str, *, states: Sequence[JobState], till_id: str | None, jobs_max: int
    ) -> Sequence[PrintJob]:
        """Jobs of a store in one of `states` (none: in any), newest first."""
        ...

    async def see(self, job_id: str, *, reason: str, now: datetime) -> bool:
        """Somebody looked at an `unknown` or `failed` job. False: somebody did before."""
        ...

    async def cancel(self, job_id: str, *, reason: str, now: datetime) -> bool:
        """A job that still waits fails, unprinted. False: it does not wait."""
        ...

    async def note_state(self, state: PrinterState) -> None:
        """What a printer is like now. `since` stays where state and reason do."""
        ...

    async def states(self, store_id: str) -> Mapping[str, PrinterState]:
        """By printer, as far as anybody has reached for it."""
        ...

    async def waiting(self, store_id: str) -> Mapping[str, Waiting]:
        """By printer, where jobs wait or are being sent."""
        ...

    async def hand_out(self, printer_id: str, *, now: datetime) -> Taken | None:
        """For a printer that fetches its jobs: as `take`, for the owner `PULLED`, and never a
        second one beside one that is out."""
        ...

    async def handed_out(self, printer_id: str) -> Taken | None:
        """The job that such a printer has and has not answered for."""
        ...

    async def next_part(self, job_id: str, part: int, *, now: datetime) -> bool:
        """Its papers up to `part` are out. False: they were already, or the job is at an end."""
        ...

    async def fetch(self, job_id: str, part: int, *, now: datetime) -> bool:
        """The printer comes for this paper of it. False: it has another one, or none."""
        ...

    async def unanswered(self, *, before: datetime, now: datetime) -> Sequence[PrintJob]:
        """Jobs that were fetched before then and never answered for become `unknown`."""
        ...

    async def find(self, job_id: str) -> PrintJob | None:
        """One job."""
        ...


class PrintListener(Protocol):
    """Hears of each printed job at least once; the same job may come again after a crash."""

    async def printed(self, job: PrintJob) -> None:
        """`job.state` is `sent` or `confirmed`. Raises anything: it is told again later."""
        ...
