"""The first reading: is every row what index.xml and the standard say it is."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import gt, itemgetter
from typing import Final

from kassenverbund.fiscal.dsfinvk import tables as standard
from kassenverbund.fiscal.dsfinvk.index import Declared
from kassenverbund.fiscal.dsfinvk.source import Key, Lines, Row, Source, key_of, rows_of
from kassenverbund.fiscal.dsfinvk.tables import Column, words
from kassenverbund.fiscal.dsfinvk.tally import Tally
from kassenverbund.fiscal.verdicts import Finding

BAD_ROWS_MAX: Final = 10_000
"""A table with more is not judged further."""

ROWS_PER_TAKE: Final = 20_000
NUMBER_CHARACTERS_MAX: Final = 24

_FLAG: Final = frozenset({"0", "1", ""})
_THREE_CAPITALS: Final = re.compile(r"[A-Z]{3}", re.ASCII)
_COUNTRY: Final = re.compile(r"(?:[A-Z]{3})?", re.ASCII)
_WORDS: Final[Mapping[str, frozenset[str] | re.Pattern[str]]] = {
    "BON_TYP": standard.BON_TYP, "BON_STORNO": frozenset({"0", "1"}),
    "ZAHLART_TYP": standard.ZAHLART_TYP, "REF_TYP": standard.REF_TYP, "GV_TYP": standard.GV_TYP,
    "TYP": standard.PREISFINDUNG, "INHAUS": _FLAG, "P_STORNO": _FLAG,
    "KEINE_UST_ZUORDNUNG": _FLAG, "TAXONOMIE_VERSION": standard.TAXONOMIES,
    "TSE_ZEITFORMAT": standard.TIME_FORMATS, "TSE_PD_ENCODING": standard.ENCODINGS,
    "ZAHLWAEH_CODE": _THREE_CAPITALS, "ZAHLART_WAEH": _THREE_CAPITALS,
    "KASSE_BASISWAEH_CODE": _THREE_CAPITALS, "LAND": _THREE_CAPITALS, "LOC_LAND": _THREE_CAPITALS,
    "KUNDE_LAND": _COUNTRY, "AGENTUR_LAND": _COUNTRY,
}  # fmt: skip

_INSTANT: Final = re.compile(
    r"(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d))", re.ASCII
)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d(?:T.*)?", re.ASCII)
_TIMES: Final[Mapping[str, tuple[re.Pattern[str], bool]]] = {
    "BON_START": (_INSTANT, True), "BON_ENDE": (_INSTANT, True), "REF_DATUM": (_DAY, False),
    "TSE_TA_START": (_INSTANT, False), "TSE_TA_ENDE": (_INSTANT, False),
    "Z_BUCHUNGSTAG": (_DAY, False),
}  # fmt: skip
"""Pattern, and whether it must be there."""

_MAY_BE_EMPTY: Final = words(
    """UMS_BRUTTO REF_Z_NR TSE_ID TSE_TANR TSE_TA_SIGZ AGENTUR_ID MENGE FAKTOR STK_BR ZI_MENGE
    ZI_FAKTOR ZI_UST_SCHLUESSEL ZI_BASISPREIS_BRUTTO ZI_BASISPREIS_NETTO ZI_BASISPREIS_UST"""
)


@dataclass(slots=True)
class Read:
    """What the first reading found out about a table."""

    rows: int = 0
    bad: set[int] = field(default_factory=set)
    """Numbers of the rows (the header is 1) that cannot be judged further."""
    in_order: bool = True
    """The closings follow each other as they do in cashpointclosing.csv."""
    ended: bool = True
    """It could be read to the end."""


class Form:
    """Checks single rows of a table."""

    def __init__(self, declared: Declared) -> None:
        columns = declared.columns
        self._count = len(columns)
        self._characters = [
            NUMBER_CHARACTERS_MAX if one.characters_max is None else one.characters_max
            for one in columns
        ]
        numbers = [at for at, one in enumerate(columns) if one.characters_max is None]
        self._numbers: Callable[[Row], Sequence[str]] = itemgetter(*numbers, numbers[0])
        self._number = re.compile(
            ";".join(_number(columns[at]) for at in (*numbers, numbers[0])), re.ASCII
        )
        self._words = [
            (at, _WORDS[one.name]) for at, one in enumerate(columns) if one.name in _WORDS
        ]
        self._times = [
            (at, *_TIMES[one.name]) for at, one in enumerate(columns) if one.name in _TIMES
        ]
        self._names = [one.name for one in columns]

    def fault(self, row: Row) -> str:
        """What is wrong with the form; empty: nothing."""
        if len(row) != self._count:
            return f"{len(row)} ≠ {self._count}"
        if any(map(gt, map(len, row), self._characters)):
            at = next(at for at, one in enumerate(row) if len(one) > self._characters[at])
            return f"{self._names[at]}: {len(row[at])} > {self._characters[at]}"
        if not self._number.fullmatch(";".join(self._numbers(row))):
            return f"{'; '.join(self._numbers(row)[:-1])}"[:120]
        return ""

    def words(self, row: Row) -> Iterator[str]:
        for at, allowed in self._words:
            fits = (
                row[at] in allowed if isinstance(allowed, frozenset) else allowed.fullmatch(row[at])
            )
            if not fits:
                yield f"{self._names[at]}: {row[at][:40]!r}"

    def times(self, row: Row) -> Iterator[str]:
        for at, pattern, needed in self._times:
            if not (pattern.fullmatch(row[at]) if row[at] else not needed):
                yield f"{self._names[at]}: {row[at][:40]!r}"


def _number(column: Column) -> str:
    form = r"-?\d{1,15}"
    if column.decimals:
        form += rf"(?:,\d{{1,{column.decimals}}})?"
    return f"(?:{form})?" if column.name in _MAY_BE_EMPTY else form


def closings_of(source: Source, declared: Declared, tally: Tally) -> dict[Key, int]:
    """The closings in their order in cashpointclosing.csv."""
    ranks: dict[Key, int] = {}
    with source.open(declared.url) as file:
        rows = rows_of(Lines(file))
        try:
            next(rows, None)
            for row in rows:
                if len(row) < 3:
                    continue
                key = key_of(row)
                tally.check(key not in ranks, "closing_master", named(key), declared.url)
                ranks.setdefault(key, len(ranks))
                ok = _INSTANT.fullmatch(key[1]) is not None
                tally.check(ok, "times_form", named(key), f"Z_ERSTELLUNG: {key[1][:40]!r}")
        except csv.Error:
            pass  # told by the reading of all rows
    return ranks


def named(key: Key) -> str:
    return f"{key[0]} Z {key[2]}"


def read_table(
    source: Source,
    declared: Declared,
    ranks: Mapping[Key, int],
    tally: Tally,
    read: Read,
    moved: Callable[[int], None],
) -> Iterator[Finding]:
    """Judges all rows of a table; what it found out stands in `read` then. `moved` is told how many
    rows it has read."""
    with source.open(declared.url) as file:
        lines = Lines(file)
        rows = rows_of(lines)
        try:
            header = next(rows, None)
            if header != [one.name for one in declared.columns]:
                read.ended = False
                tally.broke("rows_form", declared.url, "1: " + ";".join(header or ())[:200])
                return
            tally.check(lines.last.endswith("\r\n"), "rows_form", f"{declared.url}:1", "CRLF")
            form, place = Form(declared), _Place(declared.url, ranks, tally, read)
            for row in rows:
                read.rows += 1
                _row(row, form, place, lines, tally)
                if not read.rows % ROWS_PER_TAKE:
                    moved(ROWS_PER_TAKE)
                    yield from tally.take()
                if len(read.bad) > BAD_ROWS_MAX:
                    read.ended = False
                    break
        except csv.Error as broken:
            read.ended = False
            tally.broke("rows_form", f"{declared.url}:{read.rows + 2}", str(broken))
    yield from tally.take()


@dataclass(slots=True)
class _Place:
    url: str
    ranks: Mapping[Key, int]
    tally: Tally
    read: Read
    key: Key | None = None
    rank: int = -1

    def moved_to(self, key: Key, item: str) -> None:
        self.key = key
        rank = self.ranks.get(key)
        self.tally.check(rank is not None, "closing_known", item, " ".join(key)[:120])
        if rank is not None:
            if rank < self.rank:
                self.read.in_order = False
            self.rank = rank


def _row(row: Row, form: Form, place: _Place, lines: Lines, tally: Tally) -> None:
    number = place.read.rows + 1
    fault = form.fault(row)
    if lines.replaced:
        lines.replaced, fault = False, fault or "UTF-8"
    if not fault and not lines.last.endswith("\r\n"):
        tally.broke("rows_form", f"{place.url}:{number}", "CRLF")
    if fault:
        place.read.bad.add(number)
        tally.broke("rows_form", f"{place.url}:{number}", fault)
        return
    tally.held("rows_form")
    key = (row[0], row[1], row[2])
    if key != place.key:
        place.moved_to(key, f"{place.url}:{number}")
    for word in form.words(row):
        tally.broke("words_known", f"{place.url}:{number}", word)
    for time in form.times(row):
        # What has no time can't be put in order either.
        place.read.bad.add(number)
        tally.broke("times_form", f"{place.url}:{number}", time)
    tally.held("words_known")
    tally.held("times_form")
