"""Persons and imports in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from costcenter.structure_ports import Contact, Import
from events.store.connection import faults, lock_number, reading

OPEN_MAX = 20

_PUT_CONTACT = text(
    "INSERT INTO contact (contact_id, name, phone, mail, changed_at)"
    " VALUES (:contact_id, :name, :phone, :mail, :now)"
    " ON CONFLICT (contact_id) DO UPDATE SET name = excluded.name, phone = excluded.phone,"
    " mail = excluded.mail, changed_at = excluded.changed_at"
)
_GET_CONTACT = text("SELECT contact_id, name, phone, mail FROM contact WHERE contact_id = :id")
_DELETE_CONTACT = text("DELETE FROM contact WHERE contact_id = :id")

_COLUMNS = "import_id, kind, state, dry_run, rows, done, facts, report::text AS report, since"
_ADD = text(
    "INSERT INTO structure_import"
    " (import_id, kind, state, dry_run, rows, done, facts, report, since)"
    " VALUES (:import_id, :kind, :state, :dry_run, :rows, :done, :facts, :report, :since)"
    " ON CONFLICT (import_id) DO NOTHING"
)
_GET = text(f"SELECT {_COLUMNS} FROM structure_import WHERE import_id = :id")  # noqa: S608
_SET = text(
    "UPDATE structure_import SET state = :state, rows = :rows, done = :done, facts = :facts,"
    " report = :report WHERE import_id = :import_id"
)
_OPEN = text(
    f"SELECT {_COLUMNS} FROM structure_import WHERE state IN ('checking', 'running')"  # noqa: S608
    " ORDER BY since, import_id LIMIT :rows_max"
)
_KEEP = text(
    "INSERT INTO structure_import_part (import_id, part, content)"
    " VALUES (:id, :part, :content) ON CONFLICT (import_id, part) DO NOTHING"
)
_READ = text("SELECT content FROM structure_import_part WHERE import_id = :id AND part = :part")
_PARTS = text("SELECT part FROM structure_import_part WHERE import_id = :id ORDER BY part")
_WIPE = text(
    "DELETE FROM structure_import_part WHERE import_id = :id"
    " AND (CAST(:part AS integer) IS NULL OR part = :part)"
)


class PostgresContacts:
    """See `structure_ports.Contacts`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def put(self, contact: Contact, now: datetime) -> None:
        values = {
            "contact_id": contact.contact_id,
            "name": contact.name,
            "phone": contact.phone,
            "mail": contact.mail,
            "now": now,
        }
        async with faults(), self._engine.begin() as tx:
            await tx.execute(_PUT_CONTACT, values)

    async def get(self, contact_id: str) -> Contact | None:
        async with faults(), reading(self._engine) as connection:
            row = (await connection.execute(_GET_CONTACT, {"id": contact_id})).one_or_none()
        return None if row is None else Contact(row.contact_id, row.name, row.phone, row.mail)

    async def delete(self, contact_id: str) -> bool:
        async with faults(), self._engine.begin() as tx:
            return bool((await tx.execute(_DELETE_CONTACT, {"id": contact_id})).rowcount)


class PostgresImports:
    """See `structure_ports.Imports`. A turn is an advisory lock: it ends with its process."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, entry: Import) -> None:
        async with faults(), self._engine.begin() as tx:
            await tx.execute(_ADD, _values(entry))

    async def get(self, import_id: str) -> Import | None:
        async with faults(), reading(self._engine) as connection:
            row = (await connection.execute(_GET, {"id": import_id})).one_or_none()
        return None if row is None else _entry(row)

    async def set(self, entry: Import) -> None:
        async with faults(), self._engine.begin() as tx:
            await tx.execute(_SET, _values(entry))

    async def open(self) -> Sequence[Import]:
        async with faults(), reading(self._engine) as connection:
            rows = await connection.execute(_OPEN, {"rows_max": OPEN_MAX})
            return [_entry(row) for row in rows]

    async def keep(self, import_id: str, part: int, content: bytes) -> None:
        async with faults(), self._engine.begin() as tx:
            await tx.execute(_KEEP, {"id": import_id, "part": part, "content": content})

    async def read(self, import_id: str, part: int) -> bytes | None:
        async with faults(), reading(self._engine) as connection:
            found = await connection.scalar(_READ, {"id": import_id, "part": part})
        return None if found is None else bytes(found)

    async def parts(self, import_id: str) -> Sequence[int]:
        async with faults(), reading(self._engine) as connection:
            return list((await connection.execute(_PARTS, {"id": import_id})).scalars())

    async def wipe(self, import_id: str, part: int | None = None) -> None:
        async with faults(), self._engine.begin() as tx:
            await tx.execute(_WIPE, {"id": import_id, "part": part})

    @asynccontextmanager
    async def turn(self, import_id: str) -> AsyncIterator[bool]:
        number = {"number": lock_number(f"costcenter.import {import_id}")}
        async with faults(), reading(self._engine) as connection:
            ours = await connection.scalar(text("SELECT pg_try_advisory_lock(:number)"), number)
            try:
                yield bool(ours)
            finally:
                if ours:
                    await connection.execute(text("SELECT pg_advisory_unlock(:number)"), number)


def _values(entry: Import) -> dict[str, Any]:
    return {
        "import_id": entry.import_id,
        "kind": entry.kind,
        "state": entry.state,
        "rows": entry.rows,
        "done": entry.done,
        "dry_run": entry.dry_run,
        "facts": entry.facts,
        "report": json.dumps(entry.report),
        "since": entry.since,
    }


def _entry(row: Any) -> Import:
    return Import(
        import_id=row.import_id,
        kind=row.kind,
        state=row.state,
        rows=row.rows,
        done=row.done,
        dry_run=row.dry_run,
        facts=row.facts,
        since=row.since,
        report=json.loads(row.report),
    )
