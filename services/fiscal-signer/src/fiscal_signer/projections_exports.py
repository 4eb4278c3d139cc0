"""Read model: the exports that were asked for, and what came of them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from events import Recorded
from events.projection import names_of
from fiscal_signer.events import ExportCreated, ExportRequested

_REQUESTED = text(
    "INSERT INTO export_job (export_id, kind, request, state, requested_at)"
    " VALUES (:export_id, :kind, CAST(:document AS json), 'waiting', :at)"
    " ON CONFLICT (export_id) DO NOTHING"
)
_CREATED = text(
    "UPDATE export_job SET state = 'done', result = CAST(:document AS json), rows = :rows,"
    " closings = :closings, closings_max = :closings, worker = NULL, worker_until = NULL,"
    " failure = NULL, detail = NULL WHERE export_id = :export_id"
)


class ExportBook:
    """Rows of `export_job`; the columns of who works on it are not touched."""

    name = "export_book"
    version = 1
    reads = names_of(ExportRequested, ExportCreated)

    async def apply(self, tx: AsyncConnection, recorded: Sequence[Recorded]) -> None:
        """Fold a page of events, in log order."""
        for entry in recorded:
            match entry.event:
                case ExportRequested() as requested:
                    await tx.execute(
                        _REQUESTED,
                        {
                            "export_id": requested.export_id,
                            "kind": requested.kind,
                            "document": requested.model_dump_json(),
                            "at": requested.requested_at,
                        },
                    )
                case ExportCreated() as created:
                    await tx.execute(
                        _CREATED,
                        {
                            "export_id": created.export_id,
                            "document": created.model_dump_json(),
                            "rows": created.rows,
                            "closings": created.closings,
                        },
                    )
                case _:
                    continue
