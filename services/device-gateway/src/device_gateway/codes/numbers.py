"""Numbers on goods: EAN, UPC, ISBN, ISSN."""

from __future__ import annotations

from dataclasses import dataclass

from stdnum import ean, isbn

_LENGTHS = frozenset({8, 12, 13, 14})


@dataclass(frozen=True, slots=True)
class Number:
    """`gtin`: eight, thirteen or fourteen digits. `rule`: which numbers these are."""

    gtin: str
    rule: str
    addon: str | None = None


def is_digits(text: str) -> bool:
    """ASCII digits alone; `str.isdigit` takes others too."""
    return text.isascii() and text.isdigit()


def number_of(text: str) -> Number | None:
    """The number of goods that a text of bare digits is; None: no length or no check digit fits.

    One random number in ten passes its check digit: what it means, the caller decides.
    """
    if not is_digits(text) or len(text) not in _LENGTHS or not ean.is_valid(text):
        return None
    gtin = "0" + text if len(text) == 12 else text
    return Number(gtin, _rule_of(gtin))


def with_addon(text: str) -> Number | None:
    """The same for `]E3`: books and magazines with two or five digits beside the number."""
    for length in (2, 5):
        number = number_of(text[:13]) if len(text) == 13 + length else None
        if number is not None and is_digits(text):
            return Number(number.gtin, number.rule, text[13:])
    return None


def isbn_of(text: str) -> Number | None:
    """An ISBN as it is printed: ten or thirteen digits, with or without hyphens."""
    if len(text) > 17 or not isbn.is_valid(text):
        return None
    return Number(isbn.to_isbn13(isbn.compact(text)), "isbn")


def _rule_of(gtin: str) -> str:
    if len(gtin) != 13:
        return "ean8" if len(gtin) == 8 else "gtin14"
    if gtin.startswith(("978", "979")):
        # 979-0 is printed music.
        return "ismn" if gtin.startswith("9790") else "isbn"
    if gtin.startswith("977"):
        return "issn"
    if gtin.startswith(("98", "99")):
        return "ean_coupon"
    if gtin[0] == "2" or gtin.startswith(("02", "04")):
        return "ean_in_store"
    return "ean13"
