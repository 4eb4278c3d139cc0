"""Reads tag, length and value (ASN.1 BER), and keeps every element's bytes as they stand."""

from __future__ import annotations

from dataclasses import dataclass

CONSTRUCTED = 0x20
LENGTH_BYTES_MAX = 4
INTEGER_MAX = 2**63 - 1
"""No counter, number or time of a TSE comes near."""


class Malformed(ValueError):
    """The bytes are not what they should be; the text says where they stop being it."""


@dataclass(frozen=True, slots=True)
class Element:
    tag: int
    """Without the mark of an indefinite length."""
    raw: bytes
    """The whole element: signatures cover these bytes, not a new encoding of them."""
    value: bytes


class Cursor:
    """Walks over elements that stand one after the other. Every method raises `Malformed`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def ended(self) -> bool:
        return self._at == len(self._data)

    def take(self) -> Element:
        """The next element."""
        begin = self._at
        tag = self._byte()
        if tag & 0x1F == 0x1F:
            raise Malformed("a tag of more than one byte")
        first = self._byte()
        if first == 0x80:
            if not tag & CONSTRUCTED:
                raise Malformed("an indefinite length of a simple element")
            value = self._parts()
            return Element(tag & ~CONSTRUCTED, self._data[begin : self._at], value)
        size = first if first < 0x80 else self._long(first & 0x7F)
        value = self._bytes(size)
        return Element(tag, self._data[begin : self._at], value)

    def _parts(self) -> bytes:
        """The values of simple parts, up to the mark of the end. One vendor writes process data
        like that, and signs these bytes."""
        found: list[bytes] = []
        while True:
            part = self.take()
            if part.raw == b"\x00\x00":
                return b"".join(found)
            if part.tag & CONSTRUCTED or part.raw[1] == 0x80:
                raise Malformed("parts inside parts")
            found.append(part.value)

    def _long(self, count: int) -> int:
        if count > LENGTH_BYTES_MAX:
            raise Malformed("a length of more than four bytes")
        return int.from_bytes(self._bytes(count), "big")

    def _byte(self) -> int:
        return self._bytes(1)[0]

    def _bytes(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._data):
            raise Malformed("the bytes end inside an element")
        self._at = end
        return self._data[end - count : end]


def whole(tag: int, value: bytes) -> bytes:
    """An element in DER: the shortest length."""
    size = len(value)
    if size < 0x80:
        return bytes((tag, size)) + value
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 + len(octets))) + octets + value


def whole_number(tag: int, number: int) -> bytes:
    """An INTEGER in DER, not negative: a zero byte in front where the first bit is set."""
    return whole(tag, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def number_in(value: bytes) -> int:
    """A counter, number or time. Raises `Malformed`: empty, negative or absurdly large."""
    number = int.from_bytes(value, "big", signed=True)
    if not value or not 0 <= number <= INTEGER_MAX:
        raise Malformed("a number that is empty, negative or absurdly large")
    return number
