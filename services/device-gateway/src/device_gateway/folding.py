"""How names of articles are compared: without case, umlauts and accents. Pure."""

from __future__ import annotations

import re
import unicodedata

WORDS_MAX = 16
_WORD = re.compile(r"[0-9a-z]+")


def folded(name: str) -> str:
    """`Käse`, `Kaese` and `KASE` are the same; so are `Straße` and `strasse`.

    The spelled-out umlauts lose their e as well, on both sides: a search may find a little more,
    never less.
    """
    plain = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(each for each in plain if not unicodedata.combining(each))
    for spelled, short in (("ae", "a"), ("oe", "o"), ("ue", "u")):
        plain = plain.replace(spelled, short)
    return " ".join(_WORD.findall(plain))


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name, folded, each once."""
    return tuple(dict.fromkeys(folded(name).split()))


def code_of(digits: str) -> str:
    """A GTIN as it is compared: 8, 12, 13 and 14 digits of the same article are the same."""
    return digits.zfill(14)
