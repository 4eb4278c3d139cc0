"""A print job and its stations.

queued → sending → sent | confirmed | unknown | failed, and back to queued where surely nothing
reached the printer. `unknown` is an end: bytes were on their way, and perhaps on paper. It is
never repeated by itself, and what follows it says KOPIE.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from device_gateway.events import PaperKind

Document = PaperKind | Literal["self_test", "drawer", "terminal_report", "x_report"]
"""`self_test`, `drawer`, the end of day of a card terminal and X reports belong to no booking."""

NO_BOOKING: frozenset[Document] = frozenset({"self_test", "drawer", "terminal_report", "x_report"})


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    """The printer took every byte and gives no further answer. All that a mute printer tells."""
    CONFIRMED = "confirmed"
    """The printer has answered, in stream order, to a question behind the last byte."""
    UNKNOWN = "unknown"
    """Some bytes went out and then the line or the printer failed."""
    FAILED = "failed"
    """Nothing reached the printer, and nobody tries any more. Safe to repeat as it was."""

    @property
    def is_final(self) -> bool:
        return self not in (JobState.QUEUED, JobState.SENDING)

    @property
    def is_on_paper(self) -> bool:
        return self in (JobState.SENT, JobState.CONFIRMED)


@dataclass(frozen=True, slots=True)
class PrintJob:
    """One job as the queue has it. Its bytes are not in here."""

    job_id: str
    printer_id: str
    store_id: str
    till_id: str
    booking_id: str
    document: Document
    is_copy: bool
    queued_at: datetime
    state: JobState = JobState.QUEUED
    reason: str = ""
    """A code: `paper_out`, `cover_open`, `unreachable`, `connection_lost`, …"""
    tries: int = 0
    changed_at: datetime | None = None
    give_up_at: datetime | None = None
    """Nobody tries after this. None: as long as the printer's owner has patience."""
    seen_at: datetime | None = None
    seen_reason: str | None = None
    """Somebody looked at a job that went wrong."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of one try to send a job. `FAILED`: surely nothing was printed."""

    outcome: Literal[JobState.SENT, JobState.CONFIRMED, JobState.UNKNOWN, JobState.FAILED]
    reason: str = ""
