"""Bytes of a serial scanner → scans."""

from __future__ import annotations

FRAME_MAX = 512
"""Bytes of one scan; what is longer is dropped whole: half a code is another code."""

SUFFIXES = {"cr": b"\r", "lf": b"\n", "crlf": b"\r\n", "tab": b"\t", "none": b""}
IDLE_MS = 80
"""Scanners without a suffix: after this silence a scan is complete."""

_ENDS = b"\r\n\t"


class Frames:
    """Collects bytes until a scan is complete. CR, LF and TAB end a scan whatever the suffix is set
    to (a scan never contains one), so that a CR LF is one end and not an empty scan."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._too_long = False

    @property
    def pending(self) -> bool:
        """Something waits for its end."""
        return bool(self._kept) or self._too_long

    def feed(self, data: bytes) -> list[bytes]:
        """The scans that are complete now."""
        scans = []
        for byte in data:
            if byte in _ENDS:
                scans += self.flush()
            elif len(self._kept) >= FRAME_MAX:
                self._too_long = True
            else:
                self._kept.append(byte)
        return scans

    def flush(self) -> list[bytes]:
        """The scanner is silent: what has come is the scan."""
        scan, dropped = bytes(self._kept), self._too_long
        self._kept.clear()
        self._too_long = False
        return [scan] if scan and not dropped else []


def text_of(scan: bytes) -> str:
    """UTF-8, else Latin-1: scanners are set to either."""
    try:
        return scan.decode("utf-8")
    except UnicodeDecodeError:
        return scan.decode("latin-1")
