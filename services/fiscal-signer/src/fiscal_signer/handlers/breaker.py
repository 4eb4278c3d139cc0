"""When a device that is out is tried again.

A circuit breaker whose open state is in the log: while an outage lasts, bookings get their verdict
without the device. What is left to decide is when it is probed, and how often it has to answer
before the outage ends. A device that comes back and goes away again would otherwise make some
sale wait each time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fiscal_signer.handlers.asking import Settings

JITTER = 0.2
"""Pauses are up to so much longer, by device: a vendor that is back is not asked by all at once."""

ANSWERS_MAX = 3
"""A device that flaps has to answer so many probes in a row at most."""


@dataclass
class Breaker:
    """Of one device, in one process. A new process begins with none of the history: it probes
    once more often. `share`: this device's part of the jitter, 0 to 1."""

    settings: Settings
    share: float = 0.0
    next: datetime | None = None
    """When the device is due; None: it is not out."""
    _outage_id: str = ""
    _failed: int = 0
    _answered: int = 0
    _flaps: int = 0
    _ended: datetime | None = field(default=None)

    def due(self, outage_id: str, now: datetime) -> bool:
        """Whether the device of this outage is to be probed now."""
        if outage_id != self._outage_id:
            self._begin(outage_id, now)
        return self.next is not None and now >= self.next

    @property
    def closing(self) -> bool:
        """Whether the next answer is enough to end the outage."""
        return self._answered + 1 >= min(1 + self._flaps, ANSWERS_MAX)

    def tried(self, *, well: bool, now: datetime) -> None:
        """A probe came back, without ending the outage."""
        if well:
            self._answered += 1
        else:
            self._answered = 0
            self._failed += 1
        self._plan(now)

    def ended(self, now: datetime) -> None:
        """The outage is over."""
        self._outage_id, self._ended, self.next = "", now, None

    def _begin(self, outage_id: str, now: datetime) -> None:
        steady = timedelta(seconds=self.settings.steady_s)
        flapped = self._ended is not None and now - self._ended < steady
        self._flaps = self._flaps + 1 if flapped else 0
        self._outage_id, self._failed, self._answered = outage_id, 0, 0
        self._plan(now)

    def _plan(self, now: datetime) -> None:
        longest = self.settings.probe_max_s
        # Cut before it is doubled: nobody counts how often a device failed in a week.
        doubled = min(self._failed + 2 * self._flaps, 16)
        pause = min(self.settings.probe_s * 2**doubled, longest)
        self.next = now + timedelta(seconds=pause * (1 + JITTER * self.share))
