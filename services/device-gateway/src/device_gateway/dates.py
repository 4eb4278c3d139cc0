"""Date shortcuts as cashiers of libraries type them (V28). Pure: `today` comes in."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Mapping
from datetime import date, timedelta


def _months_on(today: date, months: int) -> date:
    """The same day of a later month, or that month's last."""
    year, month = divmod(today.year * 12 + today.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(today.day, last))


SHORTCUTS: Mapping[str, Callable[[date], date]] = {
    "j": lambda today: _months_on(today, 12),
    "m": lambda today: _months_on(today, 1),
    "w": lambda today: today + timedelta(days=7),
    "h": lambda today: today,
    "+": lambda today: today + timedelta(days=1),
    "-": lambda today: today - timedelta(days=1),
}
"""j(ahr), m(onat), w(oche) from today on; h(eute); + tomorrow, - yesterday."""


def shortcut(typed: str, today: date) -> date | None:
    """The day that a key stands for. None: it is no shortcut, and the text is read as a date.

    The 29th of February and a year is the 28th; the 31st of January and a month is February's last.
    """
    found = SHORTCUTS.get(typed.strip().lower())
    return None if found is None else found(today)
