"""What one database knows about the chain whose logs it holds (schema `program`)."""

from __future__ import annotations

from typing import Any

import asyncpg

from kassenverbund.kit.secrets import Secrets

_TABLE = """
CREATE SCHEMA IF NOT EXISTS program;
CREATE TABLE IF NOT EXISTS program.fact (
    name  text COLLATE "C" NOT NULL PRIMARY KEY,
    value text NOT NULL
);
"""

_LOCK = 0x4B56_0001
"""Advisory lock: processes that start at the same moment take turns."""


class WrongChain(Exception):
    """The database belongs to another chain, or was written with another root key."""


async def claim_database(url: str, *, chain_id: str, secrets: Secrets) -> None:
    """Bind the database to this chain and root key, or find that it is bound to them.

    With another root key every code and card in the logs would be unreadable, and new ones would
    not match: better not to start. Raises `WrongChain`.
    """
    connection: asyncpg.Connection[Any] = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            await connection.execute(_TABLE)
            for name, value in (("chain", chain_id), ("root_key", secrets.key_id)):
                await connection.execute(
                    "INSERT INTO program.fact VALUES ($1, $2) ON CONFLICT DO NOTHING", name, value
                )
                found = await connection.fetchval(
                    "SELECT value FROM program.fact WHERE name = $1", name
                )
                if found != value:
                    raise WrongChain(f"this database was made for {name} {found}, not {value}")
    finally:
        await connection.close()


async def once(url: str, what: str) -> bool:
    """Whether this is the first time that `what` is asked for on this database."""
    connection: asyncpg.Connection[Any] = await asyncpg.connect(url)
    try:
        done = await connection.execute(
            "INSERT INTO program.fact VALUES ($1, now()::text) ON CONFLICT DO NOTHING", what
        )
        return bool(done == "INSERT 0 1")
    finally:
        await connection.close()
