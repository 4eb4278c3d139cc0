"""How a device is: checks and warnings, away from any sale."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from events import Event, event_type

WarningName = Literal[
    "certificate_expires", "storage_fills", "signatures_run_out", "time_drifts",
    "self_test_failed", "export_overdue", "outage",
]  # fmt: skip


@event_type("tse.checked")
class TseChecked(Event):
    """A look at a device, away from any sale, about once a day. Its chores (self-test, time) left
    log messages of their own."""

    tse_id: str
    store_id: str
    done: tuple[Literal["self_test", "time", "export", "delete"], ...]
    """The chores that went well."""
    failed: tuple[Literal["self_test", "time", "export", "delete"], ...] = ()
    detail: str = ""
    """Why a chore failed: a code of `TseError`."""
    drift_ms: int | None = None
    """Its clock against ours; above 0: it is ahead."""
    certificate_until: datetime | None = None
    signatures: int
    """Made so far."""
    signatures_max: int | None = None
    storage_used: int | None = None
    storage_max: int | None = None
    checked_at: datetime


@event_type("tse.warned")
class TseWarned(Event):
    """Somebody has to look after a device. Said again with each higher stage."""

    tse_id: str
    store_id: str
    warning: WarningName
    stage: int = 1
    """How urgent: 1, 2, 3."""
    detail: str
    since: datetime
    """When its first stage was noticed."""
    until: datetime | None = None
    """When it will be too late, where that is known."""


@event_type("tse.warning_ended")
class TseWarningEnded(Event):
    """What was warned of is over."""

    tse_id: str
    store_id: str
    warning: WarningName
    ended_at: datetime
