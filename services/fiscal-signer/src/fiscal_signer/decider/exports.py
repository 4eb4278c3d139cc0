"""One export: asked for, and made. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import assert_never

from events import Decider, DomainError
from fiscal_signer.events import ExportCreated, ExportKind, ExportRequested


class ExportUnknown(DomainError):
    code = "export.unknown"
    status = 404
    title = "There is no such export"


class ExportDiffers(DomainError):
    code = "export.differs"
    status = 500
    title = "The export does not come out as it did before"


@dataclass(frozen=True, slots=True)
class RequestExport:
    export_id: str
    kind: ExportKind
    store_ids: tuple[str, ...]
    till_ids: tuple[str, ...]
    begin: date
    end: date
    journal_position: int
    requested_by: str
    now: datetime


@dataclass(frozen=True, slots=True)
class CompleteExport:
    sha256: str
    bytes: int
    rows: int
    closings: int
    differences: int
    now: datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """An export; `sha256` None: not made yet."""

    requested: ExportRequested | None = None
    sha256: str | None = None


ExportCommand = RequestExport | CompleteExport


def decide(command: ExportCommand, export: Wanted) -> Sequence[ExportRequested | ExportCreated]:
    """Raises `ExportUnknown`; `ExportDiffers`: it was made before, with other bytes."""
    match command:
        case RequestExport():
            return () if export.requested is not None else (_requested(command),)
        case CompleteExport():
            if export.requested is None:
                raise ExportUnknown
            if export.sha256 is not None:
                if export.sha256 != command.sha256:
                    raise ExportDiffers(f"{export.sha256} before, {command.sha256} now")
                return ()
            return (_created(command, export.requested),)
        case _:
            assert_never(command)


def evolve(export: Wanted, event: ExportRequested | ExportCreated) -> Wanted:
    match event:
        case ExportRequested():
            return Wanted(event)
        case ExportCreated():
            return Wanted(export.requested, event.sha256)
        case _:
            assert_never(event)


def _requested(command: RequestExport) -> ExportRequested:
    return ExportRequested(
        export_id=command.export_id,
        kind=command.kind,
        store_ids=tuple(sorted(set(command.store_ids))),
        till_ids=tuple(sorted(set(command.till_ids))),
        begin=command.begin,
        end=command.end,
        journal_position=command.journal_position,
        requested_by=command.requested_by,
        requested_at=command.now,
    )


def _created(command: CompleteExport, requested: ExportRequested) -> ExportCreated:
    return ExportCreated(
        export_id=requested.export_id,
        kind=requested.kind,
        store_ids=requested.store_ids,
        till_ids=requested.till_ids,
        begin=requested.begin,
        end=requested.end,
        sha256=command.sha256,
        bytes=command.bytes,
        rows=command.rows,
        closings=command.closings,
        differences=command.differences,
        requested_by=requested.requested_by,
        created_at=command.now,
        journal_position=requested.journal_position,
    )


EXPORT: Decider[ExportCommand, Wanted] = Decider(initial=Wanted(), decide=decide, evolve=evolve)
