"""The print queue in PostgreSQL (`migrations/0010_printing.sql`). Bytes are sealed at rest.

Every receipt passes here, so the statements go to asyncpg as they are (decision 0015).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from device_gateway.adapters.print_records import PrinterRecords, job_of
from device_gateway.printing.job import PrintJob
from device_gateway.printing.ports import (
    JOBS_WAITING_MAX,
    NotTheFirst,
    PrinterQueueFull,
    Taken,
)

_TRIED = (
    # An order's slip is the first on each printer that it concerns.
    "EXISTS (SELECT 1 FROM print_job WHERE booking_id = $5 AND document = $6"
    " AND job_id <> $1 AND state <> 'failed'"
    " AND (document <> 'order_slip' OR printer_id = $2))"
)
_PUT = (
    "INSERT INTO print_job (job_id, printer_id, store_id, till_id, booking_id, document, is_copy,"  # noqa: S608 (constants)
    " state, queued_at, due_at, changed_at, payload, give_up_at)"
    " SELECT $1, $2, $3, $4, $5, $6, $7, 'queued', $8, $8, $8, $9, $12"
    " WHERE (SELECT count(*) FROM print_job WHERE printer_id = $2"
    " AND state IN ('queued', 'sending')) < $10"
    f" AND NOT ($11 AND {_TRIED})"
    " ON CONFLICT (job_id) DO NOTHING RETURNING job_id"
)
_WHY_NOT = (
    "SELECT EXISTS (SELECT 1 FROM print_job WHERE job_id = $1) AS known,"
    " EXISTS (SELECT 1 FROM print_job WHERE booking_id = $2 AND document = $3"
    " AND job_id <> $1 AND state <> 'failed'"
    " AND (document <> 'order_slip' OR printer_id = $4)) AS tried"
)
_WAITING_PRINTERS = "SELECT DISTINCT printer_id FROM print_job WHERE state IN ('queued', 'sending')"
_LEASE = (
    "INSERT INTO print_lease (printer_id, owner, until) VALUES ($1, $2, $3)"
    " ON CONFLICT (printer_id) DO UPDATE SET owner = $2, until = $3"
    " WHERE print_lease.owner = $2 OR print_lease.until <= $4 RETURNING owner"
)
_GIVE_BACK = "DELETE FROM print_lease WHERE printer_id = $1 AND owner = $2"
_RECOVER = (
    "UPDATE print_job SET state = 'unknown', reason = 'interrupted', payload = NULL,"
    " changed_at = $3 WHERE printer_id = $1 AND state = 'sending' AND owner IS DISTINCT FROM $2"
    " AND EXISTS (SELECT 1 FROM print_lease WHERE printer_id = $1 AND owner = $2) RETURNING *"
)
# The lease's row is locked for the moment: it cannot be taken over between look and update.
_TAKE = (
    "WITH ours AS (SELECT 1 FROM print_lease WHERE printer_id = $1 AND owner = $2"
    " AND until > $3 FOR UPDATE), first AS (SELECT job_id, due_at FROM print_job"
    " WHERE printer_id = $1 AND state = 'queued' ORDER BY sequence LIMIT 1)"
    " UPDATE print_job SET state = 'sending', owner = $2, tries = tries + 1, changed_at = $3"
    " WHERE job_id = (SELECT job_id FROM first WHERE due_at <= $3) AND EXISTS (SELECT 1 FROM ours)"
    " RETURNING *, EXISTS (SELECT 1 FROM print_job AS later WHERE later.printer_id = $1"
    " AND later.state = 'queued' AND later.sequence > print_job.sequence) AS more"
)
_AGAIN = (
    "UPDATE print_job SET state = 'queued', owner = NULL, reason = $3, due_at = $4"
    " WHERE job_id = $1 AND owner = $2 AND state = 'sending' RETURNING job_id"
)
_REPORTED = "UPDATE print_job SET reported_at = $2 WHERE job_id = ANY($1::text[])"
_UNREPORTED = (
    "SELECT * FROM print_job WHERE reported_at IS NULL AND state IN ('sent', 'confirmed')"
    " ORDER BY sequence LIMIT $1"
)
_ATTENTION = (
    "SELECT * FROM print_job WHERE store_id = $1 AND state IN ('unknown', 'failed')"
    " AND seen_at IS NULL ORDER BY sequence DESC LIMIT $2"
)
_FIND = "SELECT * FROM print_job WHERE job_id = $1"


class PostgresPrintQueue(PrinterRecords):
    """See `printing.ports.PrintQueue`. Any number of processes may share the tables.

    Each statement stands for itself. Raises `Transient` when the database is away.
    """

    async def put(self, job: PrintJob, payload: bytes, *, as_first: bool = False) -> bool:
        stored = await self._one(
            _PUT,
            job.job_id,
            job.printer_id,
            job.store_id,
            job.till_id,
            job.booking_id,
            job.document,
            job.is_copy,
            job.queued_at,
            self._seal(job.job_id, payload),
            JOBS_WAITING_MAX,
            as_first,
            job.give_up_at,
        )
        if stored is not None:
            return True
        why = await self._one(_WHY_NOT, job.job_id, job.booking_id, job.document, job.printer_id)
        assert why is not None  # A SELECT without FROM has one row.
        if why["known"]:
            return False
        if as_first and why["tried"]:
            raise NotTheFirst(job.job_id)
        raise PrinterQueueFull(printer_id=job.printer_id)

    async def waiting_printers(self) -> Sequence[str]:
        return [row["printer_id"] for row in await self._rows(_WAITING_PRINTERS)]

    async def lease(self, printer_id: str, *, owner: str, now: datetime, until: datetime) -> bool:
        return await self._one(_LEASE, printer_id, owner, until, now) is not None

    async def give_back(self, printer_id: str, *, owner: str) -> None:
        await self._rows(_GIVE_BACK, printer_id, owner)

    async def recover(self, printer_id: str, *, owner: str, now: datetime) -> Sequence[PrintJob]:
        return [job_of(row) for row in await self._rows(_RECOVER, printer_id, owner, now)]

    async def take(self, printer_id: str, *, owner: str, now: datetime) -> Taken | None:
        row = await self._one(_TAKE, printer_id, owner, now)
        if row is None:
            return None
        return await self._opened(row, owner=owner, now=now)

    async def again(self, job_id: str, *, owner: str, reason: str, due_at: datetime) -> bool:
        return await self._one(_AGAIN, job_id, owner, reason, due_at) is not None

    async def unreported(self, *, jobs_max: int) -> Sequence[PrintJob]:
        return [job_of(row) for row in await self._rows(_UNREPORTED, jobs_max)]

    async def reported(self, job_ids: Sequence[str], *, now: datetime) -> None:
        await self._rows(_REPORTED, list(job_ids), now)

    async def attention(self, store_id: str, *, jobs_max: int) -> Sequence[PrintJob]:
        return [job_of(row) for row in await self._rows(_ATTENTION, store_id, jobs_max)]

    async def find(self, job_id: str) -> PrintJob | None:
        row = await self._one(_FIND, job_id)
        return None if row is None else job_of(row)
