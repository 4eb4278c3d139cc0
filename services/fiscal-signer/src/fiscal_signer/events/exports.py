"""Exports that were asked for, and what they came to."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from events import Event, event_type

ExportKind = Literal["dsfinvk", "tar", "report_146a"]


@event_type("export.requested")
class ExportRequested(Event):
    """Somebody wants an export of closings from `begin` to `end`. Stream `export-{export_id}`."""

    export_id: str
    kind: ExportKind
    store_ids: tuple[str, ...]
    """Empty: all. So with tills."""
    till_ids: tuple[str, ...]
    begin: date
    end: date
    journal_position: int
    """Nothing that was kept later is in it: the same request makes the same bytes."""
    requested_by: str
    requested_at: datetime


@event_type("export.created")
class ExportCreated(Event):
    """The export is there. Whoever holds a file can prove by its hash that it is this one."""

    export_id: str
    kind: ExportKind
    store_ids: tuple[str, ...]
    till_ids: tuple[str, ...]
    begin: date
    end: date
    sha256: str
    bytes: int
    rows: int
    """Of all tables."""
    closings: int
    differences: int
    """Sums of closings that are not those of their processes; each stands in the report inside."""
    requested_by: str
    created_at: datetime
    journal_position: int
