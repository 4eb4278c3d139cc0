"""The answers of a printer: one byte per real-time question, four in an automatic status."""

from __future__ import annotations

from dataclasses import dataclass

STATUS_BASE = 0x12
"""Every answer to DLE EOT has bits 1 and 4 set, 0 and 7 clear."""
AUTOMATIC_BASE = 0x10

MODEL = "Kassenverbund virtual"


@dataclass(slots=True)
class Sensors:
    """What the printer knows about itself."""

    near_end: bool = False
    paper_end: bool = False
    cover_open: bool = False
    error: bool = False

    @property
    def offline(self) -> bool:
        return self.paper_end or self.cover_open or self.error

    def real_time(self, number: int) -> bytes:
        """The answer to `DLE EOT number` (1 printer, 2 why offline, 3 error, 4 paper roll)."""
        match number:
            case 1:
                bits = 0x08 * self.offline
            case 2:
                bits = 0x04 * self.cover_open | 0x20 * self.paper_end | 0x40 * self.error
            case 3:
                bits = 0x20 * self.error
            case 4:
                bits = 0x0C * (self.near_end or self.paper_end) | 0x60 * self.paper_end
            case _:
                return b""
        return bytes([STATUS_BASE | bits])

    def transmitted(self, number: int) -> bytes:
        """The answer to `GS r number` (1 paper sensor, 2 drawer), in stream order."""
        if number in (1, 49):
            near = 0x03 * (self.near_end or self.paper_end)
            return bytes([near | 0x0C * self.paper_end])
        return b"\x00" if number in (2, 50) else b""

    def automatic(self) -> bytes:
        """The four bytes of Automatic Status Back."""
        first = AUTOMATIC_BASE | 0x08 * self.offline | 0x20 * self.cover_open
        paper = 0x03 * (self.near_end or self.paper_end) | 0x0C * self.paper_end
        return bytes([first, 0x20 * self.error, paper, 0])


def process_answer(identity: bytes) -> bytes:
    """The answer to `GS ( H` function 48: what was printed before it is on paper."""
    return b"\x37\x22" + identity + b"\x00"


def identification(number: int) -> bytes:
    """The answer to `GS I number`."""
    match number:
        case 1 | 49:
            return b"\x20"
        case 2 | 50:
            return b"\x02"
        case 3 | 51:
            return b"\x01"
        case 66 | 67:
            return b"\x5f" + MODEL.encode() + b"\x00"
        case _:
            return b""
