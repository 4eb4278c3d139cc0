"""Amounts as whole numbers of a hundred thousandth: what the five decimals of DSFinV-K hold."""

from __future__ import annotations

from typing import Final

ONE: Final = 100_000
CENT: Final = 1_000


def amount(text: str) -> int:
    """Of `12,34`; nothing there is nothing."""
    whole, _, part = text.partition(",")
    return int(whole + (part + "00000")[:5])


def exact(text: str) -> int:
    """Of `12.34`, as process data writes it."""
    whole, _, part = text.partition(".")
    return int(whole + (part + "00000")[:5])


def shown(number: int) -> str:
    sign = "-" if number < 0 else ""
    whole, part = divmod(abs(number), ONE)
    digits = f"{part:05d}"
    return f"{sign}{whole},{digits[:2]}{digits[2:].rstrip('0')}"


def differs(one: int, other: int) -> str:
    return f"{shown(one)} ≠ {shown(other)}"
