"""A ZIP archive of tables that grow side by side.

Each file is compressed while it is written, into a temporary file of its own; in the end they are
put one after the other. So neither memory nor disk ever holds the tables as they are (ten million
lines come to 8 GB), and the archive needs no second compression. The same rows make the same
bytes: no times, no owners, one level of compression.

Source: PKWARE's APPNOTE 6.3 (local headers, central directory, ZIP64 where a size needs it).
"""

from __future__ import annotations

import hashlib
import struct
import tempfile
import zlib
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, BinaryIO

BUFFER_CHARACTERS = 256 * 1024
"""What of a file waits in memory until it is compressed."""

WAITING_MAX = 8
"""How many such pieces wait for the compressing thread."""

LEVEL = 3
PIECE_BYTES = 1024 * 1024

SPOOL_BYTES_MAX = 2 * 1024**3
"""How much disk one export may take while it is made; its archive takes as much again. Ten million
lines come to less than half of it."""

_VERSION, _VERSION_64 = 20, 45
_DEFLATED = 8
_DATE = 0x0021  # 1980-01-01, the earliest that the format knows
_UTF8 = 0x0800
WIDE = 0xFFFFFFFF
"""What stands in a field of four bytes whose value is too large for it (ZIP64)."""


class DiskLimit(OSError):
    """The export would take more disk than `SPOOL_BYTES_MAX`."""


class _File:
    def __init__(self, folder: Path) -> None:
        # Unlinked at once: nothing is left of it, however this process ends.
        self.file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  (closed by Spool)
        self.waiting: list[str | bytes] = []
        self.characters = 0
        self.rows = 0
        self.crc = 0
        self.size = 0
        self.packed = 0
        self._compress = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)

    def add(self, pieces: list[str | bytes]) -> None:
        """In the compressing thread."""
        raw = b"".join(one if isinstance(one, bytes) else one.encode() for one in pieces)
        self.crc = zlib.crc32(raw, self.crc)
        self.size += len(raw)
        self._keep(self._compress.compress(raw))

    def end(self) -> None:
        self._keep(self._compress.flush())

    def _keep(self, packed: bytes) -> None:
        self.file.write(packed)
        self.packed += len(packed)


class Spool:
    """Files that grow. `with Spool(folder) as spool: spool.write(…); spool.pack(…)`."""

    def __init__(self, folder: Path, *, bytes_max: int = SPOOL_BYTES_MAX) -> None:
        self._folder = folder
        self._bytes_max = bytes_max
        self._files: dict[str, _File] = {}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="compress")
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *reason: object) -> None:
        self._thread.shutdown(cancel_futures=True)
        for file in self._files.values():
            file.file.close()

    def write(self, name: str, text: str | bytes) -> None:
        """Add to a file. Raises OSError; `DiskLimit`."""
        file = self._files.get(name)
        if file is None:
            file = self._files[name] = _File(self._folder)
        file.waiting.append(text)
        file.characters += len(text)
        file.rows += 1
        if file.characters >= BUFFER_CHARACTERS:
            self._send(file)

    def rows(self, name: str) -> int:
        """How often something was written to a file; 0: there is none."""
        file = self._files.get(name)
        return 0 if file is None else file.rows

    @property
    def names(self) -> list[str]:
        """All files, in the order in which they were begun."""
        return list(self._files)

    def _send(self, file: _File) -> None:
        pieces, file.waiting, file.characters = file.waiting, [], 0
        self._waiting.append(self._thread.submit(file.add, pieces))
        while len(self._waiting) > WAITING_MAX:
            self._waiting.popleft().result()
        self._within_limit()

    def _within_limit(self) -> None:
        if sum(one.packed for one in self._files.values()) > self._bytes_max:
            raise DiskLimit(f"the export takes more than {self._bytes_max} bytes of disk")

    def pack(
        self,
        out: BinaryIO,
        small: Iterable[tuple[str, bytes]],
        order: Iterable[str],
        *,
        wide_from: int = WIDE,
    ) -> tuple[str, int]:
        """Write the archive: `small` files first, then the spooled ones in `order`. Its SHA-256 and
        its bytes. `wide_from`: bytes from which on sizes are written wide. Raises OSError."""
        for file in self._files.values():
            if file.waiting:
                self._send(file)
            self._waiting.append(self._thread.submit(file.end))
        while self._waiting:
            self._waiting.popleft().result()
        self._within_limit()
        archive = _Archive(out, wide_from)
        for name, content in small:
            compress = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
            packed = compress.compress(content) + compress.flush()
            archive.begin(name, zlib.crc32(content), len(content), len(packed))
            archive.write(packed)
        for name in order:
            file = self._files[name]
            archive.begin(name, file.crc, file.size, file.packed)
            file.file.seek(0)
            while piece := file.file.read(PIECE_BYTES):
                archive.write(piece)
        archive.end()
        return archive.digest.hexdigest(), archive.bytes


class _Archive:
    def __init__(self, out: BinaryIO, wide_from: int) -> None:
        self._out = out
        self._wide_from = wide_from
        self._directory: list[bytes] = []
        self.digest = hashlib.sha256()
        self.bytes = 0

    def write(self, raw: bytes) -> None:
        self._out.write(raw)
        self.digest.update(raw)
        self.bytes += len(raw)

    def begin(self, name: str, crc: int, size: int, packed: int) -> None:
        """A file's header; its `packed` bytes follow."""
        at, raw = self.bytes, name.encode("ascii")
        wide = max(size, packed, at) >= self._wide_from
        version = _VERSION_64 if wide else _VERSION
        sizes = (WIDE, WIDE) if wide else (packed, size)
        extra = struct.pack("<HHQQ", 1, 16, size, packed) if wide else b""
        common = struct.pack(
            "<HHHHHLLLHH", version, _UTF8, _DEFLATED, 0, _DATE, crc, *sizes, len(raw), len(extra)
        )
        self.write(b"PK\x03\x04" + common + raw + extra)
        if wide:
            extra = struct.pack("<HHQQQ", 1, 24, size, packed, at)
        common = struct.pack(
            "<HHHHHHLLLHHHHHLL", version, version, _UTF8, _DEFLATED, 0, _DATE, crc, *sizes,
            len(raw), len(extra), 0, 0, 0, 0, WIDE if wide else at,
        )  # fmt: skip
        self._directory.append(b"PK\x01\x02" + common + raw + extra)

    def end(self) -> None:
        """The central directory."""
        begin, count = self.bytes, len(self._directory)
        for entry in self._directory:
            self.write(entry)
        size = self.bytes - begin
        wide = begin >= self._wide_from
        if wide:
            at = self.bytes
            self.write(
                b"PK\x06\x06"
                + struct.pack(
                    "<QHHLLQQQQ", 44, _VERSION_64, _VERSION_64, 0, 0, count, count, size, begin
                )
            )
            self.write(b"PK\x06\x07" + struct.pack("<LQL", 0, at, 1))
        self.write(
            b"PK\x05\x06"
            + struct.pack("<HHHHLLH", 0, 0, count, count, size, WIDE if wide else begin, 0)
        )
