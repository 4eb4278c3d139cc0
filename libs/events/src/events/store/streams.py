"""The queue of each stream inside one process, and the folded state at its head.

Two tills that spend one voucher through one process would otherwise race: both read, both decide,
one loses and reads again. Here the second waits for the first and decides on a state that is
already folded. Between processes the expected version still decides; the queue is a speed-up and
never the proof.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

STREAMS_CACHED_MAX = 20_000
"""How many folded states one process keeps; the least recently used leave first."""


class Streams:
    def __init__(self, *, cached_max: int = STREAMS_CACHED_MAX) -> None:
        self._cached_max = cached_max
        self._states: OrderedDict[str, tuple[int, Any]] = OrderedDict()
        self._queues: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def turn(self, streams: Iterable[str]) -> AsyncIterator[None]:
        """Hold the turn of all `streams`. Taken in sorted order, so that no two callers wait for
        each other in a circle."""
        names = sorted(set(streams))
        held: list[str] = []
        try:
            for name in names:
                lock, waiting = self._queues.get(name) or (asyncio.Lock(), 0)
                self._queues[name] = (lock, waiting + 1)
                try:
                    await lock.acquire()
                except BaseException:
                    self._leave(name)
                    raise
                held.append(name)
            yield
        finally:
            for name in reversed(held):
                self._queues[name][0].release()
                self._leave(name)

    def _leave(self, name: str) -> None:
        lock, waiting = self._queues[name]
        if waiting == 1:
            del self._queues[name]
        else:
            self._queues[name] = (lock, waiting - 1)

    def cached(self, stream: str) -> tuple[int, Any] | None:
        """`(version, state)` as this process last saw it. The newest only for the turn's holder."""
        found = self._states.get(stream)
        if found is not None:
            self._states.move_to_end(stream)
        return found

    def keep(self, stream: str, version: int, state: Any) -> None:
        found = self._states.get(stream)
        if found is None or found[0] <= version:
            # Whoever only reads a stream has no turn and may come late with an older state.
            self._states[stream] = (version, state)
        self._states.move_to_end(stream)
        while len(self._states) > self._cached_max:
            self._states.popitem(last=False)

    def expect_new(self, stream: str, state: Any) -> None:
        """The stream is new in all likelihood (its id comes from a fresh key), so it need not be
        read first: the append checks that it is, and a refusal is decided again after a look."""
        if stream not in self._states:
            self.keep(stream, 0, state)

    def forget(self, stream: str) -> None:
        self._states.pop(stream, None)
