"""What is kept outside the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

from money import Money

TillBookingState = Literal["open", "parked", "recorded", "aborted"]


class PairingTries(Protocol):
    """Counts tries to pair, over all processes, so that a code cannot be guessed."""

    async def admit(self, *, store_id: str, source: str, now: datetime) -> float | None:
        """Count one try. None: go on. A number: refused, ask again after so many seconds."""
        ...

    async def succeeded(self, *, store_id: str, source: str, now: datetime) -> None:
        """The try was right: it does not count."""
        ...


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A booking that somebody still has to do something about."""

    booking_id: str
    store_id: str
    last_at: datetime


class UnfinishedBookings(Protocol):
    """A read model of the own log: only where to look, never what to decide."""

    async def list(self, *, untouched_since: datetime, bookings_max: int) -> Sequence[Unfinished]:
        """Those that nothing happened to since, the longest untouched first."""
        ...


@dataclass(frozen=True, slots=True)
class TillBooking:
    """A row of the list of a till's bookings."""

    booking_id: str
    state: TillBookingState
    kind: str
    number: int | None
    shift: int | None
    business_date: date | None
    """None: it is open."""
    started_at: datetime
    ended_at: datetime | None
    total: Money
    verdict: Literal["signed", "unsigned"] | None
    paper: Literal["queued", "printed"] | None
    cashier_id: str | None
    label: str | None


class TillBookings(Protocol):
    """A read model of the own log, a moment behind it."""

    async def page(
        self,
        *,
        till_id: str,
        state: TillBookingState | None,
        day: date | None,
        number: int | None,
        page: int,
    ) -> tuple[Sequence[TillBooking], bool]:
        """The newest first, and whether there are more. Open ones belong to every day. `page`
        begins at 1."""
        ...
