"""Import files: bytes in, rows and refusals out.

Any bytes lead to rows or to refusals, never to an exception. A refusal names line, column, code and
a message; what stood there is not repeated, for it may be a code. Rows are kept packed, so that a
file of a hundred thousand cards takes a few megabytes.
"""

from __future__ import annotations

import csv
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from costcenter.codes import code_hash, uid_of
from costcenter.handlers.import_rows import ROWS, UNIQUE, CardRow, Kind, Row, row_of
from kassenverbund.kit.secrets import Secrets

ROWS_MAX = 200_000
FILE_BYTES_MAX = 64 * 1024 * 1024
LINE_BYTES_MAX = 16 * 1024
REFUSED_MAX = 1_000
"""Refusals that are named; the rest is counted."""

PART_ROWS = 200
"""Rows that are checked, and later stored, together."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a row is not taken over."""

    line: int
    """As an editor counts: the header is line 1."""
    column: str | None
    code: str
    message: str
    other_line: int | None = None
    """The line before it that says the same."""


@dataclass(frozen=True, slots=True)
class Numbered:
    line: int
    row: Row


@dataclass(slots=True)
class ImportFile:
    """Takes the bytes as they come: `feed`, …, `close`; then `parts` and `refused` are final."""

    kind: Kind
    secrets: Secrets
    parts: list[bytes] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    refused_count: int = 0
    rows: int = 0
    _rest: bytes = b""
    _skipping: bool = False
    _line: int = 0
    _delimiter: str = ","
    _columns: tuple[str, ...] = ()
    _broken: bool = False
    _pending: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    _seen: dict[tuple[str, ...], dict[tuple[Any, ...], int]] = field(default_factory=dict)

    def feed(self, content: bytes) -> None:
        """The next bytes of the file."""
        *lines, rest = (self._rest + content).split(b"\n")
        for line in lines:
            self._take(line)
        if len(rest) > LINE_BYTES_MAX:
            # Its end may never come: remember only that there is such a line.
            self._skipping, rest = True, b""
        self._rest = rest

    def close(self) -> None:
        """That was all."""
        if self._rest or self._skipping:
            self._take(self._rest)
        if not self._columns and not self._broken:
            self.refuse(1, None, "file.empty", "the file has no header")
        self._pack()

    def refuse(
        self, line: int, column: str | None, code: str, message: str, other: int | None = None
    ) -> None:
        self.refused_count += 1
        if len(self.refused) < REFUSED_MAX:
            self.refused.append(Refusal(line, column, code, message, other))

    def _take(self, raw: bytes) -> None:
        self._line += 1
        if self._broken:
            return
        if self._skipping or len(raw) > LINE_BYTES_MAX:
            self._skipping = False
            self.refuse(self._line, None, "line.too_long", f"more than {LINE_BYTES_MAX} bytes")
            self._broken = self._line == 1
            return
        try:
            text = raw.decode("utf-8-sig" if self._line == 1 else "utf-8").rstrip("\r")
        except UnicodeDecodeError:
            self.refuse(self._line, None, "line.encoding", "it is not UTF-8")
            self._broken = self._line == 1
            return
        if self._line == 1:
            self._header(text)
        elif text.strip():
            self._row(text)

    def _header(self, text: str) -> None:
        self._delimiter = ";" if text.count(";") >= text.count(",") else ","
        columns = tuple(name.strip().strip('"').lower() for name in text.split(self._delimiter))
        known = ROWS[self.kind].model_fields
        for name in columns:
            if name not in known:
                self.refuse(1, name[:64], "column.unknown", f"columns are: {', '.join(known)}")
        if len(set(columns)) != len(columns):
            self.refuse(1, None, "column.twice", "a column stands there twice")
        for name, about in known.items():
            if about.is_required() and name not in columns:
                self.refuse(1, name, "column.missing", "this column is needed")
        self._broken = self.refused_count > 0
        self._columns = columns

    def _row(self, text: str) -> None:
        if self.rows >= ROWS_MAX:
            self.refuse(self._line, None, "file.too_many_rows", f"at most {ROWS_MAX} rows")
            self._broken = True
            return
        try:
            (cells,) = csv.reader([text], delimiter=self._delimiter, strict=True)
        except (csv.Error, ValueError):
            self.refuse(self._line, None, "line.quotes", "quotes do not fit")
            return
        if len(cells) != len(self._columns):
            message = f"{len(cells)} cells, and the header has {len(self._columns)}"
            self.refuse(self._line, None, "line.cells", message)
            return
        told = {name: cell.strip() or None for name, cell in zip(self._columns, cells, strict=True)}
        told = {
            name: cell for name, cell in told.items() if cell is not None or self._optional(name)
        }
        try:
            row = row_of(self.kind, told)
        except ValidationError as refused:
            for error in refused.errors(include_input=False, include_url=False)[:5]:
                column = str(error["loc"][0]) if error["loc"] else None
                self.refuse(self._line, column, "cell.invalid", error["msg"])
            return
        self._keep(row)

    def _optional(self, name: str) -> bool:
        about = ROWS[self.kind].model_fields[name]
        return not about.is_required() and about.default is None

    def _keep(self, row: Row) -> None:
        document = row.model_dump(mode="json", exclude_unset=True)
        if isinstance(row, CardRow) and not self._coded(row, document):
            return
        for names in UNIQUE[self.kind]:
            key = tuple(document.get(name) for name in names)
            if None in key:
                continue
            before = self._seen.setdefault(names, {}).setdefault(key, self._line)
            if before != self._line:
                message = "an earlier line says the same"
                self.refuse(self._line, names[-1], "row.twice", message, before)
                return
        self.rows += 1
        self._pending.append((self._line, document))
        if len(self._pending) >= PART_ROWS:
            self._pack()

    def _coded(self, row: CardRow, document: dict[str, Any]) -> bool:
        """A code becomes its hash at once. False: the row was refused."""
        document.pop("code", None)
        if row.code is None:
            foreign = row.hash_key_id is not None and row.hash_key_id != self.secrets.key_id
            if row.code_hash is not None and foreign:
                message = "hashed with the key of another installation"
                self.refuse(self._line, "code_hash", "code.foreign_key", message)
                return False
            return True
        normal = uid_of(row.code) if row.on == "rfid" else row.code.strip()
        if row.on == "none" or not normal:
            self.refuse(self._line, "code", "card.code_fits", "no code of such a medium")
            return False
        document["code_hash"] = code_hash(normal, self.secrets)
        document["hash_key_id"] = self.secrets.key_id
        return True

    def _pack(self) -> None:
        if self._pending:
            packed = json.dumps(self._pending, ensure_ascii=False, separators=(",", ":"))
            self.parts.append(zlib.compress(packed.encode()))
            self._pending = []


def unpacked(kind: Kind, part: bytes) -> Sequence[Numbered]:
    """The rows of a part."""
    return [
        Numbered(line, row_of(kind, document))
        for line, document in json.loads(zlib.decompress(part))
    ]
