"""The print queue in PostgreSQL (`migrations/0010_printing.sql`). Bytes are sealed at rest."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import RowMapping, TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from device_gateway.printing.job import Document, JobState, PrintJob
from device_gateway.printing.ports import JOBS_WAITING_MAX, PrinterQueueFull
from events.store.connection import faults, reading
from kassenverbund.kit.secrets import Secrets

log = logging.getLogger(__name__)

PURPOSE = "device_gateway.print_payload"
NONCE_BYTES = 12

_PUT = text(
    "INSERT INTO print_job (job_id, printer_id, store_id, till_id, booking_id, document, is_copy, "
    "state, queued_at, due_at, changed_at, payload) SELECT :job_id, :printer_id, :store_id, "
    ":till_id, :booking_id, :document, :is_copy, 'queued', :now, :now, :now, :payload "
    "WHERE (SELECT count(*) FROM print_job WHERE printer_id = :printer_id "
    "AND state IN ('queued', 'sending')) < :jobs_max "
    "ON CONFLICT (job_id) DO NOTHING RETURNING job_id"
)
_WAITING_PRINTERS = text(
    "SELECT DISTINCT printer_id FROM print_job WHERE state IN ('queued', 'sending')"
)
_KNOWN = text("SELECT 1 FROM print_job WHERE job_id = :job_id")
_TRIED = text(
    "SELECT EXISTS (SELECT 1 FROM print_job WHERE booking_id = :booking_id "
    "AND document = :document AND job_id <> :besides AND state <> 'failed')"
)
_LEASE = text(
    "INSERT INTO print_lease (printer_id, owner, until) VALUES (:printer_id, :owner, :until) "
    "ON CONFLICT (printer_id) DO UPDATE SET owner = :owner, until = :until "
    "WHERE print_lease.owner = :owner OR print_lease.until <= :now RETURNING owner"
)
_GIVE_BACK = text("DELETE FROM print_lease WHERE printer_id = :printer_id AND owner = :owner")
_RECOVER = text(
    "UPDATE print_job SET state = 'unknown', reason = 'interrupted', payload = NULL, "
    "changed_at = :now WHERE printer_id = :printer_id AND state = 'sending' "
    "AND owner IS DISTINCT FROM :owner "
    "AND EXISTS (SELECT 1 FROM print_lease WHERE printer_id = :printer_id AND owner = :owner) "
    "RETURNING *"
)
# The lease's row is locked for the moment: it cannot be taken over between look and update.
_TAKE = text(
    "WITH ours AS (SELECT 1 FROM print_lease WHERE printer_id = :printer_id AND owner = :owner "
    "AND until > :now FOR UPDATE), first AS (SELECT job_id, due_at FROM print_job "
    "WHERE printer_id = :printer_id AND state = 'queued' ORDER BY sequence LIMIT 1) "
    "UPDATE print_job SET state = 'sending', owner = :owner, tries = tries + 1, changed_at = :now "
    "WHERE job_id = (SELECT job_id FROM first WHERE due_at <= :now) AND EXISTS (SELECT 1 FROM ours)"
    " RETURNING *"
)
_AGAIN = text(
    "UPDATE print_job SET state = 'queued', owner = NULL, reason = :reason, due_at = :due_at "
    "WHERE job_id = :job_id AND owner = :owner AND state = 'sending' RETURNING job_id"
)
_FINISH = text(
    "UPDATE print_job SET state = :state, reason = :reason, payload = NULL, changed_at = :now "
    "WHERE job_id = :job_id AND owner = :owner AND state = 'sending' RETURNING job_id"
)
_REPORTED = text("UPDATE print_job SET reported_at = :now WHERE job_id = :job_id")


_UNREPORTED = text(
    "SELECT * FROM print_job WHERE reported_at IS NULL AND state IN ('sent', 'confirmed') "
    "ORDER BY sequence LIMIT :max"
)
_ATTENTION = text(
    "SELECT * FROM print_job WHERE store_id = :store_id AND state IN ('unknown', 'failed') "
    "ORDER BY sequence DESC LIMIT :max"
)
_FIND = text("SELECT * FROM print_job WHERE job_id = :job_id LIMIT :max")


class PostgresPrintQueue:
    """See `printing.ports.PrintQueue`. Any number of processes may share the tables.

    Raises `Transient` when the database is away.
    """

    def __init__(self, engine: AsyncEngine, secrets: Secrets) -> None:
        self._engine = engine
        self._cipher = AESGCM(secrets.key(PURPOSE))

    @asynccontextmanager
    async def _statements(self) -> AsyncIterator[AsyncConnection]:
        """Each statement stands for itself. What may pass is `Transient`, as everywhere."""
        async with faults():
            try:
                async with reading(self._engine) as connection:
                    yield connection
            except DBAPIError as error:
                # SQLAlchemy wraps the driver's error twice; `faults` judges the innermost.
                original = error.orig
                raise (original.__cause__ if original is not None else None) or error from error

    async def put(self, job: PrintJob, payload: bytes) -> bool:
        async with self._statements() as tx:
            stored = await tx.execute(
                _PUT,
                {
                    "job_id": job.job_id,
                    "printer_id": job.printer_id,
                    "store_id": job.store_id,
                    "till_id": job.till_id,
                    "booking_id": job.booking_id,
                    "document": job.document,
                    "is_copy": job.is_copy,
                    "now": job.queued_at,
                    "payload": self._seal(job.job_id, payload),
                    "jobs_max": JOBS_WAITING_MAX,
                },
            )
            if stored.first() is not None:
                return True
            if (await tx.execute(_KNOWN, {"job_id": job.job_id})).first() is None:
                raise PrinterQueueFull(printer_id=job.printer_id)
            return False

    async def was_tried(self, booking_id: str, document: Document, *, besides: str) -> bool:
        asked = {"booking_id": booking_id, "document": document, "besides": besides}
        async with self._statements() as tx:
            return bool(await tx.scalar(_TRIED, asked))

    async def waiting_printers(self) -> Sequence[str]:
        async with self._statements() as tx:
            return list((await tx.execute(_WAITING_PRINTERS)).scalars())

    async def lease(self, printer_id: str, *, owner: str, now: datetime, until: datetime) -> bool:
        return await self._changed(
            _LEASE, {"printer_id": printer_id, "owner": owner, "now": now, "until": until}
        )

    async def give_back(self, printer_id: str, *, owner: str) -> None:
        async with self._statements() as tx:
            await tx.execute(_GIVE_BACK, {"printer_id": printer_id, "owner": owner})

    async def recover(self, printer_id: str, *, owner: str, now: datetime) -> Sequence[PrintJob]:
        async with self._statements() as tx:
            found = await tx.execute(
                _RECOVER, {"printer_id": printer_id, "owner": owner, "now": now}
            )
            return [_job(row) for row in found.mappings()]

    async def take(
        self, printer_id: str, *, owner: str, now: datetime
    ) -> tuple[PrintJob, bytes] | None:
        async with self._statements() as tx:
            found = await tx.execute(_TAKE, {"printer_id": printer_id, "owner": owner, "now": now})
            row = found.mappings().first()
        if row is None:
            return None
        job = _job(row)
        try:
            return job, self._unseal(job.job_id, row["payload"])
        except InvalidTag:
            # Another root key, or a row that was tampered with. Nothing of it was printed.
            log.error("print job %s cannot be opened with this root key", job.job_id)
            await self.finish(
                job.job_id, owner=owner, state=JobState.FAILED, reason="unreadable", now=now
            )
            return None

    async def again(self, job_id: str, *, owner: str, reason: str, due_at: datetime) -> bool:
        return await self._changed(
            _AGAIN, {"job_id": job_id, "owner": owner, "reason": reason, "due_at": due_at}
        )

    async def finish(
        self, job_id: str, *, owner: str, state: JobState, reason: str, now: datetime
    ) -> bool:
        assert state.is_final
        return await self._changed(
            _FINISH,
            {"job_id": job_id, "owner": owner, "state": state.value, "reason": reason, "now": now},
        )

    async def unreported(self, *, jobs_max: int) -> Sequence[PrintJob]:
        return await self._all(_UNREPORTED, {"max": jobs_max})

    async def reported(self, job_id: str, *, now: datetime) -> None:
        async with self._statements() as tx:
            await tx.execute(_REPORTED, {"job_id": job_id, "now": now})

    async def attention(self, store_id: str, *, jobs_max: int) -> Sequence[PrintJob]:
        return await self._all(_ATTENTION, {"store_id": store_id, "max": jobs_max})

    async def find(self, job_id: str) -> PrintJob | None:
        found = await self._all(_FIND, {"job_id": job_id, "max": 1})
        return found[0] if found else None

    async def _changed(self, statement: TextClause, values: Mapping[str, Any]) -> bool:
        async with self._statements() as tx:
            return (await tx.execute(statement, values)).first() is not None

    async def _all(self, statement: TextClause, values: Mapping[str, Any]) -> list[PrintJob]:
        async with self._statements() as tx:
            return [_job(row) for row in (await tx.execute(statement, values)).mappings()]

    def _seal(self, job_id: str, payload: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, payload, job_id.encode())

    def _unseal(self, job_id: str, sealed: bytes) -> bytes:
        nonce, body = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        return self._cipher.decrypt(nonce, body, job_id.encode())


def _job(row: RowMapping) -> PrintJob:
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
    )
