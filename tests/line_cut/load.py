"""How busy the machine was while somebody waited: only then a late answer may be its fault."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

import psutil

EVERY_S = 0.2
KEPT = 200
"""Looks that are remembered: 40 s."""

OVERLOADED = 0.9
"""Share of all processors that is busy, from which on whoever wants to work has to wait."""


@dataclass
class Load:
    """Looks at the processors, and remembers how busy they were during marked waits."""

    busy: dict[str, float] = field(default_factory=dict)
    """Key of a request → share of the processors that was in use while it waited, 0 to 1."""
    _looks: deque[tuple[float, float, float]] = field(default_factory=lambda: deque(maxlen=KEPT))
    """Time of the loop, seconds of work and seconds of all processors until then."""

    async def watch(self) -> None:
        """Until cancelled."""
        while True:
            self._look()
            await asyncio.sleep(EVERY_S)

    def _look(self) -> tuple[float, float, float]:
        times = psutil.cpu_times()
        whole = float(sum(times[:8]))  # What a guest uses is in the first two already.
        now = asyncio.get_running_loop().time(), whole - times.idle - times.iowait, whole
        self._looks.append(now)
        return now

    def mark(self, key: str, took_s: float) -> None:
        """A wait of so long has ended now."""
        if not self._looks:
            return
        at, worked, whole = self._look()
        since = next((look for look in reversed(self._looks) if look[0] <= at - took_s), None)
        _, before, whole_before = since or self._looks[0]
        self.busy[key] = (worked - before) / max(whole - whole_before, 1e-6)

    def overloaded(self, key: str) -> bool:
        """Whether it was while that request waited. Not known: no."""
        return self.busy.get(key, 0.0) >= OVERLOADED
