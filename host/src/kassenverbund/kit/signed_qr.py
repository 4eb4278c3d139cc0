"""The signed QR code of a voucher: who reads it needs no line to know that it was issued.

Text, all in the alphanumeric mode of QR codes: `KV2` and Base32 (RFC 4648, without padding) of

| bytes | content |
|---|---|
| 4 | key id: the first bytes of SHA-256 over the public key |
| 10 | the code's sixteen symbols, five bits each |
| 8 | the serial's twelve symbols, five bits each, right-aligned |
| 4 | issuer: the first bytes of SHA-256 over the legal entity's id |
| 1 | kind: 0 multi-purpose, 1 single-purpose |
| 4 | face value in minor units |
| 3 | currency, ASCII |
| 4 | the most that may be taken offline, minor units; 0: nothing |
| 3 | last day of validity, days since 1970-01-01 |
| 4 | the store that sold it: the first bytes of SHA-256 over its id; zeros: none did |
| 64 | Ed25519 signature over all bytes before it |

`KV1`, which is read but no longer made, lacks the store. It was signed whatever the terms said, so
it is never taken without a line.

The signature proves *issued and unaltered*, not *unspent*: what may be taken without a line is the
store's policy (`vouchers_offline` in chain.yaml). Tills hold public keys only. The text contains
the code, so it is as secret as the code.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from events import DomainError

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PREFIX = "KV2"
PREFIX_BEFORE = "KV1"
SIGNATURE_BYTES = 64
TEXT_MAX = 200
"""A little more than a code has; longer input is not looked at."""

_BODY_BEFORE = struct.Struct(">4s10s8s4sBI3sI3s")
_BODY = struct.Struct(_BODY_BEFORE.format + "4s")
_BODIES = {PREFIX: _BODY, PREFIX_BEFORE: _BODY_BEFORE}
_EPOCH = date(1970, 1, 1)
_KINDS = ("multi_purpose", "single_purpose")


class QrForged(DomainError):
    """Not signed by this chain, altered, or not a whole code. Says nothing about which."""

    code = "code.forged"
    status = 422
    title = "This QR code was not issued by this chain"


@dataclass(frozen=True, slots=True)
class VoucherQr:
    """What the code says."""

    code: str
    serial: str
    """`GS-XXXX-XXXX-XXXX`."""
    issuer: bytes
    """See `issuer_mark`."""
    kind: str
    face_minor: int
    currency: str
    offline_cap_minor: int
    valid_until: date
    """The last day on which it can be used."""
    sold_in: bytes | None = None
    """See `store_mark`; `NO_STORE`: no till sold it. None: a `KV1`, which does not say."""


NO_STORE = bytes(4)


def issuer_mark(legal_entity_id: str) -> bytes:
    return hashlib.sha256(legal_entity_id.encode()).digest()[:4]


def store_mark(store_id: str | None) -> bytes:
    return hashlib.sha256(store_id.encode()).digest()[:4] if store_id else NO_STORE


def key_id(key: Ed25519PublicKey) -> bytes:
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).digest()[:4]


def looks_signed(typed: str) -> bool:
    """Whether a scan is meant to be such a code (a plain code never begins like this)."""
    scanned = typed.strip()
    return scanned[: len(PREFIX)].upper() in _BODIES and len(scanned) > len(PREFIX) + 16


def sign(content: VoucherQr, key: Ed25519PrivateKey) -> str:
    """The text of the QR code. Raises `ValueError` for what does not fit."""
    said: list[Any] = [
        key_id(key.public_key()),
        _symbols(content.code, 16).to_bytes(10, "big"),
        _symbols(content.serial.removeprefix("GS-").replace("-", ""), 12).to_bytes(8, "big"),
        content.issuer,
        _KINDS.index(content.kind),
        content.face_minor,
        content.currency.encode("ascii"),
        content.offline_cap_minor,
        (content.valid_until - _EPOCH).days.to_bytes(3, "big"),
    ]
    if content.sold_in is None:
        prefix, body = PREFIX_BEFORE, _BODY_BEFORE.pack(*said)
    else:
        prefix, body = PREFIX, _BODY.pack(*said, content.sold_in)
    return prefix + base64.b32encode(body + key.sign(body)).decode().rstrip("=")


def verify(text: str, keys: Mapping[bytes, Ed25519PublicKey]) -> VoucherQr:
    """Read a scanned text with the chain's public keys by their ids. Raises `QrForged`."""
    shape, raw = _raw(text)
    body, signature = raw[: shape.size], raw[shape.size :]
    kid, code, serial, issuer, kind, face, currency, cap, days, *rest = shape.unpack(body)
    key = keys.get(kid)
    if key is None or kind >= len(_KINDS):
        raise QrForged
    try:
        key.verify(signature, body)
    except InvalidSignature as fault:
        raise QrForged from fault
    name = _text(int.from_bytes(serial, "big"), 12)
    return VoucherQr(
        code=_text(int.from_bytes(code, "big"), 16),
        serial=f"GS-{name[:4]}-{name[4:8]}-{name[8:]}",
        issuer=issuer,
        kind=_KINDS[kind],
        face_minor=face,
        currency=currency.decode("ascii"),
        offline_cap_minor=cap,
        valid_until=_EPOCH + timedelta(days=int.from_bytes(days, "big")),
        sold_in=rest[0] if rest else None,
    )


def _raw(text: str) -> tuple[struct.Struct, bytes]:
    typed = text.strip().upper()
    shape = _BODIES.get(typed[: len(PREFIX)])
    if len(typed) > TEXT_MAX or shape is None or not typed.isascii():
        raise QrForged
    encoded = typed[len(PREFIX) :]
    try:
        raw = base64.b32decode(encoded + "=" * (-len(encoded) % 8))
    except ValueError as fault:
        raise QrForged from fault
    # Base32 has spare bits: only the one spelling that `sign` makes is the code.
    if (
        len(raw) != shape.size + SIGNATURE_BYTES
        or base64.b32encode(raw).decode().rstrip("=") != encoded
    ):
        raise QrForged
    return shape, raw


def _symbols(text: str, length: int) -> int:
    if len(text) != length:
        raise ValueError(f"{length} symbols are expected")
    number = 0
    for symbol in text:
        number = number << 5 | ALPHABET.index(symbol)
    return number


def _text(number: int, length: int) -> str:
    return "".join(ALPHABET[number >> 5 * place & 31] for place in reversed(range(length)))
