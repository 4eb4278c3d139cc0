"""Secret codes: what is printed on a voucher and typed at a till.

Sixteen symbols of Crockford's base32 (0-9, A-Z without I, L, O, U), shown `XXXX-XXXX-XXXX-XXXX`:

* 1 symbol that says what the code opens and in which version of this format (`Kind`). Vouchers,
  cards and pick-ups share one namespace, so a till knows what it has scanned before it asks;
* 14 random symbols (70 bits);
* 1 check symbol (`kassenverbund.kit.code_format`), against typing errors: anyone can compute it.

A code is never stored. Its keyed hash (`Hashed`) stands in events and claims.
Test vectors: `docs/decisions/0011-voucher-codes.md`.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from events import DomainError
from kassenverbund.kit import code_format
from kassenverbund.kit.code_format import (
    ALPHABET,
    LENGTH,
    VALUE,
    as_typed,
    check_symbol,
    is_whole,
    looks_own,
)
from kassenverbund.kit.secrets import Secrets

__all__ = [
    "ALPHABET",
    "LENGTH",
    "CodeMistyped",
    "Hashed",
    "Kind",
    "check_symbol",
    "generate",
    "hashed",
    "looks_own",
    "parse",
    "parse_any",
    "parse_foreign",
    "shown",
]

RANDOM_SYMBOLS = 14
GROUP = 4
TYPED_MAX = 64
"""Longer input is not a code that somebody typed; it is refused before it is looked at."""

RUN_MAX = 3
"""A generated code never repeats one symbol more often in a row: such codes are misread."""

BANNED = ("ARSCH", "DEPP", "HH88", "KACKE", "NAZ1", "NSDAP", "SEX")
"""Not on paper that is given away as a present. Spelled as the alphabet can."""

DRAWS_MAX = 100
"""Draws until a code passes `RUN_MAX` and `BANNED`; one in a thousand is drawn twice."""

_SEPARATORS = str.maketrans("", "", "- \u2013\t")
_FOREIGN = re.compile(r"[0-9A-Z]{4,40}")

RandomBytes = Callable[[int], bytes]
"""`secrets.token_bytes` in the program; anything repeatable in a test."""


class Kind(StrEnum):
    """The first symbol of a code."""

    VOUCHER = code_format.VOUCHER
    CARD = code_format.CARD
    PICK_UP = code_format.PICK_UP


class CodeMistyped(DomainError):
    """The input is no code at all, or its check symbol is wrong. Costs no attempt."""

    code = "code.mistyped"
    status = 422
    title = "This is not a valid code; check for a typing error"


def parse(typed: str, *, kind: Kind | None = None) -> str:
    """What a person typed or a scanner sent → the sixteen symbols.

    Case, hyphens and spaces do not matter; O is read as 0, I and L as 1.
    Raises `CodeMistyped`; the message never repeats the input.
    """
    if len(typed) > TYPED_MAX:
        raise CodeMistyped
    code = as_typed(typed)
    if len(code) != LENGTH or any(symbol not in VALUE for symbol in code):
        raise CodeMistyped
    if not is_whole(code):
        raise CodeMistyped
    if kind is not None and code[0] != kind.value:
        raise CodeMistyped
    return code


def parse_any(typed: str, *, kind: Kind | None = None) -> tuple[str, bool]:
    """`(code, own)`: a code of ours, or one of another system that was taken over.

    What has the form of ours is ours and must pass its check. Anything else is letters and digits
    (4 to 40, upper case, hyphens and spaces left out), with no symbol read as another.
    Raises `CodeMistyped`.
    """
    if len(typed) > TYPED_MAX:
        raise CodeMistyped
    if looks_own(as_typed(typed)):
        return parse(typed, kind=kind), True
    return parse_foreign(typed), False


def parse_foreign(typed: str) -> str:
    """The code of another system. Raises `CodeMistyped`, also for one that has the form of ours."""
    if len(typed) > TYPED_MAX or looks_own(as_typed(typed)):
        raise CodeMistyped
    code = typed.upper().translate(_SEPARATORS)
    if not _FOREIGN.fullmatch(code):
        raise CodeMistyped
    return code


def shown(code: str) -> str:
    """`XXXX-XXXX-XXXX-XXXX`, as it is printed."""
    return "-".join(code[start : start + GROUP] for start in range(0, len(code), GROUP))


def generate(kind: Kind, random_bytes: RandomBytes) -> str:
    """A new code from 70 bits of `random_bytes`."""
    for _ in range(DRAWS_MAX):
        number = int.from_bytes(random_bytes(9), "big")
        body = kind.value + "".join(
            ALPHABET[(number >> (5 * place)) & 31] for place in range(RANDOM_SYMBOLS)
        )
        code = body + check_symbol(body)
        if not _unfit(code):
            return code
    raise RuntimeError("the source of random bytes repeats itself")


def _unfit(code: str) -> bool:
    runs = any(symbol * (RUN_MAX + 1) in code for symbol in set(code))
    return runs or any(word in code for word in BANNED)


@dataclass(frozen=True, slots=True)
class Hashed:
    """A code as events and claims hold it: HMAC-SHA-256 under the key named `key_id`."""

    value: str
    key_id: str

    def same(self, other: str) -> bool:
        """Compared in constant time."""
        return hmac.compare_digest(self.value, other)


def hashed(code: str, secrets: Secrets) -> Hashed:
    """The keyed hash of a parsed code."""
    return Hashed(value=secrets.keyed_hash("voucher.code", code), key_id=secrets.key_id)
