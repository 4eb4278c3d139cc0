"""The software TSE's export: its own log, read page by page, as a TAR archive."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from fiscal_signer.adapters.log_archives import reached
from fiscal_signer.adapters.software_certificates import NOT_CERTIFIED
from fiscal_signer.adapters.software_tse import DeviceMemory, DeviceStorage, signed_of
from fiscal_signer.country.de import tar
from fiscal_signer.country.de.log_message import LogMessageError
from fiscal_signer.ports import Archive, TseError, TseFault

PAGE = 50
"""Log messages in memory at once. Few, since a till that asks meanwhile waits for a page."""


class SoftwareArchives:
    """See `fiscal_signer.ports.Archives`. The device is not asked to sign, so exports go on beside
    sales and in an outage of the signing processes."""

    def __init__(self, storage: DeviceStorage) -> None:
        self._storage = storage

    async def open(
        self, tse_id: str, *, begin: datetime | None = None, end: datetime | None = None
    ) -> Archive:
        memory = await self._storage.load(tse_id)
        if memory is None:
            raise TseFault(TseError.NOT_INITIALIZED, f"{tse_id} has not been set up yet")
        # The counter as it is now: what is signed while the archive is sent is not in it.
        last = memory.signature_counter
        first = 1 if begin is None else await self._reached(tse_id, begin, last)
        if end is not None:
            last = await self._reached(tse_id, end, last) - 1
        return Archive(f"{first}-{last}", self._pieces(memory, first, last))

    async def _reached(self, tse_id: str, moment: datetime, last: int) -> int:
        """The first counter at or after a moment; `last + 1` where none is."""
        return await reached(lambda counter: self._time_at(tse_id, counter), moment, last)

    async def _time_at(self, tse_id: str, counter: int) -> datetime:
        found = await self._storage.logs_after(tse_id, counter - 1, 1)
        if not found:
            raise TseFault(TseError.STORAGE_FAILURE, f"the log ends before counter {counter}")
        return signed_of(found[0]).log_time

    async def _pieces(self, memory: DeviceMemory, first: int, last: int) -> AsyncIterator[bytes]:
        certificates = (memory.certificate, *memory.issuers)
        description = f"{NOT_CERTIFIED}, {memory.tse_id}"
        yield tar.head(description, certificates, at=int(memory.initialized_at.timestamp()))
        after = first - 1
        while page := await self._storage.logs_between(memory.tse_id, after, last, PAGE):
            after = page[-1][0]
            try:
                yield b"".join([tar.log_file(raw) for _, raw in page])
            except LogMessageError as broken:
                raise TseFault(TseError.STORAGE_FAILURE, f"a stored log: {broken}") from broken
        yield tar.END
