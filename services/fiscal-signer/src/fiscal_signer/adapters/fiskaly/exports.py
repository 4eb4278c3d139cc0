"""Exports of a TSS: asked for, waited for, and given on as the vendor wrote them.

An export is made in the background: `PUT …/export/{id}` begins it, `GET …/export/{id}` tells its
state, `GET …/export/{id}/file` is the TAR archive. While a large one is made, the TSS may refuse to
sign, so nothing here asks for more than is needed, and chores do it when no booking is there.

The id comes from what is asked for. So the same question, also from another process or after a
lost answer, finds the export that exists, and with it the same bytes, for as long as the vendor
keeps the file.
"""

from __future__ import annotations

import asyncio
import math
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO

from fiscal_signer.adapters.fiskaly.device import FiskalyTse
from fiscal_signer.adapters.fiskaly.errors import Declined
from fiscal_signer.adapters.fiskaly.logs import Signer, holds
from fiscal_signer.adapters.fiskaly.tses import FiskalyTses
from fiscal_signer.country.de import log_message
from fiscal_signer.ports import Archive, Exported, TseError, TseFault

RECORDS_MAX = 1_000_000
"""Log messages of one export; the interface's own default is far less."""
ATTEMPTS_MAX = 3
"""Exports that failed or whose file is gone are asked for again under a new id, so often."""
WINDOW = 10_000
"""So many counters one reading asks for."""
MEMORY_MAX = 4 * 1024 * 1024
"""Beyond it a file that is read lies on disk."""

DONE, GONE = "COMPLETED", frozenset({"CANCELLED", "ERROR", "DELETED", "EXPIRED"})

Query = dict[str, str | int]


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds. How long a caller waits for an export, and how often it is looked at."""

    wait_s: float = 45.0
    look_s: float = 0.5
    """Before the second look; doubled before each further one, if nothing else is asked for."""
    look_max_s: float = 10.0


class FiskalyArchives:
    """See `fiscal_signer.ports.Archives` and `ExportReader`."""

    def __init__(
        self,
        tses: FiskalyTses,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        patience: Patience | None = None,
    ) -> None:
        self._tses = tses
        self._clock = clock
        self._monotonic = monotonic
        self._patience = patience or Patience()

    async def open(
        self, tse_id: str, *, begin: datetime | None = None, end: datetime | None = None
    ) -> Archive:
        tss = self._tses.tss(tse_id)
        query: Query = {"maximum_number_records": RECORDS_MAX}
        # Log times are full seconds, and the interface's limits belong to the period.
        if begin is not None:
            query["start_date"] = math.ceil(begin.timestamp())
        if end is not None and end <= self._clock():
            query["end_date"] = math.ceil(end.timestamp()) - 1
        else:
            # What is signed from now on is not in it: the same question in a minute is another one.
            query["end_signature_counter"] = (await tss.info()).signature_counter
        label = "-".join(
            str(query.get(name, first))
            for name, first in (
                ("start_date", 1),
                ("end_date" if "end_date" in query else "end_signature_counter", 0),
            )
        )
        export_id = await self._made(tss, query)
        return Archive(label, tss.export_file(export_id))

    async def read(self, tse_id: str, counters: Sequence[int]) -> Sequence[Exported]:
        tss = self._tses.tss(tse_id)
        first = min(counters)
        wanted = {counter for counter in counters if counter < first + WINDOW}
        query: Query = {
            "maximum_number_records": RECORDS_MAX,
            "start_signature_counter": first,
            "end_signature_counter": max(wanted),
        }
        export_id = await self._made(tss, query)
        signer = await tss.signer()
        with tempfile.SpooledTemporaryFile(MEMORY_MAX) as file:
            async for piece in tss.export_file(export_id):
                file.write(piece)
            file.seek(0)
            return await asyncio.to_thread(_logs_in, file, wanted, signer)

    async def _made(self, tss: FiskalyTse, query: Query) -> str:
        """The id of an export that is complete. Raises `TseFault`: `BUSY` while it is made."""
        name = "&".join(f"{key}={query[key]}" for key in sorted(query))
        for attempt in range(1, ATTEMPTS_MAX + 1):
            export_id = str(tss.uuid_of("export", f"{name}/{attempt}"))
            try:
                if await self._completed(tss, export_id, query):
                    return export_id
            except Declined as declined:
                raise TseFault(TseError.UNREACHABLE, str(declined)) from declined
        raise TseFault(TseError.STORAGE_FAILURE, "fiskaly does not make this export")

    async def _completed(self, tss: FiskalyTse, export_id: str, query: Query) -> bool:
        """Begin an export or find it, and wait. False: it came to nothing."""
        patience = self._patience
        until = self._monotonic() + patience.wait_s
        pause = patience.look_s
        try:
            export, asked = await tss.export("GET", export_id, {})
        except Declined as unknown:
            if unknown.status != 404:
                raise
            export, asked = await tss.export("PUT", export_id, query)
        while True:
            if export.state == DONE:
                return True
            if export.state in GONE:
                return False
            wait = pause if asked is None else asked
            if self._monotonic() + wait > until:
                raise TseFault(TseError.BUSY, f"the export is {export.state}")
            await asyncio.sleep(wait)
            pause = min(pause * 2, patience.look_max_s)
            export, asked = await tss.export("GET", export_id, {})


def _logs_in(file: IO[bytes], wanted: set[int], signer: Signer) -> list[Exported]:
    """Raises `TseFault` for an archive that ends in the middle."""
    found: dict[int, Exported] = {}
    try:
        with tarfile.open(fileobj=file, mode="r|") as archive:
            for member in archive:
                content = archive.extractfile(member)
                if content is None or "_Log-" not in member.name:
                    continue
                if member.size > log_message.LOG_MESSAGE_BYTES_MAX:
                    continue
                log = _log_in(content.read(), signer)
                if log is not None and log.signature_counter in wanted:
                    found[log.signature_counter] = log
    except (tarfile.TarError, EOFError) as broken:
        raise TseFault(TseError.UNREACHABLE, f"the export's file: {broken}") from broken
    return [found[counter] for counter in sorted(found)]


def _log_in(raw: bytes, signer: Signer) -> Exported | None:
    """None: no log message of this TSS, or its signature does not hold. It stays unread then."""
    try:
        log = log_message.parse(raw)
    except log_message.LogMessageError:
        return None
    if log.serial != signer.serial or not holds(signer, log):
        return None
    client = log.client_id or ""
    if log.operation == "registerClient" and (log.system_data or b"").isascii():
        client = (log.system_data or b"").decode("ascii")
    return Exported(
        signature_counter=log.signature_counter,
        kind=log.kind,
        operation=log.operation or "",
        client_id=client if client.isprintable() else "",
        log_time=log.log_time,
        log_message=raw,
    )
