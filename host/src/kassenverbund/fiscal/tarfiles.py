"""Reads a TAR archive (POSIX.1-1988 ustar, pax headers, GNU long names) file by file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from kassenverbund.fiscal.asn1 import Malformed

BLOCK = 512
KEPT_BYTES_MAX = 1024 * 1024
"""Log messages and certificates are far smaller; the content of larger files is passed over."""

SIZE_MAX = 2**50
"""A pebibyte: no file of an export comes near, and it can still be sought past."""


class ArchiveCut(Malformed):
    """The archive ends without its end mark: something is missing behind it."""


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    size: int
    content: bytes | None
    """None: larger than `KEPT_BYTES_MAX`."""
    offset: int
    """Where the next header stands: how far the archive has been read."""


def is_tar(head: bytes) -> bool:
    """Whether a first block is a TAR header."""
    return len(head) == BLOCK and any(head) and _sum_is_right(head)


def read_tar(file: IO[bytes]) -> Iterator[Entry]:
    """The regular files of an archive, in its order. Raises `Malformed`, `ArchiveCut`."""
    long_name: str | None = None
    while True:
        header = _exactly(file, BLOCK)
        if not any(header):
            return
        if not _sum_is_right(header):
            raise Malformed("the check sum of a header is wrong")
        size, kind = _size(header[124:136]), header[156:157]
        if kind in (b"x", b"L"):
            if size > KEPT_BYTES_MAX:
                raise Malformed("a name of more than a mebibyte")
            content = _exactly(file, _padded(size))[:size]
            long_name = _pax_path(content) if kind == b"x" else _text(content)
            continue
        name, long_name = long_name or _name(header), None
        if size > KEPT_BYTES_MAX:
            _pass_over(file, _padded(size))
            kept = None
        else:
            kept = _exactly(file, _padded(size))[:size]
        if kind in (b"0", b"\0", b"7"):
            yield Entry(name, size, kept, file.tell())


def _exactly(file: IO[bytes], count: int) -> bytes:
    found = file.read(count)
    if len(found) != count:
        raise ArchiveCut("the archive ends in the middle")
    return found


def _pass_over(file: IO[bytes], count: int) -> None:
    file.seek(count - 1, 1)
    _exactly(file, 1)


def _padded(size: int) -> int:
    return (size + BLOCK - 1) // BLOCK * BLOCK


def _sum_is_right(header: bytes) -> bool:
    try:
        stated = int(header[148:156].strip(b" \0") or b"0", 8)
    except ValueError:
        return False
    return stated == sum(header) - sum(header[148:156]) + 8 * 0x20


def _size(field: bytes) -> int:
    try:
        # GNU writes what is too large for octal digits to the base of 256.
        large = field[0] & 0x80
        size = int.from_bytes(field[1:], "big") if large else int(field.strip(b" \0") or b"0", 8)
    except ValueError as broken:
        raise Malformed("a size that is not octal") from broken
    if not 0 <= size <= SIZE_MAX:
        raise Malformed("a size that is negative or absurdly large")
    return size


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "replace")


def _name(header: bytes) -> str:
    name = _text(header[:100])
    prefix = _text(header[345:500]) if header[257:262] == b"ustar" else ""
    return f"{prefix}/{name}" if prefix else name


def _pax_path(content: bytes) -> str | None:
    """The `path` of a pax header: lines `<length> <key>=<value>`, the length counts the line."""
    at = 0
    while at < len(content):
        space = content.find(b" ", at, at + 12)
        if space < 0 or not content[at:space].isdigit():
            raise Malformed("a pax header that is none")
        end = at + int(content[at:space])
        if not space < end <= len(content):
            raise Malformed("a pax header that is none")
        key, _, value = content[space + 1 : end - 1].partition(b"=")
        if key == b"path":
            return _text(value)
        at = end
    return None
