"""A print spool on a real PostgreSQL, and printers on TCP ports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from device_gateway.adapters.print_queue import PostgresPrintQueue
from device_gateway.adapters.printer_lines import line_to
from device_gateway.events import StorePrinter
from device_gateway.printing.news import News, nobody
from device_gateway.printing.office import PrintOffice
from device_gateway.printing.owner import Patience
from events.store.pool import pool_for
from kassenverbund.kit.secrets import Secrets
from tests.support.program import ROOT

SCHEMA = "device_gateway"
MIGRATIONS = ROOT / "services" / "device-gateway" / "migrations"
QUICK = Patience(
    lease_s=10.0, renew_every_s=0.5, look_every_s=0.1, backoff_s=(0.05,), report_again_s=0.1
)


def now() -> datetime:
    """The time on the wall: leases and tries hang on it."""
    return datetime.now(UTC)


async def make_spool(database_url: str) -> None:
    """The tables of the print spool alone."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(f"CREATE SCHEMA {SCHEMA}; SET search_path TO {SCHEMA}")
        for migration in sorted(MIGRATIONS.glob("*print*.sql")):
            await connection.execute(migration.read_text("utf-8"))
    finally:
        await connection.close()


@asynccontextmanager
async def print_office(
    database_url: str,
    folder: Path,
    *,
    patience: Patience = QUICK,
    clock: Callable[[], datetime] = now,
    news: News = nobody,
) -> AsyncIterator[PrintOffice]:
    """An office on the spool of `make_spool`; `running(office, …)` lets it print."""
    async with pool_for(database_url, schema=SCHEMA) as pool:
        secrets = Secrets(root=bytes(32), key_id="test")
        yield PrintOffice(
            PostgresPrintQueue(pool, secrets),
            clock=clock,
            link=line_to(folder),
            patience=patience,
            news=news,
        )


@asynccontextmanager
async def running(office: PrintOffice, *printers: StorePrinter) -> AsyncIterator[None]:
    """Its printers' owners send."""
    office.know("berlin", printers)
    task = asyncio.create_task(office.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
