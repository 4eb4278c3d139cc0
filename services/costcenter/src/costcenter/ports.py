"""What the handlers need that is no event."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol


class LapsedCharges(Protocol):
    """Finds holds that have run out, of which nobody has written that down. It may lag behind the
    log: the decision itself rests on the log. Raises `Transient` where the database is away."""

    async def lapsed(self, now: datetime, *, holds_max: int) -> Sequence[tuple[str, str]]:
        """`(stream of the month, charge id)`, the oldest first."""
        ...

    async def lapsed_on(
        self, limit_ids: Sequence[str], now: datetime, *, holds_max: int
    ) -> Sequence[tuple[str, str]]:
        """The same, of charges that have taken from one of these limits."""
        ...


class OpenMonths(Protocol):
    """Finds months that are not closed. It may lag behind the log."""

    async def open_until(
        self, month: str, *, after: tuple[str, str], months_max: int
    ) -> Sequence[tuple[str, str]]:
        """`(center id, month)` of months up to and with `month`, in this order, above `after`."""
        ...


class BusyMonths(Protocol):
    """Finds months whose streams take long to read. It may lag behind the log."""

    async def busiest(self, month: str, *, charges_min: int, months_max: int) -> Sequence[str]:
        """Ids of centers with at least `charges_min` charges in `month`, the busiest first."""
        ...
