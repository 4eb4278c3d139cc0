"""Makes the report of § 146a (4) AO from the journal: a ZIP with two files per store."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fiscal_signer.adapters.exports.archive import Spool
from fiscal_signer.adapters.journal import PostgresJournal
from fiscal_signer.country.de.report_146a import READ, establishment_of, files_of
from fiscal_signer.events import ExportRequested
from fiscal_signer.handlers.exports import ExportFailed, Far, Result


class Report146aMaker:
    """See `fiscal_signer.handlers.exports.Maker`."""

    def __init__(self, journal: PostgresJournal) -> None:
        self._journal = journal

    async def make(self, request: ExportRequested, out: Path, far: Far) -> Result:
        """The request's `end` is the day of the report; tills given up before `begin` are left
        out. Names of tills choose nothing: a report is about all of a store."""
        position = request.journal_position
        stores = request.store_ids or await self._journal.stores(position=position)
        files: list[tuple[str, bytes]] = []
        systems = 0
        for store_id in sorted(stores):
            events = await self._journal.events_of(store_id, READ, position=position)
            found = establishment_of(store_id, events, begin=request.begin, end=request.end)
            if found is not None:
                files += files_of(found)
                systems += len(found.systems)
                far.rows = systems
        if not files:
            raise ExportFailed("export.empty", "no store was declared until the end of the period")
        sha256, size = await asyncio.to_thread(_write, out, files)
        return Result(sha256=sha256, bytes=size, rows=systems, closings=0, differences=0)


def _write(out: Path, files: list[tuple[str, bytes]]) -> tuple[str, int]:
    part = out.with_suffix(".part")
    with Spool(out.parent) as spool, part.open("wb") as file:
        made = spool.pack(file, files, ())
    part.replace(out)
    return made
