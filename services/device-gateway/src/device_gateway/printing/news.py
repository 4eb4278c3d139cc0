"""What happens at the printers, told at once: it is no truth, only a hint to look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from device_gateway.printing.job import JobState, PrintJob
from device_gateway.printing.state import PrinterState


@dataclass(frozen=True, slots=True)
class PrintNews:
    """`till_id` None: it concerns all tills of the store."""

    store_id: str
    till_id: str | None
    kind: Literal["printer", "print_job"]
    data: dict[str, str | int | bool | None]


News = Callable[[PrintNews], None]
"""Never blocks and never raises."""


def nobody(_news: PrintNews) -> None:
    """Nobody listens."""


def job_news(job: PrintJob, state: JobState, reason: str) -> PrintNews:
    """A job has moved."""
    return PrintNews(
        job.store_id,
        job.till_id or None,
        "print_job",
        {
            "job": job.job_id,
            "booking_id": job.booking_id,
            "document": job.document,
            "state": state.value,
            "reason": reason,
        },
    )


def printer_news(state: PrinterState) -> PrintNews:
    """A printer is not as it was."""
    return PrintNews(
        state.store_id,
        None,
        "printer",
        {"printer": state.printer_id, "state": state.state, "reason": state.reason},
    )
