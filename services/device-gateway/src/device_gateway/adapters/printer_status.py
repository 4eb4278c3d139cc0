"""What a printer sends back, sorted. All answers share one stream; their first byte tells them.

`DLE EOT n`: one byte, bits 0 and 7 clear, 1 and 4 set. Automatic status: four bytes, the first with
bits 0, 1 and 7 clear, 4 set. `GS r 1`: one byte with bits 4 and 7 clear. `GS ( H`: 37 22, four
characters, NUL. (Epson ESC/POS command reference.)
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RealTime:
    """The answer to `DLE EOT n`; which `n` only the asker knows."""

    byte: int


@dataclass(frozen=True, slots=True)
class Automatic:
    """Automatic Status Back: unasked."""

    status: bytes


@dataclass(frozen=True, slots=True)
class PaperSensor:
    """The answer to `GS r 1`."""

    near_end: bool
    ended: bool


@dataclass(frozen=True, slots=True)
class ProcessDone:
    """The answer to `GS ( H`: what stood before it is printed."""

    identity: bytes


Answer = RealTime | Automatic | PaperSensor | ProcessDone

PROCESS_BYTES = 7
AUTOMATIC_BYTES = 4


class StatusParser:
    """Bytes in pieces of any size → whole answers. Bytes that are no answer are dropped."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[Answer]:
        """The answers that are complete now."""
        self._rest += chunk
        answers: list[Answer] = []
        while self._rest:
            size, answer = _first(self._rest)
            if size > len(self._rest):
                break
            self._rest = self._rest[size:]
            if answer is not None:
                answers.append(answer)
        return answers


def _first(rest: bytes) -> tuple[int, Answer | None]:
    """`(its size, the first answer)`; a size beyond `rest` asks for more bytes."""
    byte = rest[0]
    if byte == 0x37:
        if len(rest) > 1 and rest[1] != 0x22:
            return 1, None
        if len(rest) < PROCESS_BYTES:
            return PROCESS_BYTES, None
        return PROCESS_BYTES, ProcessDone(rest[2:6])
    if byte & 0x93 == 0x12:
        return 1, RealTime(byte)
    if byte & 0x93 == 0x10:
        return AUTOMATIC_BYTES, Automatic(rest[:AUTOMATIC_BYTES])
    if byte & 0x90 == 0x00:
        return 1, PaperSensor(near_end=bool(byte & 0x03), ended=byte & 0x0C == 0x0C)
    return 1, None
