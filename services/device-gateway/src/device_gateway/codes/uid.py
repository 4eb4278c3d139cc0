"""Uids of cards: one canonical form, whatever a reader makes of it."""

from __future__ import annotations

import re
from typing import Literal

from device_gateway.codes.numbers import is_digits

UidFormat = Literal["hex", "dec"]
ByteOrder = Literal["msb", "lsb"]

LENGTHS = (4, 7, 10)
"""Bytes (ISO/IEC 14443-3)."""

_SEPARATORS = re.compile(r"[\s:.-]")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")


def canonical(
    text: str, *, written: UidFormat = "hex", order: ByteOrder = "msb", length: int | None = None
) -> str | None:
    """Upper-case hex, most significant byte first; None: that is no uid.

    `length`: bytes that a reader with decimal output shows; without it, four.
    """
    plain = _SEPARATORS.sub("", text)
    if written == "dec":
        if not is_digits(plain) or len(plain) > 25:
            return None
        try:
            raw = int(plain).to_bytes(length or LENGTHS[0], "big")
        except OverflowError:
            return None
    elif _HEX.fullmatch(plain):
        raw = bytes.fromhex(plain)
    else:
        return None
    if len(raw) not in LENGTHS or (length is not None and len(raw) != length):
        return None
    return (raw[::-1] if order == "lsb" else raw).hex().upper()


def is_random(uid: str) -> bool:
    """Four bytes that begin with 08: telephones and privacy cards draw a new one each time."""
    return len(uid) == 8 and uid.startswith("08")
