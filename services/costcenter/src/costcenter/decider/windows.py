"""Calendar windows of limits, in the business dates of the store that charges. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from costcenter.events import Limit, Window

LONG = "~range"
"""The window of a budget, in the name of its account. `~` stands in no limit's id."""


@dataclass(frozen=True, slots=True)
class Span:
    """`name`: `2026-10-12`, `2026-W41`, `2026-10`, or `LONG`; both days belong to it."""

    name: str
    first: date
    last: date

    def holds(self, day: date) -> bool:
        return self.first <= day <= self.last


def month_of(day: date) -> str:
    """`2026-10`."""
    return f"{day.year:04d}-{day.month:02d}"


def month_after(month: str) -> str:
    """`2026-12` → `2027-01`."""
    return month_of(_first(month) + timedelta(days=31))


def months_from(first: str, last: str) -> Iterator[str]:
    """`first` and all after it up to `last`; none if `first` is later."""
    while first <= last:
        yield first
        first = month_after(first)


def first_day(month: str) -> date:
    return _first(month)


def last_day(month: str) -> date:
    return _first(month_after(month)) - timedelta(days=1)


def _first(month: str) -> date:
    return date.fromisoformat(f"{month}-01")


def span_of(window: Window, day: date, limit: Limit | None = None) -> Span:
    """The window of `day`. A week belongs to the year of its Thursday (ISO 8601).

    `booking` has no window: `ValueError`, as for a budget (`range`) without its limit.
    """
    if window == "range" and limit and limit.valid_from and limit.valid_until:
        return Span(LONG, limit.valid_from, limit.valid_until)
    return _calendar_span(window, day)


@lru_cache(maxsize=1_024)
def _calendar_span(window: Window, day: date) -> Span:
    # Each charge asks for the same few windows of its day, several times.
    match window:
        case "day":
            return Span(day.isoformat(), day, day)
        case "week":
            year, week, weekday = day.isocalendar()
            monday = day - timedelta(days=weekday - 1)
            return Span(f"{year:04d}-W{week:02d}", monday, monday + timedelta(days=6))
        case "month":
            month = month_of(day)
            return Span(month, first_day(month), last_day(month))
    raise ValueError(f"{window} has no window")


def account_of(limit: Limit, day: date) -> str | None:
    """The account that a charge of `day` takes from; None for a limit per booking."""
    if limit.window == "booking":
        return None
    return f"usage-{limit.limit_id}-{span_of(limit.window, day, limit).name}"


def is_long(account: str) -> bool:
    """Whether the account has one part per month."""
    return account.endswith(f"-{LONG}")


def part_of(account: str, month: str) -> str:
    """The stream of a long account's part."""
    return f"{account}-{month}"


def newest_claim(account: str) -> str:
    """→ the stream of a long account's newest part."""
    return f"newest:{account}"
