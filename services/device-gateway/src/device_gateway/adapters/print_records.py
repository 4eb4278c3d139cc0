"""What people and fetching printers ask of the print queue: jobs of a store, state of its printers,
jobs that a printer comes for. The sending side is in `print_queue`."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from device_gateway.printing.job import JobState, PrintJob
from device_gateway.printing.ports import PULLED, Taken, Waiting
from device_gateway.printing.state import PrinterState
from events.store.connection import faults
from kassenverbund.kit.secrets import Secrets

log = logging.getLogger(__name__)

PURPOSE = "device_gateway.print_payload"
NONCE_BYTES = 12

_FINISH = (
    "UPDATE print_job SET state = $3, reason = $4, payload = NULL, changed_at = $5"
    " WHERE job_id = $1 AND owner = $2 AND state = 'sending' RETURNING job_id"
)
_JOBS = (
    "SELECT * FROM print_job WHERE store_id = $1 AND (cardinality($2::text[]) = 0"
    " OR state = ANY($2)) AND ($3::text IS NULL OR till_id = $3) ORDER BY sequence DESC LIMIT $4"
)
_SEE = (
    "UPDATE print_job SET seen_at = $3, seen_reason = $2 WHERE job_id = $1"
    " AND state IN ('unknown', 'failed') AND seen_at IS NULL RETURNING job_id"
)
_CANCEL = (
    "UPDATE print_job SET state = 'failed', reason = 'dismissed', payload = NULL, changed_at = $3,"
    " seen_at = $3, seen_reason = $2 WHERE job_id = $1 AND state = 'queued' RETURNING job_id"
)
_NOTE_STATE = (
    "INSERT INTO printer_state AS kept (printer_id, store_id, state, reason, since, seen_at)"
    " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (printer_id) DO UPDATE SET store_id = $2,"
    " state = $3, reason = $4, seen_at = $6, since = CASE"
    " WHEN (kept.state, kept.reason) = ($3, $4) THEN kept.since ELSE $5 END"
)
_STATES = "SELECT * FROM printer_state WHERE store_id = $1"
_WAITING = (
    "SELECT printer_id, count(*) AS jobs, min(queued_at) AS since FROM print_job"
    " WHERE store_id = $1 AND state IN ('queued', 'sending') GROUP BY printer_id"
)
# Two that ask in the same moment meet at the first job's row: only one of them finds it waiting.
_HAND_OUT = (
    "WITH first AS (SELECT job_id, due_at FROM print_job WHERE printer_id = $1"
    " AND state = 'queued' ORDER BY sequence LIMIT 1 FOR UPDATE)"
    " UPDATE print_job SET state = 'sending', owner = $2, tries = tries + 1, changed_at = $3,"
    " fetched = -1"
    " WHERE job_id = (SELECT job_id FROM first WHERE due_at <= $3) AND NOT EXISTS"
    " (SELECT 1 FROM print_job WHERE printer_id = $1 AND state = 'sending')"
    " RETURNING *, false AS more"
)
_HANDED_OUT = (
    "SELECT *, false AS more FROM print_job WHERE printer_id = $1 AND state = 'sending'"
    " AND owner = $2"
)
_NEXT_PART = (
    "UPDATE print_job SET part = $2, changed_at = $3 WHERE job_id = $1 AND state = 'sending'"
    " AND part = $2 - 1 RETURNING job_id"
)
_FETCH = (
    "UPDATE print_job SET fetched = $2, changed_at = $3 WHERE job_id = $1 AND state = 'sending'"
    " AND part = $2 RETURNING job_id"
)
_UNANSWERED = (
    "UPDATE print_job SET state = 'unknown', reason = 'no_answer', payload = NULL, changed_at = $3"
    " WHERE owner = $1 AND state = 'sending' AND changed_at < $2 RETURNING *"
)


class PrinterRecords:
    """See `printing.ports.PrintQueue`."""

    def __init__(self, pool: asyncpg.Pool[Any], secrets: Secrets) -> None:
        self._pool = pool
        self._cipher = AESGCM(secrets.key(PURPOSE))

    async def finish(
        self, job_id: str, *, owner: str, state: JobState, reason: str, now: datetime
    ) -> bool:
        assert state.is_final
        return await self._one(_FINISH, job_id, owner, state.value, reason, now) is not None

    async def jobs(
        self, store_id: str, *, states: Sequence[JobState], till_id: str | None, jobs_max: int
    ) -> Sequence[PrintJob]:
        wanted = [state.value for state in states]
        return [job_of(row) for row in await self._rows(_JOBS, store_id, wanted, till_id, jobs_max)]

    async def see(self, job_id: str, *, reason: str, now: datetime) -> bool:
        return await self._one(_SEE, job_id, reason, now) is not None

    async def cancel(self, job_id: str, *, reason: str, now: datetime) -> bool:
        return await self._one(_CANCEL, job_id, reason, now) is not None

    async def note_state(self, state: PrinterState) -> None:
        await self._rows(
            _NOTE_STATE,
            state.printer_id,
            state.store_id,
            state.state,
            state.reason,
            state.since,
            state.seen_at,
        )

    async def states(self, store_id: str) -> Mapping[str, PrinterState]:
        rows = await self._rows(_STATES, store_id)
        return {row["printer_id"]: PrinterState(**row) for row in rows}

    async def waiting(self, store_id: str) -> Mapping[str, Waiting]:
        rows = await self._rows(_WAITING, store_id)
        return {row["printer_id"]: Waiting(row["jobs"], row["since"]) for row in rows}

    async def hand_out(self, printer_id: str, *, now: datetime) -> Taken | None:
        row = await self._one(_HAND_OUT, printer_id, PULLED, now)
        return None if row is None else await self._opened(row, owner=PULLED, now=now)

    async def handed_out(self, printer_id: str) -> Taken | None:
        row = await self._one(_HANDED_OUT, printer_id, PULLED)
        return None if row is None else await self._opened(row, owner=PULLED, now=row["changed_at"])

    async def next_part(self, job_id: str, part: int, *, now: datetime) -> bool:
        return await self._one(_NEXT_PART, job_id, part, now) is not None

    async def fetch(self, job_id: str, part: int, *, now: datetime) -> bool:
        return await self._one(_FETCH, job_id, part, now) is not None

    async def unanswered(self, *, before: datetime, now: datetime) -> Sequence[PrintJob]:
        return [job_of(row) for row in await self._rows(_UNANSWERED, PULLED, before, now)]

    async def _opened(self, row: asyncpg.Record, *, owner: str, now: datetime) -> Taken | None:
        """A job with its bytes; None, and the job failed: they cannot be read."""
        job = job_of(row)
        try:
            payload = self._unseal(job.job_id, row["payload"])
        except InvalidTag:
            # Another root key, or a row that was tampered with. Nothing of it was printed.
            log.error("print job %s cannot be opened with this root key", job.job_id)
            await self.finish(
                job.job_id, owner=owner, state=JobState.FAILED, reason="unreadable", now=now
            )
            return None
        part = row["part"]
        return Taken(job, payload, row["more"], part, fetched=row["fetched"] >= part)

    async def _one(self, statement: str, *values: object) -> asyncpg.Record | None:
        async with faults():
            return await self._pool.fetchrow(statement, *values)

    async def _rows(self, statement: str, *values: object) -> list[asyncpg.Record]:
        async with faults():
            rows: list[asyncpg.Record] = await self._pool.fetch(statement, *values)
        return rows

    def _seal(self, job_id: str, payload: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, payload, job_id.encode())

    def _unseal(self, job_id: str, sealed: bytes) -> bytes:
        nonce, body = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        return self._cipher.decrypt(nonce, body, job_id.encode())


def job_of(row: Mapping[str, Any]) -> PrintJob:
    """A row as the job that it is."""
    return PrintJob(
        job_id=row["job_id"],
        printer_id=row["printer_id"],
        store_id=row["store_id"],
        till_id=row["till_id"],
        booking_id=row["booking_id"],
        document=row["document"],
        is_copy=row["is_copy"],
        queued_at=row["queued_at"],
        state=JobState(row["state"]),
        reason=row["reason"],
        tries=row["tries"],
        changed_at=row["changed_at"],
        give_up_at=row["give_up_at"],
        seen_at=row["seen_at"],
        seen_reason=row["seen_reason"],
    )
