"""What a TSS did after a counter, put together from its lists of transactions.

The lists hold each transaction in its latest revision. Starts stand in the order of the numbers
and ends in the order of their times, so two readings from the newest backwards find everything
above a counter without reading a year's sales. A counter between them that no transaction used
belongs to a system or audit message.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from fiscal_signer.adapters.fiskaly.errors import Declined
from fiscal_signer.adapters.fiskaly.logs import content_of, unread
from fiscal_signer.adapters.fiskaly.wire import Transaction
from fiscal_signer.ports import Signed, TseError, TseFault


class Lists(Protocol):
    """What is needed of the device."""

    async def page(
        self, order_by: str, states: Sequence[str], offset: int
    ) -> Sequence[Transaction]: ...

    async def transaction(self, name: str, revision: int | None) -> Transaction: ...

    async def signed(
        self, transaction: Transaction, process_type: str, process_data: bytes
    ) -> Signed: ...


async def history_after(lists: Lists, *, after: int, until: int, now: datetime) -> list[Signed]:
    """The log messages of the counters above `after` up to `until`, in order and without a gap.

    Raises `TseFault`.
    """
    history = _History(lists, after, until)
    await history.read_started()
    await history.read_ended()
    logs: list[Signed] = []
    noticed = now
    for counter in range(until, after, -1):
        log = history.found.get(counter) or unread(counter, noticed)
        noticed = log.log_time
        logs.append(log)
    logs.reverse()
    return logs


class _History:
    def __init__(self, lists: Lists, after: int, until: int) -> None:
        self._lists = lists
        self._after = after
        self._until = until
        self.found: dict[int, Signed] = {}

    async def read_started(self) -> None:
        """Transactions that began above the counter, with all their revisions."""
        offset = 0
        while page := await self._lists.page("number", (), offset):
            for latest in page:
                if latest.signature.counter <= self._after:
                    return  # It began before, and so did all with a smaller number.
                await self._keep(latest)
                first = latest
                for revision in range(latest.latest_revision - 1, 0, -1):
                    first = await self._revision(latest, revision)
                    await self._keep(first)
                if first.signature.counter <= self._after:
                    return
            offset += len(page)

    async def read_ended(self) -> None:
        """Transactions that began before, and ended above the counter."""
        offset = 0
        seen_before: int | None = None
        while page := await self._lists.page("time_end", ("FINISHED", "CANCELLED"), offset):
            for latest in page:
                ended = latest.time_end or latest.log.timestamp
                if seen_before is not None and ended < seen_before:
                    return
                # Times are full seconds: within the same one the order is anybody's guess.
                if latest.signature.counter <= self._after and seen_before is None:
                    seen_before = ended
                await self._keep(latest)
            offset += len(page)

    async def _keep(self, revision: Transaction) -> None:
        counter = revision.signature.counter
        if self._after < counter <= self._until and counter not in self.found:
            process = content_of(revision) or ("", b"")
            self.found[counter] = await self._lists.signed(revision, *process)

    async def _revision(self, latest: Transaction, revision: int) -> Transaction:
        try:
            return await self._lists.transaction(str(latest.number), revision)
        except Declined as declined:
            raise TseFault(TseError.UNREACHABLE, str(declined)) from declined
