"""Days as people type them at a till (V28)."""

from __future__ import annotations

from datetime import date, datetime

from device_gateway.dates import shortcut
from events import DomainError


class DayUnclear(DomainError):
    """`field` is where it was typed."""

    code = "page.day"
    status = 422
    title = "This is no day; type it like 31.12.2026, or j m w h + -"


DAY_FORMATS = ("%d.%m.%Y", "%d.%m.%y", "%Y-%m-%d", "%d/%m/%Y", "%d/%m/%y")
DIGITS = {6: "%d%m%y", 8: "%d%m%Y"}
"""Digits alone, by their number."""
YEAR_MIN = 1900


def day_of(text: str, today: date, *, field: str) -> date:
    """`31.12.2026`, `311226`, `2026-12-31`, or a shortcut of `dates`: j m w h + -.

    Raises `DayUnclear`.
    """
    typed = text.strip()
    found = shortcut(typed, today)
    if found is not None:
        return found
    if typed.isascii():
        forms = (DIGITS.get(len(typed), ""),) if typed.isdigit() else DAY_FORMATS
        for form in forms:
            try:
                day = datetime.strptime(typed, form).date()  # noqa: DTZ007  (a day has no zone)
            except ValueError:
                continue
            if day.year >= YEAR_MIN:
                return day
    raise DayUnclear(field=field)
