"""Numbered plain SQL files, run once each, in order, under a lock. Readable by an auditor."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg

from events.errors import LogBroken
from events.store.connection import (
    CONNECT_S,
    checked_name,
    faults,
    lock_number,
    plain_url,
)

LOG_FOLDER = Path(__file__).parent / "migrations"
"""The log's own tables; they come before a service's."""

MIGRATION_S = 600.0
"""How long one file may take, and how long a process waits for another one that migrates."""

# Nobody may rewrite these through the service's role, and a trigger refuses it once more.
_APPEND_ONLY = ("event", "inbox")


class MigrationChanged(LogBroken):
    """A file that was applied has other contents now. Write a new file instead."""


class RoleMissing(Exception):
    """The service's role does not exist and this user may not create it."""


async def migrate(
    url: str, *, schema: str, folder: Path | None = None, role: str | None = None
) -> list[str]:
    """Bring `schema` up to date and answer which files ran (`log/0001_log.sql`, `0001_….sql`).

    The log's files run first, then those of `folder`. Safe to call from every process at once.
    With `role`: it is created where this user may, gets SELECT and INSERT on the log and all rights
    on the other tables.

    Raises `MigrationChanged`, `RoleMissing`, `Transient`, and the database's error for a faulty
    file (that file is rolled back, the ones before it stay).
    """
    checked_name(schema)
    async with faults():
        connection = await asyncpg.connect(
            plain_url(url), timeout=CONNECT_S, command_timeout=MIGRATION_S
        )
        try:
            # Roles belong to the server and schemas to the database, so one lock per database.
            await connection.execute(
                "SELECT pg_advisory_lock($1)", lock_number("events.migrate"), timeout=MIGRATION_S
            )
            ran = await _run_files(connection, schema, folder)
            if role is not None:
                await _grant(connection, schema, checked_name(role))
            return ran
        finally:
            await connection.close()


def _files(folder: Path | None) -> Iterator[tuple[str, str]]:
    for prefix, place in (("log/", LOG_FOLDER), ("", folder)):
        if place is not None:
            for path in sorted(place.glob("[0-9][0-9][0-9][0-9]_*.sql")):
                yield prefix + path.name, path.read_text(encoding="utf-8")


async def _run_files(
    connection: asyncpg.Connection[Any], schema: str, folder: Path | None
) -> list[str]:
    await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    await connection.execute(f"SET search_path = {schema}")
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS migration ("
        ' name text COLLATE "C" PRIMARY KEY, sha256 text NOT NULL,'
        " applied_at timestamptz NOT NULL DEFAULT now())"
    )
    rows = await connection.fetch("SELECT name, sha256 FROM migration")
    applied = {row["name"]: row["sha256"] for row in rows}
    ran: list[str] = []
    for name, sql in _files(folder):
        checksum = hashlib.sha256(sql.encode()).hexdigest()
        if name in applied:
            if applied[name] != checksum:
                raise MigrationChanged(f"{schema}: {name} was applied with other contents")
            continue
        async with connection.transaction():
            await connection.execute(sql)
            await connection.execute(
                "INSERT INTO migration (name, sha256) VALUES ($1, $2)", name, checksum
            )
        ran.append(name)
    return ran


async def _grant(connection: asyncpg.Connection[Any], schema: str, role: str) -> None:
    user = await connection.fetchrow(
        "SELECT rolname, rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user"
    )
    assert user is not None  # We are connected as somebody.
    if await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role) is None:
        if not (user["rolsuper"] or user["rolcreaterole"]):
            raise RoleMissing(f"role {role} is missing, and {user['rolname']} may not create it")
        # Another database of the same server may be migrated at the same moment.
        with suppress(asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
            await connection.execute(f"CREATE ROLE {role} NOLOGIN")
    if not user["rolsuper"] and not await connection.fetchval(
        "SELECT pg_has_role(current_user, $1, 'SET')", role
    ):
        await connection.execute(f"GRANT {role} TO CURRENT_USER WITH SET TRUE")
    async with connection.transaction():
        await connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
        await connection.execute(
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}"
        )
        await connection.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}")
        for table in _APPEND_ONLY:
            await connection.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {role}")
        await connection.execute(f"REVOKE INSERT, UPDATE, DELETE ON migration FROM {role}")
