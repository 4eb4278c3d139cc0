"""A clock that jumped back records nothing: numbers, times and signatures would run backwards.

A small computer without a battery starts in the past after a power cut. What was stored last is the
least that the time can be. Where the clock was wrong before (in the future) and is right now, a
manager says so: that is an event, and from then on it is the last thing stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from device_gateway.decider.refusals import ClockBehind
from events import EventStore

BEHIND_MAX_S = 60.0
"""A clock that is corrected steps back by less than this; more is a clock that is wrong."""


_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass
class ClockGuard:
    """One per process. It knows the newest time that was stored or recorded with."""

    latest: datetime = _NEVER

    def check(self, now: datetime) -> None:
        """Raises `ClockBehind`."""
        if self.behind(now):
            raise ClockBehind(now=now.isoformat(), latest=self.latest.isoformat())
        self.latest = max(self.latest, now)

    def behind(self, now: datetime) -> bool:
        return self.latest - now > timedelta(seconds=BEHIND_MAX_S)

    def accept(self, now: datetime) -> None:
        """A person has looked: `now` is right, and what was before was not."""
        self.latest = now

    async def learn(self, store: EventStore) -> None:
        """From the last thing in the log, when a process starts."""
        head = await store.head()
        for last in await store.read(after=max(0, head - 1), records_max=1):
            self.latest = max(self.latest, last.recorded_at)
