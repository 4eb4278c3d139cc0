"""Exports for tests: made without a process of their own, and read again."""

from __future__ import annotations

import csv
import io
import zipfile
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg

from events.store.connection import plain_url, server_settings
from fiscal_signer.adapters.exports.archive import Spool
from fiscal_signer.adapters.exports.source import JournalSource
from fiscal_signer.country.de.dsfinvk.export import EXPLAINED, REPORT, Export, Made, Scope
from fiscal_signer.country.de.dsfinvk.tables import DTD_NAME, dtd
from fiscal_signer.testing import World
from fiscal_signer.testing.books import TillBooks

SCHEMA = "fiscal_signer"


@dataclass(frozen=True)
class Exported:
    """An export, read again."""

    content: bytes
    made: Made

    def rows(self, table: str) -> list[dict[str, str]]:
        """Of a table; none where it was left out."""
        with zipfile.ZipFile(io.BytesIO(self.content)) as archive:
            if f"{table}.csv" not in archive.namelist():
                return []
        return table_rows(self.text(f"{table}.csv"))

    def text(self, name: str) -> str:
        """A file of the archive."""
        with zipfile.ZipFile(io.BytesIO(self.content)) as archive:
            return archive.read(name).decode()


def table_rows(text: str) -> list[dict[str, str]]:
    """The rows of a table by the names of its columns."""
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"))


def number(text: str) -> Decimal:
    """As the tables write it."""
    return Decimal(text.replace(",", "."))


def sums(rows: Iterable[dict[str, str]], value: str, *keys: str) -> dict[tuple[str, ...], Decimal]:
    """The sums of a column by others."""
    found: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for row in rows:
        found[tuple(row[key] for key in keys)] += number(row[value])
    return dict(found)


@asynccontextmanager
async def journal_pool(url: str) -> AsyncIterator[asyncpg.Pool[Any]]:
    """Connections as the exporting process has them."""
    async with asyncpg.create_pool(
        plain_url(url), min_size=1, max_size=2, server_settings=server_settings(schema=SCHEMA)
    ) as made:
        yield made


async def export(pool: asyncpg.Pool[Any], folder: Path, scope: Scope) -> Exported:
    """Raises what `Export.make` raises."""
    with Spool(folder) as spool:
        made = await Export(scope, JournalSource(pool, scope), spool).make()
        out = io.BytesIO()
        beside = [EXPLAINED] if spool.rows(EXPLAINED) else []
        small = [*made.files.items(), (DTD_NAME, dtd())]
        spool.pack(out, small, [*made.tables, *beside, REPORT])
    return Exported(out.getvalue(), made)


async def signed(world: World, books: TillBooks) -> None:
    """The signer hears what is new in the books, each when it was recorded."""
    for event in books.events[books.heard :]:
        world.clock.now = event.time
        await world.reactor.handle([event])
    books.heard = len(books.events)
