"""The logs of TSEs as a ZIP with one TAR per device (BSI TR-03151), over the business days of a
period that is over: nothing is added to it any more, so the same request makes the same bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fiscal_signer.adapters.exports.archive import Spool
from fiscal_signer.adapters.journal import PostgresJournal
from fiscal_signer.events import ExportRequested
from fiscal_signer.handlers.exports import ExportFailed, Far, Result
from fiscal_signer.ports import Archive, Archives, TseError, TseFault

NOTE = "hinweise.txt"

BUSY_TRIES_MAX = 120
BUSY_S = 5.0
"""A cloud takes its time over an export: asked so often, with such a pause."""


class TarMaker:
    """See `fiscal_signer.handlers.exports.Maker`. `tses`: those that this signer drives."""

    def __init__(
        self,
        archives: Mapping[str, Archives],
        tses: Callable[[None], Awaitable[Sequence[Mapping[str, Any]]]],
        journal: PostgresJournal,
        zone_of: Callable[[str], ZoneInfo],
    ) -> None:
        self._archives = archives
        self._tses = tses
        self._journal = journal
        self._zone_of = zone_of

    async def make(self, request: ExportRequested, out: Path, far: Far) -> Result:
        """Tills choose nothing: a TSE's log is whole or none."""
        wanted = set(request.store_ids)
        found = [
            tse for tse in await self._tses(None)
            if tse["kind"] is not None and (not wanted or tse["store_id"] in wanted)
        ]  # fmt: skip
        if not found:
            raise ExportFailed("export.empty", "no TSE of these stores signs here")
        far.closings_max = len(found)
        part = out.with_suffix(".part")
        with Spool(out.parent) as spool:
            for tse in sorted(found, key=lambda tse: str(tse["tse_id"])):
                await self._one(tse, request, spool, far)
                far.closings += 1
            note = await self._elsewhere(request, {tse["tse_id"] for tse in found})
            with part.open("wb") as file:
                sha256, size = await asyncio.to_thread(
                    spool.pack, file, [(NOTE, note.encode())], spool.names
                )
        part.replace(out)
        return Result(sha256=sha256, bytes=size, rows=far.rows, closings=0, differences=0)

    async def _one(
        self, tse: Mapping[str, Any], request: ExportRequested, spool: Spool, far: Far
    ) -> None:
        zone = self._zone_of(tse["store_id"])
        begin, end = _midnight(request.begin, zone), _midnight(request.end, zone, days=1)
        try:
            archive = await self._opened(tse, begin, end)
            async for piece in archive.pieces:
                spool.write(f"{tse['tse_id']}.tar", piece)
                far.rows += 1
        except TseFault as fault:
            raise ExportFailed("export.tse", f"{tse['tse_id']}: {fault.code.value}") from fault

    async def _opened(self, tse: Mapping[str, Any], begin: datetime, end: datetime) -> Archive:
        source = self._archives.get(tse["kind"])
        if source is None:
            raise ExportFailed("export.tse", f"{tse['tse_id']}: its device makes its exports")
        for _ in range(BUSY_TRIES_MAX):
            try:
                return await source.open(tse["tse_id"], begin=begin, end=end)
            except TseFault as fault:
                if fault.code is not TseError.BUSY:
                    raise
                await asyncio.sleep(BUSY_S)
        raise TseFault(TseError.BUSY)

    async def _elsewhere(self, request: ExportRequested, here: set[str]) -> str:
        """TSEs of store boxes keep their logs there; the center has what they signed, not the
        devices' own archives."""
        position = request.journal_position
        stores = request.store_ids or await self._journal.stores(position=position)
        lines = [f"TSE-Archive vom {request.begin} bis {request.end}, je TSE eine Datei", ""]
        for store_id in sorted(stores):
            events = await self._journal.events_of(store_id, ["tse.initialized"], position=position)
            for _, event in events:
                if event["tse_id"] not in here:
                    lines.append(
                        f"{store_id}: {event['tse_id']} ({event['serial']}) signiert in der"
                        " Filiale; ihr Archiv gibt der Rechner der Filiale aus"
                    )
        return "\r\n".join(lines) + "\r\n"


def _midnight(day: date, zone: ZoneInfo, *, days: int = 0) -> datetime:
    return datetime.combine(day + timedelta(days=days), time(), zone)
