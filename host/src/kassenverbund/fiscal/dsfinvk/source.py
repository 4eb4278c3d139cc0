"""Reads an export, a ZIP or a folder, row by row and closing by closing."""

from __future__ import annotations

import csv
import heapq
import io
import pickle
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Set
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Final, Protocol

from kassenverbund.fiscal.asn1 import Malformed

LINE_CHARACTERS_MAX: Final = 1024 * 1024
"""No line of an export comes near; one that is longer is read in pieces, which is no row."""

SORTED_ROWS_MAX: Final = 50_000
"""Rows that are sorted in memory at once, where an export has its closings out of order."""

Key = tuple[str, str, str]
"""Z_KASSE_ID, Z_ERSTELLUNG, Z_NR."""

Row = list[str]


class Source(Protocol):
    """Where an export's files are."""

    def names(self) -> Mapping[str, int]:
        """The files, with their size in bytes."""
        ...

    def open(self, name: str) -> IO[bytes]: ...


class Folder:
    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> Mapping[str, int]:
        return {one.name: one.stat().st_size for one in self._path.iterdir() if one.is_file()}

    def open(self, name: str) -> IO[bytes]:
        return (self._path / name).open("rb")


class Zip:
    """Raises `Malformed`. The files may lie in one folder inside."""

    def __init__(self, file: IO[bytes]) -> None:
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, ValueError, EOFError) as broken:
            raise Malformed(f"not a ZIP file: {broken}") from broken
        files = [one for one in self._zip.infolist() if not one.is_dir()]
        index = [one.filename for one in files if one.filename.rsplit("/", 1)[-1] == "index.xml"]
        self._folder = index[0].removesuffix("index.xml") if len(index) == 1 else ""
        self._names = {
            one.filename.removeprefix(self._folder): one.file_size
            for one in files
            if one.filename.startswith(self._folder)
        }

    def names(self) -> Mapping[str, int]:
        return self._names

    def open(self, name: str) -> IO[bytes]:
        try:
            return self._zip.open(self._folder + name)
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as broken:
            raise Malformed(f"{name}: {broken}") from broken


class Lines:
    """The lines of a file, with the last one kept: a reader of rows hides how they end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._text = io.TextIOWrapper(file, "utf-8", errors="replace", newline="")
        self.last = ""
        self.replaced = False

    def __iter__(self) -> Iterator[str]:
        while line := self._text.readline(LINE_CHARACTERS_MAX):
            self.last = line
            if "\ufffd" in line:
                self.replaced = True
            yield line


def rows_of(lines: Lines) -> Iterator[Row]:
    return csv.reader(lines, delimiter=";", quotechar='"', strict=True)


def key_of(row: Row) -> Key:
    return row[0], row[1], row[2]


class Table:
    """The good rows of one table behind its header, in the order of the closings."""

    def __init__(
        self, source: Source, name: str, ranks: Mapping[Key, int], bad: Set[int], *, sort: bool
    ) -> None:
        self._source, self._name, self._ranks, self._bad = source, name, ranks, bad
        self._files = ExitStack()
        self._rows = self._sorted() if sort else self._plain()
        self._next: tuple[int, Row] | None = None
        self.taken = 0

    def close(self) -> None:
        self._files.close()

    def of(self, rank: int) -> Iterator[Row]:
        """The rows of a closing; closings are asked for in their order."""
        while True:
            found = self._next or next(self._rows, None)
            if found is None or found[0] > rank:
                self._next = found
                return
            self._next = None
            self.taken += 1
            if found[0] == rank:
                yield found[1]

    def _plain(self) -> Iterator[tuple[int, Row]]:
        with self._source.open(self._name) as file:
            rows = rows_of(Lines(file))
            next(rows, None)
            number = 1
            for row in rows:
                number += 1
                if number not in self._bad:
                    rank = self._ranks.get((row[0], row[1], row[2]))
                    if rank is not None:
                        yield rank, row

    def _sorted(self) -> Iterator[tuple[int, Row]]:
        """Sorted on disk: runs that fit into memory, then merged. Rows of a closing keep their
        order."""
        runs, run = [], []
        for found in self._plain():
            run.append(found)
            if len(run) == SORTED_ROWS_MAX:
                runs.append(self._kept(run))
                run = []
        runs.append(self._kept(run))
        yield from heapq.merge(*runs, key=lambda found: found[0])

    def _kept(self, run: list[tuple[int, Row]]) -> Iterator[tuple[int, Row]]:
        run.sort(key=lambda found: found[0])
        # Closed with the table: it is read bit by bit until then.
        spool = tempfile.TemporaryFile()  # noqa: SIM115 - the stack below closes it
        file = self._files.enter_context(spool)
        for one in run:
            pickle.dump(one, file, pickle.HIGHEST_PROTOCOL)
        count = len(run)
        file.seek(0)
        return (pickle.load(file) for _ in range(count))  # noqa: S301 - written just above
