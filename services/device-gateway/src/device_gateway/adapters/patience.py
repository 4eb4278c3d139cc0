"""How long one request of a till may wait for other services, over all that it asks them.

A sale may ask several times: first whether a voucher pays, then to confirm it. Where the first
answer was late and the second never comes, the cashier has not waited twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar

CASHIER_WAIT_S = 2.0
"""A cashier hears within 3 s that a service is away: this, once `AT_LEAST_S` for an exchange that
begins when it is all but used up, and the log and the way."""

AT_LEAST_S = 0.8
"""What an exchange gets all the same: services that are slow, but answer, bring every sale to its
end, however much it asks."""


class Patience:
    """Of one request. What waits at the same time counts once; a customer at a card terminal does
    not count."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._spent_s = 0.0
        self._waiting = 0
        self._since = 0.0

    @property
    def left_s(self) -> float:
        """For an exchange that begins now, at least `AT_LEAST_S`."""
        spent_s = self._spent_s
        if self._waiting:
            spent_s += self._monotonic() - self._since
        return max(CASHIER_WAIT_S - spent_s, AT_LEAST_S)

    @asynccontextmanager
    async def waiting(self, wait_s: float) -> AsyncIterator[None]:
        """While another service is asked. Raises TimeoutError after `wait_s`."""
        if not self._waiting:
            self._since = self._monotonic()
        self._waiting += 1
        try:
            async with asyncio.timeout(wait_s):
                yield
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._spent_s += self._monotonic() - self._since


_OF_REQUEST: ContextVar[Patience] = ContextVar("patience")


async def one_request() -> None:
    """Dependency of the routes: from here on the exchanges of this request count together."""
    _OF_REQUEST.set(Patience())


def patience() -> Patience:
    """Of the request that is served; a new one where nobody waits at a counter."""
    found = _OF_REQUEST.get(None)
    return Patience() if found is None else found
