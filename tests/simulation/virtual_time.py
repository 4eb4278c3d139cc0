"""Time that passes only when nobody has anything to do: a loop that jumps to its next timer.

Retries, time-outs and leases run as they are written, in no time at all and the same each time.
"""

from __future__ import annotations

import asyncio
import logging
import selectors
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

MORNING = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


class NothingLeft(RuntimeError):
    """Everything waits for something that can't happen any more: a deadlock."""


class _Jump(selectors.SelectSelector):
    """Waits for no file: a simulation has none."""

    jumped_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise NothingLeft
        self.jumped_s += max(timeout, 0.0)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` starts at 0 and moves only over what is waited for."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.jumped_s

    def play(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` to its end; what it left in the background stands still until the next."""
        return self.run_until_complete(work)


class VirtualClock:
    """The wall clock of all processes, on a loop's time."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def __call__(self) -> datetime:
        return MORNING + timedelta(seconds=self._loop.time())


@contextmanager
def quietly() -> Iterator[None]:
    """Without the warnings of parts that were told to fail."""
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
