"""V28: j year, m month, w week, h today, + tomorrow, - yesterday."""

from __future__ import annotations

from datetime import date

import pytest

from device_gateway.dates import shortcut

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        ("j", "2027-11-22"), ("m", "2026-12-22"), ("w", "2026-11-29"), ("h", "2026-11-22"),
        ("+", "2026-11-23"), ("-", "2026-11-21"), (" J ", "2027-11-22"),
    ],
)  # fmt: skip
def test_v28_a_key_stands_for_a_day(typed: str, day: str) -> None:
    assert shortcut(typed, TODAY) == date.fromisoformat(day)


@pytest.mark.parametrize("typed", ["", "x", "jj", "31.12.2026", "2026-12-31", "++"])
def test_v28_anything_else_is_no_shortcut(typed: str) -> None:
    assert shortcut(typed, TODAY) is None


@pytest.mark.parametrize(
    ("typed", "today", "day"),
    [
        ("j", "2028-02-29", "2029-02-28"),
        ("m", "2027-01-31", "2027-02-28"),
        ("m", "2026-12-31", "2027-01-31"),
        ("+", "2026-12-31", "2027-01-01"),
    ],
)
def test_v28_a_month_without_that_day_ends_on_its_last(typed: str, today: str, day: str) -> None:
    assert shortcut(typed, date.fromisoformat(today)) == date.fromisoformat(day)
