"""AIM symbology identifiers (ISO/IEC 15424): what a scanner says it has read."""

from __future__ import annotations

import re

_PREFIX = re.compile(r"\][A-Za-z][0-9A-Za-z]")

GS1 = frozenset({"]C1", "]e0", "]e1", "]e2", "]d2", "]Q3", "]J1"})
"""GS1-128, DataBar, DataMatrix, QR and DotCode with GS1 element strings."""

EAN = frozenset({"]E0", "]E3", "]E4"})
"""EAN/UPC: thirteen digits; with an add-on; eight digits."""


def split(text: str) -> tuple[str | None, str]:
    """The identifier at the beginning of a scan, and the rest."""
    found = _PREFIX.match(text)
    return (found.group(), text[3:]) if found else (None, text)


def is_identifier(text: str) -> bool:
    """Whether `text` is an identifier and nothing else."""
    return _PREFIX.fullmatch(text) is not None
