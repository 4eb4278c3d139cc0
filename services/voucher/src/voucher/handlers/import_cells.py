"""Single cells of an import file: amounts, days, words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import TypeVar

from voucher.events import Terms

T = TypeVar("T")

AMOUNT_MINOR_MAX = 1_000_000
"""10,000.00 for one voucher. Larger is a typing error."""

YEAR_MIN, YEAR_MAX = 1990, 2199
"""Dates outside are typing errors."""

_AMOUNT = re.compile(r"([0-9]{1,9})(?:[.,]([0-9]{1,2}))?")
_ISO_DAY = re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})")
_GERMAN_DAY = re.compile(r"(?P<day>[0-9]{2})\.(?P<month>[0-9]{2})\.(?P<year>[0-9]{4})")


class Refused(Exception):
    """A line that is not taken over. The reason never repeats what stood there."""

    def __init__(self, column: str | None, reason: str, other_line: int | None = None) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason
        self.other_line = other_line


def texts(value: object) -> Iterator[str]:
    """All text in a document."""
    match value:
        case str():
            yield value
        case dict():
            for part in value.values():
                yield from texts(part)
        case list() | tuple():
            for part in value:
                yield from texts(part)


def amounts(cell: Mapping[str, str], terms: Terms, *, inactive: bool) -> tuple[int, int, int]:
    """(balance, face value, paid for it) in minor units. Raises `Refused`."""
    balance = amount(cell, "balance")
    if balance is None:
        raise Refused("balance", "amount")
    if inactive:
        # A card that nobody has bought owes nothing, whatever is printed on it.
        if balance:
            raise Refused("balance", "amount.inactive")
        return 0, amount(cell, "value") or 0, 0
    if cell["value"]:
        raise Refused("value", "value.active")
    if not balance and terms.effect is None:
        raise Refused("balance", "amount.zero")
    paid = amount(cell, "consideration")
    if paid is None:
        paid = balance if terms.funding == "purchased" else 0
    if paid > balance or (paid and terms.funding != "purchased"):
        raise Refused("consideration", "consideration")
    return balance, balance, paid


def amount(cell: Mapping[str, str], column: str) -> int | None:
    """`1234.50` or `1234,50`, never with separators of thousands: they can be misread.

    None: nothing stands there. Raises `Refused`.
    """
    text = cell[column]
    if not text:
        return None
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise Refused(column, "amount")
    minor = int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))
    if minor > AMOUNT_MINOR_MAX:
        raise Refused(column, "amount.too_large")
    return minor


def day(cell: Mapping[str, str], column: str) -> date | None:
    """`2029-12-31` or `31.12.2029`; None: nothing stands there. Raises `Refused`."""
    text = cell[column]
    if not text:
        return None
    found = _ISO_DAY.fullmatch(text) or _GERMAN_DAY.fullmatch(text)
    if found is None:
        raise Refused(column, "date")
    try:
        day = date(int(found["year"]), int(found["month"]), int(found["day"]))
    except ValueError:
        raise Refused(column, "date") from None
    if not YEAR_MIN <= day.year <= YEAR_MAX:
        raise Refused(column, "date.range")
    return day


def one_of(cell: Mapping[str, str], column: str, allowed: Mapping[str, T]) -> T:
    """What the word of a cell stands for. Raises `Refused`."""
    if cell[column] not in allowed:
        raise Refused(column, column)
    return allowed[cell[column]]
