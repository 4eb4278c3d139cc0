"""Verifies a whole export: form first, then closing by closing."""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import pairwise
from zipfile import BadZipFile

from kassenverbund.fiscal.asn1 import Malformed
from kassenverbund.fiscal.dsfinvk.bons import Bon, read_bons
from kassenverbund.fiscal.dsfinvk.index import (
    DTD,
    DTD_BYTES_MAX,
    INDEX,
    INDEX_BYTES_MAX,
    Declared,
    dtd_differs,
    read_index,
)
from kassenverbund.fiscal.dsfinvk.judging import before, judge_bon, judge_sums
from kassenverbund.fiscal.dsfinvk.master import Closing, Keys, read_closing
from kassenverbund.fiscal.dsfinvk.references import References, read_references
from kassenverbund.fiscal.dsfinvk.signed import Devices, judge_signed
from kassenverbund.fiscal.dsfinvk.source import Key, Lines, Row, Source, Table, rows_of
from kassenverbund.fiscal.dsfinvk.structure import Read, closings_of, read_table
from kassenverbund.fiscal.dsfinvk.tables import REQUIRED, TABLES
from kassenverbund.fiscal.dsfinvk.tally import Tally
from kassenverbund.fiscal.dsfinvk.tars import Tars
from kassenverbund.fiscal.verdicts import Finding

Moved = Callable[[int], None]
"""Is told how many more rows were read; all are read twice."""


EXPLAINED = "tse_erlaeuterungen.csv"
"""Begins with the TSE's serial number and the transaction number."""


@dataclass(slots=True)
class _Tills:
    """What goes over closings, per till."""

    ids: dict[str, array[int]] = field(default_factory=dict)
    """Eight bytes of each BON_ID's hash."""
    closings: dict[str, dict[int, tuple[int, int, str]]] = field(default_factory=dict)
    """First and last BON number, and when it was made, by Z number."""

    def add(self, closing: Closing, bons: dict[str, Bon], tally: Tally) -> None:
        ids = self.ids.setdefault(closing.till, array("q"))
        ids.extend(_hash(id_) for id_ in bons)
        numbers = sorted(bon.number for bon in bons.values())
        for one, other in pairwise(numbers):
            if other != one + 1:
                tally.broke("bon_numbers", closing.where, f"{one}, {other}")
        tally.held("bon_numbers", len(numbers))
        ends = (numbers[0], numbers[-1]) if numbers else (0, -1)
        closings = self.closings.setdefault(closing.till, {})
        if closing.number in closings:
            tally.broke("closing_numbers", closing.where)
        closings[closing.number] = (*ends, closing.created)

    def judge(self, tally: Tally) -> None:
        for till, ids in self.ids.items():
            tally.check(len(set(ids)) == len(ids), "bon_ids", till)
        for till, closings in self.closings.items():
            numbers = sorted(closings)
            tally.held("closing_numbers")
            for one, other in pairwise(numbers):
                gapless = other == one + 1
                tally.check(gapless, "closing_numbers", till, f"{one}, {other}")
                earlier, later = closings[one], closings[other]
                ordered = before(earlier[2], later[2])
                tally.check(ordered, "closing_times", till, f"{one}, {other}")
                if gapless and earlier[1] >= 0 and later[1] >= 0:
                    follows = later[0] == earlier[1] + 1
                    detail = f"Z {one}: {earlier[1]}, Z {other}: {later[0]}"
                    tally.check(follows, "bon_numbers", till, detail)


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def verify_export(
    source: Source, item: str, *, tars: Tars | None = None, moved: Moved = lambda rows: None
) -> Iterator[Finding]:
    """The verdicts on an export: breaches as they are found, at the end the rules that hold with
    how often each was checked.

    Memory: the BONs of one closing, and about 50 bytes for each BON of the export.
    """
    tally = Tally()
    try:
        yield from _verified(source, item, tally, tars or Tars(), moved)
    except (Malformed, BadZipFile, zlib.error, EOFError) as malformed:
        yield Finding(item, "malformed", str(malformed))
    yield from tally.take()
    yield from tally.end(item)


def _verified(
    source: Source, item: str, tally: Tally, tars: Tars, moved: Moved
) -> Iterator[Finding]:
    declared = _declared(source, tally)
    yield from tally.take()
    if declared is None:
        return
    closings = declared["cashpointclosing.csv"]
    ranks = closings_of(source, closings, tally)
    if not ranks:
        yield Finding(item, "no_closings")
        return
    reads = {}
    for name, table in declared.items():
        reads[name] = Read()
        yield from read_table(source, table, ranks, tally, reads[name], moved)
    broken = [name for name, read in reads.items() if not read.ended]
    if broken:
        yield Finding(item, "not_judged", ", ".join(broken))
        return
    yield from _closings(source, ranks, reads, tally, tars, moved)


