"""What the read models of the simulation's processes say, folded from the logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from device_gateway.decider.booking import BOOKING
from device_gateway.decider.booking_state import Booking
from device_gateway.ports import Unfinished
from events import Decider
from events.testing.memory import MemoryEventStore
from voucher.decider import VOUCHER, Issued


class Folded:
    """The streams of one log whose names begin with `prefix`, folded as far as the log goes."""

    def __init__(self, log: MemoryEventStore, decider: Decider[Any, Any], prefix: str) -> None:
        self._log = log
        self._decider = decider
        self._prefix = prefix
        self._position = 0
        self._states: dict[str, Any] = {}
        self._last_at: dict[str, datetime] = {}

    def states(self) -> dict[str, Any]:
        """By stream, without its prefix."""
        for entry in self._log.log[self._position :]:
            if entry.stream.startswith(self._prefix):
                name = entry.stream.removeprefix(self._prefix)
                before = self._states.get(name, self._decider.initial)
                self._states[name] = self._decider.evolve(before, entry.event)
                self._last_at[name] = entry.recorded_at
        self._position = len(self._log.log)
        return self._states

    def last_at(self, name: str) -> datetime:
        """When something was last recorded in a stream that `states` has."""
        return self._last_at[name]


class FoldedVouchers(Folded):
    def __init__(self, log: MemoryEventStore) -> None:
        super().__init__(log, VOUCHER, "voucher-")

    def issued(self) -> dict[str, Issued]:
        found = self.states().items()
        return {name: state for name, state in found if isinstance(state, Issued)}


class FoldedBookings(Folded):
    def __init__(self, log: MemoryEventStore) -> None:
        super().__init__(log, BOOKING, "booking-")

    def all(self) -> dict[str, Booking]:
        return self.states()


@dataclass
class LapsedHolds:
    """`voucher.ports.LapsedHolds`, read from the log."""

    folded: FoldedVouchers

    async def lapsed(self, now: datetime, *, holds_max: int) -> Sequence[tuple[str, str]]:
        found = [
            (voucher.voucher_id, hold.hold_id)
            for voucher in self.folded.issued().values()
            for hold in voucher.lapsed(now)
        ]
        return found[:holds_max]


@dataclass
class UnfinishedBookings:
    """`device_gateway.ports.UnfinishedBookings`, read from the log."""

    folded: FoldedBookings

    async def list(self, *, untouched_since: datetime, bookings_max: int) -> Sequence[Unfinished]:
        found = [
            Unfinished(name, "", self.folded.last_at(name))
            for name, booking in self.folded.all().items()
            if self._unfinished(booking) and self.folded.last_at(name) < untouched_since
        ]
        return found[:bookings_max]

    def _unfinished(self, booking: Booking) -> bool:
        if booking.aborted is not None:
            return False
        silent = booking.final is None or (booking.verdict or booking.overdue) is None
        return silent or bool(booking.print_due or booking.releases_due)
