"""Text from outside: what may enter a booking, an event or a name at all."""

from __future__ import annotations

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field

NAME_MAX = 200


def _no_control(text: str) -> str:
    """NFC; any control, format, surrogate or unassigned character is refused (a product name can
    carry printer commands, and `json` columns do not survive U+0000)."""
    normal = unicodedata.normalize("NFC", text)
    for character in normal:
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn"):
            raise ValueError(f"the character U+{ord(character):04X} is not allowed here")
    return normal


SafeName = Annotated[str, Field(min_length=1, max_length=NAME_MAX), AfterValidator(_no_control)]
"""A name as people write it: one line, no control characters, at most `NAME_MAX` characters."""

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")]
"""An id in a path, an event or a file name."""