def _declared(source: Source, tally: Tally) -> dict[str, Declared] | None:
    """The standard's tables as index.xml declares them; None: they can't be judged."""
    names = source.names()
    if INDEX not in names:
        tally.broke("files_there", INDEX)
        return None
    tally.check(DTD in names, "files_there", DTD)
    if DTD in names:
        with source.open(DTD) as file:
            wrong = dtd_differs(file.read(DTD_BYTES_MAX))
        tally.check(not wrong, "dtd_official", DTD, wrong[:200])
    with source.open(INDEX) as file:
        content = file.read(INDEX_BYTES_MAX + 1)
    tables, findings = read_index(content)
    tally.held("index_valid")
    tally.held("index_standard")
    for finding in findings:
        if finding.code in ("index_valid", "index_standard"):
            tally.broke(finding.code, finding.item, finding.detail)
        else:
            tally.told(finding.item, finding.code, finding.detail)
    declared = {one.url: one for one in tables if one.url in TABLES}
    for table in tables:
        tally.check(table.url in names, "files_there", table.url)
    if not tally.is_broken("index_valid", "index_standard"):
        for name in REQUIRED:
            tally.check(name in declared, "files_there", name)
        for name in sorted(names.keys() - declared.keys() - {INDEX, DTD}):
            code = (
                "table_undeclared" if name.endswith(".csv") and name in TABLES else "file_further"
            )
            tally.told(name, code)
    judgeable = not tally.is_broken("files_there", "index_valid", "index_standard")
    return declared if judgeable else None


def _closings(
    source: Source,
    ranks: dict[Key, int],
    reads: dict[str, Read],
    tally: Tally,
    tars: Tars,
    moved: Moved,
) -> Iterator[Finding]:
    references, tills, devices, keys = References(), _Tills(), Devices(), Keys()
    if "references.csv" in reads:
        references.collect(_rows(source, "references.csv", reads["references.csv"]))
    with ExitStack() as opened:
        tables = {}
        for name, read in reads.items():
            table = Table(source, name, ranks, read.bad, sort=not read.in_order)
            opened.callback(table.close)
            tables[name] = table
        before_rows = 0
        for key, rank in ranks.items():

            def rows_of(name: str, rank: int = rank) -> Iterator[Row]:
                return tables[name].of(rank) if name in tables else iter(())

            closing = read_closing(key, rows_of, tables.__contains__, keys, tally)
            bons = read_bons(rows_of, closing.where, tally)
            read_references(rows_of, bons, closing.where, tally)
            for signed in judge_signed(bons, closing, rows_of, devices, tally):
                if tars:
                    tars.check(signed, f"{closing.where} {signed.number}", tally)
            for bon in bons.values():
                judge_bon(bon, closing, tally)
            judge_sums(bons, closing, rows_of, tally)
            _ends(closing, bons, tally)
            tills.add(closing, bons, tally)
            references.closing(closing.till, closing.number, bons)
            yield from tally.take()
            done = sum(table.taken for table in tables.values())
            moved(done - before_rows)
            before_rows = done
    tills.judge(tally)
    devices.judge(tally)
    references.judge(tally)
    if tars:
        tars.judge(_explained(source), tally)
    yield from tally.take()


def _rows(source: Source, name: str, read: Read) -> Iterator[Row]:
    with source.open(name) as file:
        for number, row in enumerate(rows_of(Lines(file)), 1):
            if number > 1 and number not in read.bad:
                yield row


def _ends(closing: Closing, bons: dict[str, Bon], tally: Tally) -> None:
    if not bons:
        return
    ordered = sorted(bons.values(), key=lambda bon: bon.number)
    ends = (ordered[0].id, ordered[-1].id)
    tally.check(
        (closing.first, closing.last) == ends, "closing_ends", closing.where, " ".join(ends)
    )


def _explained(source: Source) -> set[tuple[str, int]]:
    """Transactions without a BON that the export itself explains, in a file beside the tables."""
    found: set[tuple[str, int]] = set()
    if EXPLAINED not in source.names():
        return found
    with source.open(EXPLAINED) as file:
        for row in rows_of(Lines(file)):
            if len(row) > 1 and row[1].isdecimal():
                found.add((row[0].lower(), int(row[1])))
    return found
