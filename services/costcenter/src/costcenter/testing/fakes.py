"""What the program takes from PostgreSQL and the machine, small enough to be read in a test."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from costcenter.decider.month import MONTH, Month
from events import EventStore
from kassenverbund.kit.secrets import Secrets

SECRETS = Secrets(root=b"k" * 32, key_id="test")

LOG_MAX = 1_000_000


class Clock:
    """A clock that stands still until it is told to go on. 12 October 2026 is a Monday; it is 12:00
    in Berlin."""

    def __init__(self) -> None:
        self.now = datetime(2026, 10, 12, 10, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


class LoggedMonths:
    """`costcenter.ports.LapsedCharges` and `OpenMonths`, read from the log."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def _months(self) -> dict[str, Month]:
        states: dict[str, Month] = {}
        for entry in await self._store.read(after=0, records_max=LOG_MAX):
            if entry.stream.startswith("month-"):
                before = states.get(entry.stream, MONTH.initial)
                states[entry.stream] = MONTH.evolve(before, entry.event)
        return states

    async def lapsed(self, now: datetime, *, holds_max: int) -> Sequence[tuple[str, str]]:
        found = [
            (charge.expires_at or now, stream, charge_id)
            for stream, month in (await self._months()).items()
            for charge_id, charge in month.charges.items()
            if charge.lapsed(now)
        ]
        return [(stream, charge_id) for _, stream, charge_id in sorted(found)][:holds_max]

    async def lapsed_on(
        self, limit_ids: Sequence[str], now: datetime, *, holds_max: int
    ) -> Sequence[tuple[str, str]]:
        months = await self._months()
        return [
            (stream, charge_id)
            for stream, charge_id in await self.lapsed(now, holds_max=LOG_MAX)
            if {take.limit_id for take in months[stream].charges[charge_id].takes} & set(limit_ids)
        ][:holds_max]

    async def open_until(
        self, month: str, *, after: tuple[str, str], months_max: int
    ) -> Sequence[tuple[str, str]]:
        found = sorted(
            (state.month, state.center_id or "")
            for state in (await self._months()).values()
            if not state.closed and state.month <= month
        )
        return [(center_id, name) for name, center_id in found if (name, center_id) > after[::-1]][
            :months_max
        ]
