"""How the lines look to a cashier: steady, so that a status does not flicker.

A call is refused by what the last call showed (`adapters/line.py`); what is shown follows slower.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from device_gateway.handlers.live import Live, LiveEvent

FAILURES_MAX = 2
"""So many failures …"""

FAILURES_WITHIN_S = 5.0
"""… within this time show a line as offline."""

GOOD_PROBES = 3
"""So many good probes in a row …"""

GOOD_FOR_S = 15.0
"""… over this time show it as online again."""

Shown = Literal["online", "offline"]


class Steady:
    """One line, as it is shown. `monotonic` in seconds."""

    def __init__(self, now: datetime) -> None:
        self.state: Shown = "online"
        self.since = now
        self.checked_at: datetime | None = None
        """When it was last seen, good or not; None: not yet."""
        self._failures: deque[float] = deque(maxlen=FAILURES_MAX)
        self._good = 0
        self._good_from = 0.0

    def saw(self, good: bool, *, now: datetime, monotonic: float) -> bool:
        """One look at the line. Whether what is shown has changed by it."""
        self.checked_at = now
        before = self.state
        if good:
            self._saw_good(monotonic)
        else:
            self._saw_failure(monotonic)
        if self.state != before:
            self.since = now
        return self.state != before

    def _saw_good(self, monotonic: float) -> None:
        if self._good == 0:
            self._good_from = monotonic
        self._good += 1
        if self._good >= GOOD_PROBES and monotonic - self._good_from >= GOOD_FOR_S:
            self.state = "online"

    def _saw_failure(self, monotonic: float) -> None:
        self._good = 0
        self._failures.append(monotonic)
        several = len(self._failures) == FAILURES_MAX
        if several and monotonic - self._failures[0] <= FAILURES_WITHIN_S:
            self.state = "offline"


@dataclass(frozen=True, slots=True)
class Unsent:
    """What of the own log is not on the bus yet."""

    count: int = 0
    oldest_at: datetime | None = None


@dataclass
class Lines:
    """All lines of this process. Every change is told to the screens of all tills of `stores`."""

    live: Live
    stores: tuple[str, ...]
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]
    unsent: Unsent = field(default_factory=Unsent)
    unsigned: Unsent = field(default_factory=Unsent)
    """Recorded, and the signer has said nothing although it is late."""
    _shown: dict[str, Steady] = field(default_factory=dict)

    @property
    def shown(self) -> Mapping[str, Steady]:
        """`voucher`, `costcenter`, `bus`, `signer`, as far as they are watched."""
        return self._shown

    def watch(self, name: str) -> None:
        """Show this line, online until something else is seen."""
        self._shown.setdefault(name, Steady(self.clock()))

    def saw(self, name: str, good: bool) -> None:
        """What a call or a probe has shown."""
        self.watch(name)
        line, now = self._shown[name], self.clock()
        if line.saw(good, now=now, monotonic=self.monotonic()):
            told = LiveEvent("line", {"service": name, "state": line.state}, now)
            for store_id in self.stores:
                self.live.tell(store_id, None, told)
