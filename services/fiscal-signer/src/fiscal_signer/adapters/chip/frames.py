"""What passes between the program and a signing process. Big-endian; the first four bytes of a
frame say how long the rest is.

    key      K number hash-length hash DER
    sign     S chunk key (length message)*
    answer   chunk signature-length signature*
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

HEAD = struct.Struct(">I")
_KEY = struct.Struct(">cIB")
_SIGN = struct.Struct(">cII")
_ANSWER = struct.Struct(">IH")
_LENGTH = struct.Struct(">I")

READY = b"+"
"""The first byte of a signing process, before any frame."""

FRAME_BYTES_MAX = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """From now on this number means this key."""

    key: int
    hash_name: str
    der: bytes


@dataclass(frozen=True, slots=True)
class SignFrame:
    """Sign these, in this order."""

    chunk: int
    key: int
    messages: Sequence[bytes]


def key(number: int, hash_name: str, der: bytes) -> bytes:
    """A whole `key` frame."""
    name = hash_name.encode()
    return _framed(_KEY.pack(b"K", number, len(name)) + name + der)


def sign(chunk: int, key_number: int, messages: Sequence[bytes]) -> bytes:
    """A whole `sign` frame. Raises ValueError where it would be too long."""
    parts = [_SIGN.pack(b"S", chunk, key_number)]
    for message in messages:
        parts += (_LENGTH.pack(len(message)), message)
    return _framed(b"".join(parts))


def answer(chunk: int, values: Sequence[bytes]) -> bytes:
    """A whole `answer` frame; all values have one length."""
    size = len(values[0]) if values else 0
    return _framed(_ANSWER.pack(chunk, size) + b"".join(values))


def _framed(body: bytes) -> bytes:
    if len(body) > FRAME_BYTES_MAX:
        raise ValueError(f"a frame of more than {FRAME_BYTES_MAX} bytes")
    return HEAD.pack(len(body)) + body


def read(body: bytes) -> KeyFrame | SignFrame:
    """A frame for the signing process, without its length. Raises ValueError."""
    try:
        if body[:1] == b"K":
            _, number, size = _KEY.unpack_from(body)
            at = _KEY.size
            return KeyFrame(number, body[at : at + size].decode(), body[at + size :])
        if body[:1] == b"S":
            _, chunk, number = _SIGN.unpack_from(body)
            return SignFrame(chunk, number, _messages(body, _SIGN.size))
    except struct.error as short:
        raise ValueError("a frame ends inside a field") from short
    raise ValueError("a frame of an unknown kind")


def _messages(body: bytes, at: int) -> list[bytes]:
    found = []
    while at < len(body):
        (size,) = _LENGTH.unpack_from(body, at)
        at += _LENGTH.size + size
        if at > len(body):
            raise ValueError("a frame ends inside a message")
        found.append(body[at - size : at])
    return found


def read_answer(body: bytes) -> tuple[int, list[bytes]]:
    """`(chunk, signatures)`. Raises ValueError."""
    if len(body) < _ANSWER.size:
        raise ValueError("an answer ends inside a field")
    chunk, size = _ANSWER.unpack_from(body)
    if size == 0 or (len(body) - _ANSWER.size) % size:
        raise ValueError("an answer ends inside a signature")
    starts = range(_ANSWER.size, len(body), size)
    return chunk, [body[at : at + size] for at in starts]
