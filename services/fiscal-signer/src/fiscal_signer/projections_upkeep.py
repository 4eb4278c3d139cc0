"""Read model: how the TSEs are, what is warned of, and which log messages only they hold."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from events import Event, Recorded
from events.projection import names_of
from fiscal_signer.events import (
    SignatureSurplus,
    SurplusRead,
    TseChecked,
    TseWarned,
    TseWarningEnded,
)

UNREAD = "unread"
"""Operation of a log message of which only the counter is known."""

_CHECKED = text(
    "INSERT INTO tse_check AS known (tse_id, store_id, checked_at, self_tested_at, time_set_at,"
    " exported_at, failed, detail, drift_ms, certificate_until, signatures, signatures_max,"
    " storage_used, storage_max)"
    " VALUES (:tse_id, :store_id, :checked_at, :self_tested_at, :time_set_at, :exported_at,"
    " CAST(:failed AS text[]), :detail, :drift_ms, :certificate_until, :signatures,"
    " :signatures_max, :storage_used, :storage_max)"
    " ON CONFLICT (tse_id) DO UPDATE SET checked_at = excluded.checked_at,"
    " self_tested_at = coalesce(excluded.self_tested_at, known.self_tested_at),"
    " time_set_at = coalesce(excluded.time_set_at, known.time_set_at),"
    " exported_at = coalesce(excluded.exported_at, known.exported_at),"
    " failed = excluded.failed, detail = excluded.detail, drift_ms = excluded.drift_ms,"
    " certificate_until = excluded.certificate_until, signatures = excluded.signatures,"
    " signatures_max = excluded.signatures_max, storage_used = excluded.storage_used,"
    " storage_max = excluded.storage_max"
)
_WARNED = text(
    "INSERT INTO tse_warning (tse_id, warning, store_id, stage, detail, since, until)"
    " VALUES (:tse_id, :warning, :store_id, :stage, :detail, :since, :until)"
    " ON CONFLICT (tse_id, warning) DO UPDATE SET stage = excluded.stage,"
    " detail = excluded.detail, since = excluded.since, until = excluded.until"
)
_WARNING_ENDED = text("DELETE FROM tse_warning WHERE tse_id = :tse_id AND warning = :warning")
_UNREAD = text(
    "INSERT INTO tse_unread (tse_id, signature_counter, noticed_at)"
    " VALUES (:tse_id, :signature_counter, :log_time) ON CONFLICT DO NOTHING"
)
_READ = text(
    "DELETE FROM tse_unread WHERE tse_id = :tse_id AND signature_counter = :signature_counter"
)


class TseUpkeep:
    """Warnings, checks, and what is unread. The bytes themselves stand in the signature book."""

    name = "tse_upkeep"
    version = 1
    reads = names_of(SignatureSurplus, SurplusRead, TseChecked, TseWarned, TseWarningEnded)

    async def apply(self, tx: AsyncConnection, recorded: Sequence[Recorded]) -> None:
        """Fold a page of events, in log order."""
        for entry in recorded:
            await _fold(tx, entry.event)


async def _fold(tx: AsyncConnection, event: Event) -> None:
    match event:
        case SignatureSurplus() if event.operation == UNREAD:
            names = {"tse_id", "signature_counter", "log_time"}
            await tx.execute(_UNREAD, event.model_dump(include=names))
        case SurplusRead():
            await tx.execute(_READ, event.model_dump(include={"tse_id", "signature_counter"}))
        case TseChecked():
            columns = event.model_dump(exclude={"done"})
            at = dict.fromkeys(event.done, event.checked_at)
            await tx.execute(
                _CHECKED,
                columns
                | {
                    "failed": list(event.failed),
                    "self_tested_at": at.get("self_test"),
                    "time_set_at": at.get("time"),
                    "exported_at": at.get("export"),
                },
            )
        case TseWarned():
            await tx.execute(_WARNED, event.model_dump())
        case TseWarningEnded():
            await tx.execute(_WARNING_ENDED, event.model_dump(include={"tse_id", "warning"}))
        case _:
            return
