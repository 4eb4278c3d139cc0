"""Framing: `CLASS INSTR LEN DATA`. A length of `FF` is followed by two bytes, low byte first."""

from __future__ import annotations

from dataclasses import dataclass

DATA_MAX = 8 * 1024
"""Bytes of data that are read of one APDU. The longest of the protocol are print blocks."""

CLASSES = frozenset({0x04, 0x05, 0x06, 0x08, 0x0F, 0x80, 0x84})
"""What an APDU begins with. Anything else is another protocol on this port."""


class ZvtBroken(ValueError):
    """These bytes are no ZVT."""


@dataclass(frozen=True, slots=True)
class Apdu:
    """One message. `control` is class and instruction."""

    control: int
    data: bytes = b""

    @property
    def is_answer(self) -> bool:
        """An acknowledgement (`80 00`), or a refusal (`84 xx`)."""
        return self.control >> 8 in (0x80, 0x84)

    def encoded(self) -> bytes:
        size = len(self.data)
        if size > DATA_MAX:
            raise ZvtBroken(f"an APDU of {size} bytes is too long")
        length = bytes([size]) if size < 0xFF else b"\xff" + size.to_bytes(2, "little")
        return self.control.to_bytes(2, "big") + length + self.data


ACKNOWLEDGED = Apdu(0x8000)
NOT_SUPPORTED = Apdu(0x8483)


def decoded(buffer: bytes) -> tuple[Apdu, int] | None:
    """The first APDU and how many bytes it took; None: it is not whole yet. Raises `ZvtBroken`."""
    if not buffer:
        return None
    if buffer[0] not in CLASSES:
        raise ZvtBroken(f"no APDU begins with {buffer[0]:02X}")
    if len(buffer) < 3:
        return None
    size, begin = buffer[2], 3
    if size == 0xFF:
        if len(buffer) < 5:
            return None
        size, begin = int.from_bytes(buffer[3:5], "little"), 5
    if size > DATA_MAX:
        raise ZvtBroken(f"an APDU of {size} bytes is too long")
    end = begin + size
    if len(buffer) < end:
        return None
    return Apdu(int.from_bytes(buffer[:2], "big"), bytes(buffer[begin:end])), end
