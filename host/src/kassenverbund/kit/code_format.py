"""The form of the chain's own secret codes: alphabet, length, check symbol.

Sixteen symbols of Crockford's base32 (0-9, A-Z without I, L, O, U): one that says what the code
opens, fourteen random ones and a check symbol. The voucher service makes such codes; a till knows
by their form what it has scanned before it asks anybody. Test vectors:
`docs/decisions/0011-voucher-codes.md`.
"""

from __future__ import annotations

import hmac

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 16
VOUCHER, CARD, PICK_UP = "V", "C", "P"
"""The first symbol of a code."""
FIRST_SYMBOLS = frozenset((VOUCHER, CARD, PICK_UP))
CENTER_PREFIX = "KS-"
"""A label with a cost center's number, which is no secret: `KS-4711-` and a check symbol."""
CENTER_DIGITS_MAX = 28

VALUE = {symbol: value for value, symbol in enumerate(ALPHABET)}
_TYPED = str.maketrans({"O": "0", "I": "1", "L": "1", "-": "", " ": "", "\u2013": "", "\t": ""})


def _powers() -> tuple[int, ...]:
    """a^0 … a^30 for a = x in GF(32) with x^5 + x^2 + 1, which is primitive: all 31 differ."""
    powers, value = [], 1
    for _ in range(31):
        powers.append(value)
        value <<= 1
        if value & 0b100000:
            value ^= 0b100101
    return tuple(powers)


_POWER = _powers()
_LOG = {value: exponent for exponent, value in enumerate(_POWER)}


def _times(left: int, right: int) -> int:
    if left == 0 or right == 0:
        return 0
    return _POWER[(_LOG[left] + _LOG[right]) % 31]


def check_symbol(body: str) -> str:
    """The symbol that completes `body` (at most 30 symbols of the alphabet): a weighted sum over
    GF(32), weights a^1 … a^15. All differ and none is zero, so each wrong symbol and each swap of
    two different symbols is noticed. It guards against typing errors, not against forgers."""
    total = 0
    for place, symbol in enumerate(body, start=1):
        total ^= _times(VALUE[symbol], _POWER[place])
    return ALPHABET[total]


def as_typed(text: str) -> str:
    """Case, hyphens and spaces do not matter; O is read as 0, I and L as 1."""
    return text.upper().translate(_TYPED)


def looks_own(code: str) -> bool:
    """Whether normalised text has the form of a code of ours, whatever its check symbol says."""
    return (
        len(code) == LENGTH and code[0] in FIRST_SYMBOLS and all(symbol in VALUE for symbol in code)
    )


def is_whole(code: str) -> bool:
    """Whether the check symbol of what `looks_own` fits. Compared in constant time."""
    return hmac.compare_digest(check_symbol(code[:-1]), code[-1])


def center_label(number: str) -> str:
    """What a label with a cost center's number says. Raises `ValueError` for anything but 1 to
    `CENTER_DIGITS_MAX` digits."""
    if not (number.isascii() and number.isdigit()) or len(number) > CENTER_DIGITS_MAX:
        raise ValueError("a cost center's label holds digits")
    return f"{CENTER_PREFIX}{number}-{check_symbol(number)}"


def center_of(label: str) -> str | None:
    """The number on a label; None: it is damaged, or none."""
    number, dash, check = label.upper().removeprefix(CENTER_PREFIX).rpartition("-")
    if not dash or not (number.isascii() and number.isdigit()) or len(number) > CENTER_DIGITS_MAX:
        return None
    return number if check == check_symbol(number) else None
