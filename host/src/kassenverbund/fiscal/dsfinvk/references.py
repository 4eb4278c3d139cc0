"""References from one BON to another, which may stand anywhere in the export or outside of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kassenverbund.fiscal.dsfinvk.bons import Bon, RowsOf
from kassenverbund.fiscal.dsfinvk.tally import Tally

Target = tuple[str, str, str]
"""Z_KASSE_ID, Z_NR, BON_ID."""

KEPT_MAX: Final = 1_000_000
"""More references are counted, not followed."""


class References:
    """Collects what is referred to, and what is there."""

    def __init__(self) -> None:
        self._wanted: dict[Target, str] = {}
        self._seen: set[Target] = set()
        self._closings: set[tuple[str, str]] = set()

    def collect(self, rows: Iterator[list[str]]) -> None:
        """Read references.csv before all else: then a BON can say that it is one of them."""
        for row in rows:
            if row[5] == "Transaktion" and len(self._wanted) < KEPT_MAX:
                target = (row[8], row[9], row[10])
                self._wanted.setdefault(target, f"{row[0]} Z {row[2]} {row[3]}")

    def closing(self, till: str, number: int, bons: dict[str, Bon]) -> None:
        """A closing with its BONs."""
        self._closings.add((till, str(number)))
        if self._wanted:
            self._seen.update(
                target for id_ in bons if (target := (till, str(number), id_)) in self._wanted
            )

    def judge(self, tally: Tally) -> None:
        for target, item in self._wanted.items():
            if not all(target):
                continue
            if target in self._seen:
                tally.held("references_resolve")
            elif target[:2] in self._closings:
                tally.broke("references_resolve", item, " ".join(target))
            else:
                tally.told(item, "reference_outside", " ".join(target))


def read_references(rows_of: RowsOf, bons: dict[str, Bon], where: str, tally: Tally) -> None:
    """The rows of a closing: do they name what they mean."""
    for row in rows_of("references.csv"):
        bon = bons.get(row[3])
        item = f"{where} {row[3]}"
        tally.check(bon is not None, "bon_known", item, "references.csv")
        if bon is None:
            continue
        bon.references += 1
        if row[4]:
            tally.check(row[4] in bon.lines, "bon_known", f"{item}/{row[4]}", "references.csv")
        inside = row[5] == "Transaktion"
        named = bool(row[10]) and (not inside or bool(row[8] and row[9]))
        tally.check(named, "references_named", item, row[5])
        itself = inside and (row[8], row[10]) == (where.rsplit(" Z ", 1)[0], row[3])
        tally.check(not itself, "references_named", item, row[10])
