"""Whether a service can be reached: no cashier waits for what another has just waited for.

After a call that nobody answered the line is down, and calls are refused at once. One call at a
time, at most one in `PROBE_EVERY_S`, is let through to see whether somebody answers again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from device_gateway.ports import LineState

PROBE_EVERY_S = 1.0
"""Between the end of one probe and the next."""

PROBE_MAX_S = 5.0
"""A probe that says nothing for so long is forgotten (its caller was cancelled)."""


class Line:
    """One per process and service. `clock` is only for people; pauses go by `monotonic`."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        *,
        seen: Callable[[bool], None] = lambda answered: None,
    ) -> None:
        """`seen` is told of every call whether somebody answered."""
        self._clock = clock
        self._monotonic = monotonic
        self._seen = seen
        self._state = LineState(up=True, since=clock())
        self._probe_at = 0.0
        self.answers = 0
        """How often somebody answered so far: what a call compares with when it began."""

    @property
    def state(self) -> LineState:
        """As the last calls have shown it; up, until one has shown anything."""
        return self._state

    def admits(self) -> bool:
        """Whether to call now. While the line is down the one who may is the probe."""
        if self._state.up:
            return True
        now = self._monotonic()
        if now < self._probe_at:
            return False
        self._probe_at = now + PROBE_MAX_S
        return True

    def answered(self) -> None:
        """Somebody answered, whatever it was."""
        self.answers += 1
        self._seen(True)
        if not self._state.up:
            self._state = LineState(up=True, since=self._clock())

    def silent(self, *, answers: int) -> None:
        """Nobody answered a call that began when there were `answers`. Where others were answered
        meanwhile it is that one call, and not the line."""
        if answers != self.answers:
            return
        self._probe_at = self._monotonic() + PROBE_EVERY_S
        self._seen(False)
        if self._state.up:
            self._state = LineState(up=False, since=self._clock())
