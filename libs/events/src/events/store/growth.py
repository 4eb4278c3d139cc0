"""Wakes the readers of a log: at once after an append of this process, by polling otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from events.errors import Transient

POLL_S = 0.025
"""How often the log is asked for appends of other processes while somebody waits. NOTIFY at each
commit would take a lock over the whole database; all waiting readers share one poll."""


class Growth:
    """The newest position this process knows of, and who waits for a newer one."""

    def __init__(self, head: Callable[[], Awaitable[int]], *, poll_s: float = POLL_S) -> None:
        self._ask = head
        self._poll_s = poll_s
        self._known = 0
        self._waiting: dict[asyncio.Future[None], int] = {}
        self._poller: asyncio.Task[None] | None = None

    def grown(self, head: int) -> None:
        """The log reaches `head` now."""
        if head <= self._known:
            return
        self._known = head
        for waiting, after in list(self._waiting.items()):
            if head > after and not waiting.done():
                waiting.set_result(None)

    async def wait(self, *, after: int, wait_s: float) -> None:
        """See `EventStore.wait_for_append`."""
        if self._known > after:
            return
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[waiting] = after
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll(), name="log growth")
        try:
            async with asyncio.timeout(wait_s):
                await waiting
        except TimeoutError:
            return
        finally:
            del self._waiting[waiting]

    async def close(self) -> None:
        """Stop polling; who waits, waits for its time."""
        if self._poller is not None:
            self._poller.cancel()
            with suppress(asyncio.CancelledError):
                await self._poller

    async def _poll(self) -> None:
        while self._waiting:
            # A database that is away wakes nobody; the reader meets the fault at its next read.
            with suppress(Transient):
                self.grown(await self._ask())
            await asyncio.sleep(self._poll_s)
