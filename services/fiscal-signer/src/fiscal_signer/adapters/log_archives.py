"""A TSE's export from our own log: every log message that it made stands there, byte for byte.

For devices that were asked to forget what we hold, and for kinds that export nothing by themselves.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from fiscal_signer.country.de import log_message, tar
from fiscal_signer.ports import Archive, TseError, TseFault

PAGE = 50


class Book(Protocol):
    """What is read of `fiscal_signer.queries.Queries`."""

    async def tse(self, tse_id: str, store_id: str | None) -> dict[str, Any] | None: ...

    async def signatures(
        self, tse_id: str, *, after: int, items_max: int, store_id: str | None
    ) -> Sequence[Mapping[str, Any]]: ...


class LogArchives:
    """See `fiscal_signer.ports.Archives`. Raises `BUSY` while a log message stands in the device
    alone: an archive with a gap would look whole."""

    def __init__(self, book: Book) -> None:
        self._book = book

    async def open(
        self, tse_id: str, *, begin: datetime | None = None, end: datetime | None = None
    ) -> Archive:
        tse = await self._book.tse(tse_id, None)
        if tse is None or tse["initialized_at"] is None:
            raise TseFault(TseError.NOT_INITIALIZED, f"{tse_id} has not been set up yet")
        if tse["unread"]:
            raise TseFault(TseError.BUSY, f"{tse['unread']} log messages are not read yet")
        last = tse["signature_counter"]
        first = 1 if begin is None else await self._reached(tse_id, begin, last)
        if end is not None:
            last = await self._reached(tse_id, end, last) - 1
        return Archive(f"{first}-{last}", self._pieces(tse, first, last))

    async def _reached(self, tse_id: str, moment: datetime, last: int) -> int:
        """The first counter at or after a moment; `last + 1` where none is."""
        return await reached(lambda counter: self._time_at(tse_id, counter), moment, last)

    async def _time_at(self, tse_id: str, counter: int) -> datetime:
        rows = await self._book.signatures(tse_id, after=counter - 1, items_max=1, store_id=None)
        if not rows:
            raise TseFault(TseError.STORAGE_FAILURE, f"the log ends before counter {counter}")
        return log_message.parse(_raw(rows[0])).log_time

    async def _pieces(self, tse: Mapping[str, Any], first: int, last: int) -> AsyncIterator[bytes]:
        certificates = [base64.b64decode(tse["certificate"])] if tse["certificate"] else []
        at = int(tse["initialized_at"].timestamp())
        yield tar.head(tse["tse_id"], certificates, at=at)
        after = first - 1
        while after < last:
            rows = await self._book.signatures(
                tse["tse_id"], after=after, items_max=min(PAGE, last - after), store_id=None
            )
            expected = list(range(after + 1, after + 1 + min(PAGE, last - after)))
            if [row["signature_counter"] for row in rows] != expected:
                raise TseFault(TseError.STORAGE_FAILURE, f"a gap above counter {after}")
            after = expected[-1]
            yield b"".join([tar.log_file(_raw(row)) for row in rows])
        yield tar.END


async def reached(
    time_at: Callable[[int], Awaitable[datetime]], moment: datetime, last: int
) -> int:
    """The first counter at or after a moment; `last + 1` where none is. Log times never go back,
    so halving finds it."""
    low, high = 1, last + 1
    while low < high:
        middle = (low + high) // 2
        if await time_at(middle) < moment:
            low = middle + 1
        else:
            high = middle
    return low


def _raw(row: Mapping[str, Any]) -> bytes:
    return base64.b64decode(row["log_message"])
