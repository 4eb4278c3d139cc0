"""Codes of cards: an RFID uid, or whatever a QR code says. Kept as keyed hashes only."""

from __future__ import annotations

import re

from kassenverbund.kit.secrets import Secrets

PURPOSE = "costcenter.card_code"

CODE_MAX = 512
"""Characters of a code, as typed or scanned."""

UID_HEX_MIN, UID_HEX_MAX = 8, 20
"""ISO/IEC 14443-3: uids of 4, 7 or 10 bytes."""

_SEPARATORS = re.compile(r"[\s:.-]")
_HEX = re.compile(r"[0-9A-F]+")


def uid_of(text: str) -> str | None:
    """`04:a1:b2:c3` → `04A1B2C3`; None: not a uid."""
    plain = _SEPARATORS.sub("", text).upper()
    if not UID_HEX_MIN <= len(plain) <= UID_HEX_MAX or len(plain) % 2:
        return None
    return plain if _HEX.fullmatch(plain) else None


def readings(text: str) -> tuple[str, ...]:
    """What a scanned text may be, likelier first: a QR code as it is, or a uid."""
    plain = text.strip()
    uid = uid_of(plain)
    return (plain,) if uid is None or uid == plain else (plain, uid)


def code_hash(normal: str, secrets: Secrets) -> str:
    """HMAC-SHA-256 of a normal form, hex: what claims and events hold."""
    return secrets.keyed_hash(PURPOSE, normal)
