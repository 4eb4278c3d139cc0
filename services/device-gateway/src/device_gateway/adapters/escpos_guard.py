"""The last look at a job before it leaves: parse it, and refuse what no receipt needs.

The encoder is trusted to be right and checked as if it were not. The list below is all that may
pass; a drawer pulse, a cut or a byte more than ordered, a code page that is not the printer's, a
line wider than the paper, a QR code with another content: each refuses the whole job.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

JOB_BYTES_MAX = 256 * 1024
FEED_LINES_MAX = 10
QR_BYTES_MAX = 2_000

ESC, GS, LF = 0x1B, 0x1D, 0x0A
DEL = 0x7F

_CELLS = re.compile(rb"[\x20-\x7e\x80-\xff]+")


class UnsafeBytes(Exception):
    """The job holds something that is not allowed. Nothing was sent."""

    def __init__(self, at: int, reason: str) -> None:
        super().__init__(f"byte {at}: {reason}")
        self.at = at
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Allowed:
    """What this one job is made of."""

    codepage_number: int
    columns: int
    dots: int
    qr_contents: tuple[str, ...] = field(default=(), repr=False)
    native_qr: bool = True
    pictures: int = 0
    """Rasters: a logo, and QR codes that the printer cannot make itself."""
    cuts: int = 1
    drawer_pulses: int = 0


def checked(job: bytes, allowed: Allowed) -> bytes:
    """`job` itself, when all of it is allowed. Raises `UnsafeBytes`."""
    if len(job) > JOB_BYTES_MAX:
        raise UnsafeBytes(JOB_BYTES_MAX, "the job is too large")
    _Reader(job, allowed).read()
    return job


class _Reader:
    def __init__(self, job: bytes, allowed: Allowed) -> None:
        self.job = job
        self.allowed = allowed
        self.at = 0
        self.width = 1
        self.cells = 0
        self.cuts = 0
        self.drawer_pulses = 0
        self.pictures = 0
        self.qr_contents: list[str] = []

    def read(self) -> None:
        if not self.job.startswith(b"\x1b@\x1bt"):
            raise UnsafeBytes(0, "a job begins with reset and code page")
        self.at = 2
        while self.at < len(self.job):
            if self.cuts:
                raise UnsafeBytes(self.at, "something follows the cut")
            cells = _CELLS.match(self.job, self.at)
            if cells is not None:
                self._text(cells.end() - self.at)
                continue
            byte = self._take()
            if byte == ESC:
                self._escape()
            elif byte == GS:
                self._group()
            elif byte == LF:
                self.cells = 0
            else:
                raise UnsafeBytes(self.at - 1, f"control byte {byte:02X}")
        self._totals()

    def _totals(self) -> None:
        allowed, end = self.allowed, len(self.job)
        if self.cuts != allowed.cuts:
            raise UnsafeBytes(end, f"{self.cuts} cuts, ordered {allowed.cuts}")
        if self.drawer_pulses != allowed.drawer_pulses:
            raise UnsafeBytes(end, f"{self.drawer_pulses} pulses, ordered {allowed.drawer_pulses}")
        if allowed.native_qr and tuple(self.qr_contents) != allowed.qr_contents:
            raise UnsafeBytes(end, "the QR codes are not the ones ordered")
        if self.pictures != allowed.pictures:
            raise UnsafeBytes(end, f"{self.pictures} pictures, ordered {allowed.pictures}")

    def _text(self, length: int) -> None:
        fits = (self.allowed.columns - self.cells) // self.width
        if length > fits:
            at = self.at + max(0, fits)
            raise UnsafeBytes(at, f"line wider than {self.allowed.columns} cells")
        self.cells += self.width * length
        self.at += length

    def _escape(self) -> None:
        start, command = self.at - 1, self._take()
        match command:
            case 0x74:  # ESC t n: code page
                self._among(start, "code page", (self.allowed.codepage_number,))
            case 0x61:  # ESC a n: alignment
                self._among(start, "alignment", (0, 1))
            case 0x45:  # ESC E n: bold
                self._among(start, "bold", (0, 1))
            case 0x64:  # ESC d n: feed
                self._among(start, "feed", range(1, FEED_LINES_MAX + 1))
                self.cells = 0
            case 0x70:  # ESC p m t1 t2: drawer
                self._among(start, "drawer pin", (0, 1))
                self._among(start, "pulse", (50,))
                self._among(start, "pause", (50,))
                self.drawer_pulses += 1
            case _:
                raise UnsafeBytes(start, f"ESC {command:02X} is not allowed")

    def _group(self) -> None:
        start, command = self.at - 1, self._take()
        match command:
            case 0x21:  # GS ! n: size
                size = self._among(start, "size", (0x00, 0x01, 0x10, 0x11))
                self.width = 1 + (size >> 4)
            case 0x56:  # GS V m: cut
                self._among(start, "cut", (0, 1))
                self.cuts += 1
            case 0x28:  # GS ( k: native QR code
                self._native_qr(start)
            case 0x76:  # GS v 0: raster picture
                self._picture(start)
            case _:
                raise UnsafeBytes(start, f"GS {command:02X} is not allowed")

    def _native_qr(self, start: int) -> None:
        if not self.allowed.native_qr or self._take() != 0x6B:
            raise UnsafeBytes(start, "GS ( other than a native QR code")
        length = self._take() + 256 * self._take()
        if not 3 <= length <= QR_BYTES_MAX:
            raise UnsafeBytes(start, f"a QR block of {length} bytes")
        block = self._some(length)
        match block[:2]:
            case b"1A" if block[2:] == b"2\x00":
                pass  # model 2
            case b"1C" if length == 3 and 1 <= block[2] <= 16:
                pass  # dots per module
            case b"1E" if length == 3 and block[2] in b"0123":
                pass  # error correction
            case b"1P" if block[2:3] == b"0":
                self.qr_contents.append(block[3:].decode("utf-8", errors="replace"))
            case b"1Q" if block[2:] == b"0":
                pass  # print
            case _:
                raise UnsafeBytes(start, "an unknown QR function")

    def _picture(self, start: int) -> None:
        if self.pictures == self.allowed.pictures or self._some(2) != b"0\x00":
            raise UnsafeBytes(start, "a picture that was not ordered")
        across = self._take() + 256 * self._take()
        down = self._take() + 256 * self._take()
        if across * 8 > self.allowed.dots or not down:
            raise UnsafeBytes(start, f"a picture of {across * 8} x {down} dots")
        self._some(across * down)
        self.pictures += 1

    def _among(self, start: int, what: str, values: range | tuple[int, ...]) -> int:
        value = self._take()
        if value not in values:
            raise UnsafeBytes(start, f"{what} {value}")
        return value

    def _take(self) -> int:
        return self._some(1)[0]

    def _some(self, count: int) -> bytes:
        taken = self.job[self.at : self.at + count]
        if len(taken) < count:
            raise UnsafeBytes(self.at, "the job ends within a command")
        self.at += count
        return taken
