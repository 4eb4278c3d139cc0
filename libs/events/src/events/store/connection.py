"""How this library connects to PostgreSQL: settings, names, and which faults may pass."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

import asyncpg
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.util import greenlet_spawn

from events.errors import Transient

CONNECT_S = 10.0
"""How long one attempt to connect may take."""

COMMAND_S = 30.0
"""How long one statement may take before its connection is given up."""

LOCK_MS = 20_000
"""How long an append waits for the log's lock before its callers hear `Transient`."""

IDLE_IN_TRANSACTION_MS = 30_000
"""A process that stands still inside a transaction loses it, and the log's lock with it."""

_NAME = re.compile(r"^[a-z][a-z0-9_]{0,40}$")

_TRANSIENT_CLASSES = ("08", "40", "53", "55", "57", "58")
"""SQLSTATE classes that may pass: connection, rollback, resources, not in the needed state (lock
time-out), operator intervention (shutdown, cancelled), system."""


def checked_name(name: str) -> str:
    """A schema or role name that needs no quoting. Raises ValueError."""
    if not _NAME.match(name):
        raise ValueError(f"{name!r} is not a name like fiscal_signer")
    return name


def server_settings(*, schema: str, role: str | None = None) -> dict[str, str]:
    """What every connection to a service's schema is told at its start."""
    settings = {
        "application_name": f"kassenverbund {schema}",
        "search_path": checked_name(schema),
        # An answer is only given for what is on disk, whatever the server's default says.
        "synchronous_commit": "on",
        "default_transaction_isolation": "read committed",
        "timezone": "UTC",
        "lock_timeout": str(LOCK_MS),
        "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_MS),
        # Statements here take milliseconds; compiling them takes longer than running them.
        "jit": "off",
    }
    if role is not None:
        settings["role"] = checked_name(role)
    return settings


def plain_url(url: str) -> str:
    """The address as asyncpg wants it, also from one that names a SQLAlchemy driver."""
    return re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", url)


async def connect(
    url: str, *, schema: str, role: str | None = None, **extra: str
) -> asyncpg.Connection[Any]:
    """One connection for the schema. Raises `Transient` where the server does not answer."""
    with_faults = {**server_settings(schema=schema, role=role), **extra}
    async with faults():
        return await asyncpg.connect(
            plain_url(url),
            timeout=CONNECT_S,
            command_timeout=COMMAND_S,
            server_settings=with_faults,
        )


def engine_for(url: str, *, schema: str, role: str | None = None, pool_max: int = 5) -> AsyncEngine:
    """A SQLAlchemy engine for the read models of one service (same driver, same settings)."""
    return create_async_engine(
        make_url(plain_url(url)).set(drivername="postgresql+asyncpg"),
        pool_size=pool_max,
        max_overflow=0,
        pool_timeout=COMMAND_S,
        isolation_level="READ COMMITTED",
        connect_args={
            "timeout": CONNECT_S,
            "command_timeout": COMMAND_S,
            "server_settings": server_settings(schema=schema, role=role),
        },
    )


def reading(engine: AsyncEngine) -> AsyncConnection:
    """A connection for single statements: `async with reading(engine) as connection`.

    Each statement commits by itself, which saves the round trips of BEGIN and ROLLBACK. Whoever
    needs several statements to hold together takes `engine.begin()`.
    """
    committing = _COMMITTING.get(engine)
    if committing is None:
        committing = engine.execution_options(isolation_level="AUTOCOMMIT")
        _COMMITTING[engine] = committing
    return committing.connect()


# An engine with options takes a quarter of a millisecond to make; the pool is the engine's own.
_COMMITTING: WeakKeyDictionary[AsyncEngine, AsyncEngine] = WeakKeyDictionary()


@asynccontextmanager
async def raw(engine: AsyncEngine) -> AsyncIterator[asyncpg.Connection[Any]]:
    """The driver's own connection out of an engine's pool, for single statements on hot paths.

    Like `reading`, at about a quarter of its processor time. Leave no transaction open.
    """
    borrowed = await engine.raw_connection()
    connection = _driver(borrowed)
    while connection.is_closed():  # It was lost while nobody used it.
        await greenlet_spawn(borrowed.invalidate)
        borrowed = await engine.raw_connection()
        connection = _driver(borrowed)
    try:
        yield connection
    finally:
        # The pool takes back what still lives.
        done = borrowed.invalidate if connection.is_closed() else borrowed.close
        await greenlet_spawn(done)


def _driver(borrowed: PoolProxiedConnection) -> asyncpg.Connection[Any]:
    connection: asyncpg.Connection[Any] | None = borrowed.driver_connection
    assert connection is not None  # Only a connection that was given back has none.
    return connection


def lock_number(purpose: str) -> int:
    """The number of an advisory lock, stable over processes and versions."""
    return int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:8], "big", signed=True)


def is_transient(fault: BaseException) -> bool:
    """Whether asking again later may succeed."""
    match fault:
        case asyncpg.InvalidCachedStatementError():
            # A migration changed a table under a prepared statement; the next try prepares anew.
            return True
        case asyncpg.PostgresError():
            return (fault.sqlstate or "").startswith(_TRANSIENT_CLASSES)
        case asyncpg.InterfaceError():
            return "connection" in str(fault) or "pool" in str(fault)
        case OSError() | TimeoutError() | PoolTimeout():
            return True
        case DBAPIError():
            # SQLAlchemy wraps its wrapping of the driver's error.
            cause = getattr(fault.orig, "__cause__", None) or fault.orig
            return fault.connection_invalidated or (cause is not None and is_transient(cause))
        case _:
            return False


@asynccontextmanager
async def faults() -> AsyncIterator[None]:
    """Turns what may pass into `Transient`; everything else is left as it is."""
    try:
        yield
    except Exception as fault:
        if is_transient(fault):
            raise Transient(f"{type(fault).__name__}: {fault}") from fault
        raise
