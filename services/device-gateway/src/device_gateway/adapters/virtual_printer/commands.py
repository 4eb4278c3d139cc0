"""The command table of ESC/POS: which commands there are and how long each is.

Written from the published command descriptions (ESC/POS Command Reference for TM printers) and
never from an encoder, so that reading and writing the bytes stay two independent opinions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

ARGUMENTS_MAX = 1 << 20
"""Bytes of one command. A longer announcement is reported as unknown instead of being awaited."""

TEXT_END_MAX = 255
"""Bytes of an argument that ends with NUL."""

Length = Callable[[bytes], int | None]
"""Given the argument bytes so far: how many the command has, or None while that is still open."""

_LEADS = {0x1B: "ESC", 0x1D: "GS", 0x1C: "FS", 0x10: "DLE"}
_SINGLE = {0x0A: "LF", 0x0D: "CR", 0x09: "HT", 0x0C: "FF", 0x18: "CAN"}


@dataclass(frozen=True, slots=True)
class Token:
    """One command, or a stretch of printable bytes (`name` is `text`)."""

    name: str
    raw: bytes
    arguments: bytes = b""

    @property
    def real_time(self) -> bool:
        """True: the printer answers at once, before what waits in its buffer, even offline."""
        return self.name in ("DLE EOT", "DLE ENQ", "DLE DC4")


def _fixed(count: int) -> Length:
    return lambda _: count


def _little(arguments: bytes, at: int, width: int) -> int | None:
    """The little-endian number at `at`, or None while its bytes are missing."""
    end = at + width
    return int.from_bytes(arguments[at:end], "little") if len(arguments) >= end else None


def _counted(at: int, *, width: int = 2, factor: int = 1) -> Length:
    """`at` bytes, then a count of `width` bytes, then that many (times `factor`)."""

    def length(arguments: bytes) -> int | None:
        count = _little(arguments, at, width)
        return None if count is None else at + width + count * factor

    return length


def _until_nul(skip: int) -> Length:
    def length(arguments: bytes) -> int | None:
        end = arguments.find(0, skip)
        if end >= 0:
            return end + 1
        return ARGUMENTS_MAX + 1 if len(arguments) > TEXT_END_MAX else None

    return length


def _barcode(arguments: bytes) -> int | None:
    """GS k: systems 0 to 6 end with NUL, from 65 on the length comes first."""
    if not arguments:
        return None
    if arguments[0] >= 65:
        return _counted(1, width=1)(arguments)
    return _until_nul(1)(arguments)


def _cut(arguments: bytes) -> int | None:
    """GS V: the functions B to D (feed, then cut) carry one more byte."""
    if not arguments:
        return None
    return 2 if arguments[0] in (65, 66, 97, 98, 103, 104) else 1


def _bit_image(arguments: bytes) -> int | None:
    """ESC *: modes 32 and 33 have three bytes to a column, 0 and 1 have one."""
    if not arguments:
        return None
    return _counted(1, factor=3 if arguments[0] in (32, 33) else 1)(arguments)


def _raster(arguments: bytes) -> int | None:
    """GS v 0 m xL xH yL yH: width in bytes times height in dots."""
    if len(arguments) < 6:
        return None
    across = int.from_bytes(arguments[2:4], "little")
    return 6 + across * int.from_bytes(arguments[4:6], "little")


def _downloaded_image(arguments: bytes) -> int | None:
    """GS * x y: x times y blocks of 8 dots."""
    return 2 + arguments[0] * arguments[1] * 8 if len(arguments) >= 2 else None


def _user_characters(arguments: bytes) -> int | None:
    """ESC & y c1 c2: for each character a width and that many columns of y bytes."""
    if len(arguments) < 3:
        return None
    at = 3
    for _ in range(arguments[1], arguments[2] + 1):
        if len(arguments) <= at:
            return None
        at += 1 + arguments[0] * arguments[at]
    return at


def _real_time_request(arguments: bytes) -> int | None:
    """DLE DC4: 1 pulse, 2 power off, 3 buzzer, 7 status, 8 clear the buffer."""
    if not arguments:
        return None
    return {1: 3, 2: 3, 3: 6, 7: 2, 8: 8}.get(arguments[0], 1)


def _real_time_status(arguments: bytes) -> int | None:
    if not arguments:
        return None
    return 2 if arguments[0] in (7, 8, 18) else 1


def _extended(arguments: bytes) -> int | None:
    """`( fn pL pH …`."""
    return _counted(1)(arguments) if arguments else None


def _long_graphics(arguments: bytes) -> int | None:
    """GS 8 L p1 p2 p3 p4 …: graphics with a count of four bytes."""
    return _counted(1, width=4)(arguments) if arguments else None


def _table() -> dict[tuple[int, int], Length]:
    table: dict[tuple[int, int], Length] = {}

    def add(lead: int, count: int, commands: bytes) -> None:
        table.update({(lead, second): _fixed(count) for second in commands})

    add(0x1B, 0, b"@2LSimv<\x0c")
    add(0x1B, 1, b" !%-3=?EGJKMRTUVadertu{")
    add(0x1B, 2, b"$\\c")
    add(0x1B, 3, b"p")
    add(0x1B, 8, b"W")
    add(0x1D, 0, b":c")
    add(0x1D, 1, b"!/BHITabfhrw")
    add(0x1D, 2, b"$LPW\\gz")
    add(0x1D, 3, b"^")
    add(0x1C, 0, b"&.")
    add(0x1C, 1, b"!-CW")
    add(0x1C, 2, b"Sp")
    table[(0x10, 0x05)] = _fixed(1)
    table[(0x10, 0x04)] = _real_time_status
    table[(0x10, 0x14)] = _real_time_request
    table[(0x1B, 0x2A)] = _bit_image
    table[(0x1B, 0x44)] = _until_nul(0)
    table[(0x1B, 0x26)] = _user_characters
    table[(0x1D, 0x56)] = _cut
    table[(0x1D, 0x6B)] = _barcode
    table[(0x1D, 0x76)] = _raster
    table[(0x1D, 0x2A)] = _downloaded_image
    table[(0x1D, 0x38)] = _long_graphics
    for lead in (0x1B, 0x1C, 0x1D):
        table[(lead, 0x28)] = _extended
    return table


_COMMANDS = _table()
_CONTROL_NAMES = {0x04: "EOT", 0x05: "ENQ", 0x14: "DC4"}


class Tokenizer:
    """Cuts a stream of bytes, in chunks of any size, into commands and text."""

    def __init__(self) -> None:
        self._buffer = b""

    @property
    def unfinished(self) -> bytes:
        """The beginning of a command whose rest has not come."""
        return self._buffer

    def feed(self, chunk: bytes) -> list[Token]:
        """The tokens that are complete now. Bytes of no command come as `unknown`."""
        buffer, self._buffer = self._buffer + chunk, b""
        tokens: list[Token] = []
        at = 0
        while at < len(buffer):
            token = self._next(buffer, at)
            if token is None:
                self._buffer = buffer[at:]
                break
            tokens.append(token)
            at += len(token.raw)
        return tokens

    def _next(self, buffer: bytes, at: int) -> Token | None:
        first = buffer[at]
        if first >= 0x20:
            end = at
            while end < len(buffer) and buffer[end] >= 0x20:
                end += 1
            return Token("text", buffer[at:end])
        if first in _SINGLE:
            return Token(_SINGLE[first], buffer[at : at + 1])
        if first not in _LEADS:
            return Token("unknown", buffer[at : at + 1])
        return self._command(buffer, at)

    def _command(self, buffer: bytes, at: int) -> Token | None:
        if len(buffer) < at + 2:
            return None
        lead, second = buffer[at], buffer[at + 1]
        length = _COMMANDS.get((lead, second))
        if length is None:
            return Token("unknown", buffer[at : at + 2])
        # Length rules look at the head of the arguments only; the slice is bounded all the same.
        count = length(buffer[at + 2 : at + 2 + ARGUMENTS_MAX])
        if count is None:
            return None
        if count > ARGUMENTS_MAX:
            return Token("unknown", buffer[at : at + 2])
        end = at + 2 + count
        if len(buffer) < end:
            return None
        name = f"{_LEADS[lead]} {_CONTROL_NAMES.get(second, chr(second))}"
        return Token(name, buffer[at:end], buffer[at + 2 : end])
