"""Calendar windows, at the ends of years and on the days when clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costcenter.decider.windows import (
    account_of,
    is_long,
    last_day,
    month_after,
    month_of,
    months_from,
    span_of,
)
from costcenter.events import Limit, Scope
from money import euro

if TYPE_CHECKING:
    from services.costcenter.tests.conftest import World

DAYS = st.dates(date(2000, 1, 1), date(2199, 12, 30))
WINDOWS: tuple[Any, ...] = ("day", "week", "month")


def limit(window: Any, **other: Any) -> Limit:
    scope = Scope(level="center", id="c1")
    return Limit(limit_id="L1", name="L", scope=scope, window=window, amount=euro("1.00"), **other)


@given(day=DAYS, window=st.sampled_from(WINDOWS))
def test_every_day_lies_in_its_own_window(day: date, window: Any) -> None:
    assert span_of(window, day).holds(day)


@given(day=DAYS, window=st.sampled_from(WINDOWS))
def test_windows_follow_each_other_without_gap_or_overlap(day: date, window: Any) -> None:
    span = span_of(window, day)
    after = span_of(window, span.last + timedelta(days=1))
    assert after.first == span.last + timedelta(days=1)
    assert after.name > span.name


@given(day=DAYS, other=DAYS, window=st.sampled_from(WINDOWS))
def test_two_days_share_a_name_only_if_they_share_the_window(
    day: date, other: date, window: Any
) -> None:
    mine, its = span_of(window, day), span_of(window, other)
    assert (mine.name == its.name) == mine.holds(other)


@pytest.mark.parametrize(
    ("day", "week"),
    [
        (date(2026, 12, 31), "2026-W53"),
        (date(2027, 1, 1), "2026-W53"),
        (date(2027, 1, 4), "2027-W01"),
        (date(2024, 12, 30), "2025-W01"),
    ],
)
def test_a_week_belongs_to_the_year_of_its_thursday(day: date, week: str) -> None:
    assert span_of("week", day).name == week


@given(day=DAYS)
def test_months_follow_each_other(day: date) -> None:
    month = month_of(day)
    assert month_of(last_day(month) + timedelta(days=1)) == month_after(month)
    assert list(months_from(month, month_after(month))) == [month, month_after(month)]


def test_only_a_budget_has_parts() -> None:
    budget = limit("range", valid_from=date(2026, 10, 12), valid_until=date(2026, 11, 13))
    assert is_long(account_of(budget, date(2026, 10, 12)) or "")
    for window in WINDOWS:
        assert not is_long(account_of(limit(window), date(2026, 10, 12)) or "")
    assert account_of(limit("booking"), date(2026, 10, 12)) is None


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC), "2026-12-31"),
        (datetime(2026, 12, 31, 23, 0, tzinfo=UTC), "2027-01-01"),
        # Clocks go back at 03:00: the day has 25 hours.
        (datetime(2026, 10, 24, 22, 0, tzinfo=UTC), "2026-10-25"),
        (datetime(2026, 10, 25, 22, 59, tzinfo=UTC), "2026-10-25"),
        (datetime(2026, 10, 25, 23, 0, tzinfo=UTC), "2026-10-26"),
        # They go forward: 23 hours.
        (datetime(2027, 3, 27, 23, 0, tzinfo=UTC), "2027-03-28"),
        (datetime(2027, 3, 28, 22, 0, tzinfo=UTC), "2027-03-29"),
    ],
)
async def test_the_day_of_a_charge_is_that_of_its_store(
    world: World, moment: datetime, day: str
) -> None:
    await world.furnish()
    await world.limit("L1", "center", "c4711", "day", "10.00")
    world.clock.now = moment
    await world.hold("H1", "9.80")
    assert (await world.usage(f"L1-{day}")).amount == 980
