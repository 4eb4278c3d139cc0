"""The little of ASN.1 DER that log messages need: tag, length, value.

Reading also takes the indefinite length of BER, because one vendor's signed bytes contain it.
"""

from __future__ import annotations

from dataclasses import dataclass

_END = b"\x00\x00"


class TlvError(ValueError):
    """The bytes are not what they should be."""


@dataclass(frozen=True, slots=True)
class Tlv:
    tag: int
    raw: bytes
    """Tag, length and value exactly as they stand: signatures cover these."""
    value: bytes


def encode(tag: int, value: bytes) -> bytes:
    """DER: the shortest definite length."""
    size = len(value)
    if size < 0x80:
        return bytes((tag, size)) + value
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + value


def integer(tag: int, value: int) -> bytes:
    """A whole INTEGER element: the shortest two's complement, big-endian. The value is below
    2^1000, so that one byte holds the length."""
    size = value.bit_length() // 8 + 1
    return bytes((tag, size)) + value.to_bytes(size, "big", signed=True)


def decode_integer(value: bytes) -> int:
    if not value:
        raise TlvError("an INTEGER without bytes")
    return int.from_bytes(value, "big", signed=True)


def encode_oid(dotted: str) -> bytes:
    """The value of an OBJECT IDENTIFIER (without tag)."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    encoded = bytearray((first * 40 + second,))
    for arc in rest:
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | (arc & 0x7F))
        encoded += bytes(reversed(groups))
    return bytes(encoded)


def decode_oid(value: bytes) -> str:
    if not value or value[-1] & 0x80:
        raise TlvError("an OBJECT IDENTIFIER that ends in the middle")
    arcs = [min(value[0] // 40, 2)]
    arcs.append(value[0] - 40 * arcs[0])
    arc = 0
    for byte in value[1:]:
        arc = arc << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(arc)
            arc = 0
    return ".".join(str(arc) for arc in arcs)


def read(data: bytes, at: int) -> tuple[Tlv, int]:
    """The element at `at`, and where the next one begins. Raises `TlvError`."""
    if at + 2 > len(data):
        raise TlvError("the bytes end inside an element")
    tag, first = data[at], data[at + 1]
    if tag & 0x1F == 0x1F:
        raise TlvError("tags of more than one byte do not occur here")
    if first == 0x80:
        return _read_indefinite(data, at, tag)
    body = at + 2
    if first < 0x80:
        size = first
    else:
        count = first & 0x7F
        if count > 4:
            raise TlvError("a length of more than four bytes")
        size = int.from_bytes(data[body : body + count], "big")
        body += count
    end = body + size
    if end > len(data):
        raise TlvError("an element is longer than the bytes that hold it")
    return Tlv(tag, data[at:end], data[body:end]), end


def _read_indefinite(data: bytes, at: int, tag: int) -> tuple[Tlv, int]:
    """Constructed, indefinite length: primitive parts up to two zero bytes. The parts' values
    are joined; parts inside parts are refused (nobody writes them)."""
    if not tag & 0x20:
        raise TlvError("an indefinite length on a primitive element")
    value, inner = b"", at + 2
    while data[inner : inner + 2] != _END:
        part, inner = read(data, inner)
        if part.tag & 0x20:
            raise TlvError("a constructed part inside an indefinite length")
        value += part.value
    return Tlv(tag & ~0x20, data[at : inner + 2], value), inner + 2


def read_all(data: bytes) -> list[Tlv]:
    """All elements of `data`, one after the other. Raises `TlvError`."""
    found, at = [], 0
    while at < len(data):
        element, at = read(data, at)
        found.append(element)
    return found
