"""The one choke point between names that people wrote and bytes that a printer obeys.

ESC/POS has no quoting: a product name with the right control characters opens the cash drawer or
rewrites the printer's memory. So every text byte comes from a `SafeText`, and a `SafeText` cannot
exist with anything but printable characters of its code page: the check is in its construction.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal

Codepage = Literal["CP858", "CP1252", "ISO-8859-15"]

TEXT_MAX = 400
"""Characters of one text after cleaning. The longest thing on a receipt is a signature (P-521:
176 characters), which is never cut: `clean` is told when cutting is not allowed."""

REPLACEMENT = "?"

_FOLDS = {
    "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "―": "-", "−": "-",
    "„": '"', "“": '"', "”": '"', "‟": '"', "«": '"', "»": '"',
    "‚": "'", "‘": "'", "’": "'", "‛": "'", "‹": "'", "›": "'", "′": "'", "″": '"',
    "…": "...", "•": "*", "·": "*", "×": "x", "№": "Nr.", "™": "(TM)", "ẞ": "SS",
    "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ı": "i", "œ": "oe", "Œ": "OE", "ĸ": "k",
}  # fmt: skip


def _printable_characters(codepage: str) -> frozenset[str]:
    """What the bytes 20 to FF stand for, without DEL, controls, format characters and spaces
    other than the plain one."""
    characters = bytes(range(0x20, 0x100)).decode(codepage, errors="ignore")
    return frozenset(
        character
        for character in characters
        if character == " "
        or not (character.isspace() or unicodedata.category(character).startswith("C"))
    )


PRINTABLE: dict[Codepage, frozenset[str]] = {
    "CP858": _printable_characters("CP858"),
    "CP1252": _printable_characters("CP1252"),
    "ISO-8859-15": _printable_characters("ISO-8859-15"),
}
"""All that may become a text byte."""


class UnsafeText(ValueError):
    """A `SafeText` was made by hand from characters that must not reach a printer."""


@dataclass(frozen=True, slots=True)
class SafeText:
    """Printable text of one code page: one character is one byte is one cell.

    Raises `UnsafeText` when constructed with anything else; use `clean`.
    """

    text: str
    codepage: Codepage
    replaced: int = 0
    """How many characters could not be shown and stand as `?` (a figure for the back office)."""

    def __post_init__(self) -> None:
        if not PRINTABLE[self.codepage].issuperset(self.text):
            raise UnsafeText("not printable in " + self.codepage)

    def encode(self) -> bytes:
        """Strictly: the construction has proved that every character has its byte."""
        return self.text.encode(self.codepage)

    def __len__(self) -> int:
        """Cells on the paper."""
        return len(self.text)

    def __str__(self) -> str:
        return self.text


def printable(text: str, *, characters_max: int = TEXT_MAX) -> str:
    """NFC without control, format, surrogate, private and unassigned characters, on one line.

    For forms that know all of Unicode (HTML, JSON). White space becomes a plain space: a no-break
    space (Babel puts one before the euro sign) is no printable byte in every code page.
    """
    kept: list[str] = []
    for character in unicodedata.normalize("NFC", text):
        if character.isspace():
            kept.append(" ")
        elif not unicodedata.category(character).startswith("C"):
            kept.append(character)
    return "".join(kept)[:characters_max]


def clean(text: str, codepage: Codepage, *, characters_max: int = TEXT_MAX) -> SafeText:
    """NFC → drop categories C* → fold what the code page lacks → truncate → strict encode.

    A character that has no likeness in the code page becomes `?` and is counted. Never raises.
    """
    known = PRINTABLE[codepage]
    if len(text) <= characters_max and known.issuperset(text):
        # Nothing to do, which is nearly always so: these characters are whole and printable.
        return SafeText(text, codepage)
    shown: list[str] = []
    replaced = 0
    for character in printable(text, characters_max=characters_max):
        if character in known:
            shown.append(character)
            continue
        likeness = _likeness(character, codepage)
        if likeness is None:
            likeness, replaced = REPLACEMENT, replaced + 1
        shown.append(likeness)
    return SafeText("".join(shown)[:characters_max], codepage, replaced)


def _likeness(character: str, codepage: Codepage) -> str | None:
    """What comes closest: a folded sign, or the letter without its marks. None: nothing does.

    A lone combining mark vanishes; NFC has joined it to its letter where that is one character.
    """
    if character in _FOLDS:
        return _FOLDS[character]
    if unicodedata.category(character) in ("Mn", "Me"):
        return ""
    parts = [
        part
        for part in unicodedata.normalize("NFKD", character)
        if unicodedata.category(part) != "Mn"
    ]
    folded = "".join(_FOLDS.get(part, part) for part in parts)
    if folded and PRINTABLE[codepage].issuperset(folded):
        return folded
    return None
