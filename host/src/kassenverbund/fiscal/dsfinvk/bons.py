"""The receipts (BONs) of one closing, read from all tables that speak of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar

from kassenverbund.fiscal.dsfinvk.amounts import amount
from kassenverbund.fiscal.dsfinvk.source import Row
from kassenverbund.fiscal.dsfinvk.tables import TABLES
from kassenverbund.fiscal.dsfinvk.tally import Tally

_K = TypeVar("_K")

RowsOf = Callable[[str], Iterator[Row]]
"""The rows of a table in the closing at hand."""

Three = tuple[int, int, int]
"""Gross, net, tax."""

_AT: Final = {
    name: {column.name: at for at, column in enumerate(columns)} for name, columns in TABLES.items()
}


def places(table: str, *columns: str) -> tuple[int, ...]:
    """Where columns stand in a table."""
    return tuple(_AT[table][one] for one in columns)


@dataclass(slots=True)
class Line:
    case: str
    name: str
    agency: str
    quantity: str
    factor: str
    price: str
    text: str
    gross: int = 0
    parts: dict[int, int] | None = None
    by_key: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Payment:
    kind: str
    name: str
    currency: str
    amount: int
    base: int


@dataclass(slots=True)
class Bon:
    id: str
    number: int
    type: str
    name: str
    storno: str
    start: str
    end: str
    gross: int
    terminals: set[str] = field(default_factory=set)
    """Other than the till, its lines' too."""
    sums: dict[int, Three] = field(default_factory=dict)
    line_sums: dict[int, Three] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)
    payments: list[Payment] = field(default_factory=list)
    cases: dict[tuple[str, str, str, int], Three] = field(default_factory=dict)
    """By GV_TYP, GV_NAME, AGENTUR_ID, UST_SCHLUESSEL."""
    references: int = 0
    signed: int = 0
    """TSE rows, unsigned ones too."""

    @property
    def counts(self) -> bool:
        """Whether it belongs to the sums of its closing."""
        return self.type == "Beleg"


def read_bons(rows_of: RowsOf, where: str, tally: Tally) -> dict[str, Bon]:
    """All of a closing with what the tables say of them, the TSE's and the references aside."""
    bons = _heads(rows_of, where, tally)
    _sums(rows_of, bons, where, tally)
    _lines(rows_of, bons, where, tally)
    _line_sums(rows_of, bons, where, tally)
    _parts(rows_of, bons, where, tally)
    _payments(rows_of, bons, where, tally)
    for table in ("allocation_groups.csv", "subitems.csv"):
        for row in rows_of(table):
            tally.check(row[3] in bons, "bon_known", f"{where} {row[3]}", table)
    return bons


def _heads(rows_of: RowsOf, where: str, tally: Tally) -> dict[str, Bon]:
    at = places(
        "transactions.csv", "BON_ID", "BON_NR", "BON_TYP", "BON_NAME", "BON_STORNO", "BON_START",
        "BON_ENDE", "UMS_BRUTTO", "TERMINAL_ID",
    )  # fmt: skip
    bons: dict[str, Bon] = {}
    for row in rows_of("transactions.csv"):
        id_, number, type_, name, storno, start, end, gross, terminal = [row[one] for one in at]
        if id_ in bons:
            tally.broke("bon_ids", f"{where} {id_}")
            continue
        bon = Bon(id_, int(number), type_, name, storno, start, end, amount(gross))
        if terminal not in ("", row[0]):
            bon.terminals.add(terminal)
        bons[id_] = bon
    return bons


def _sums(rows_of: RowsOf, bons: dict[str, Bon], where: str, tally: Tally) -> None:
    for row in rows_of("transactions_vat.csv"):
        bon = bons.get(row[3])
        tally.check(bon is not None, "bon_known", f"{where} {row[3]}", "transactions_vat.csv")
        if bon is not None:
            add(bon.sums, int(row[4]), (amount(row[5]), amount(row[6]), amount(row[7])))


def _lines(rows_of: RowsOf, bons: dict[str, Bon], where: str, tally: Tally) -> None:
    at = places(
        "lines.csv", "GV_TYP", "GV_NAME", "AGENTUR_ID", "MENGE", "FAKTOR", "STK_BR", "ARTIKELTEXT"
    )
    voucher, terminal = places("lines.csv", "GUTSCHEIN_NR", "POS_TERMINAL_ID")
    for row in rows_of("lines.csv"):
        bon = bons.get(row[3])
        tally.check(bon is not None, "bon_known", f"{where} {row[3]}", "lines.csv")
        if bon is None:
            continue
        if row[4] in bon.lines:
            tally.broke("bon_ids", f"{where} {row[3]}/{row[4]}")
            continue
        case, name, agency, quantity, factor, price, text = [row[one] for one in at]
        bon.lines[row[4]] = Line(case, name, agency, quantity, factor, price, text)
        if row[terminal] not in ("", row[0]):
            bon.terminals.add(row[terminal])
        if "gutschein" in case and not row[voucher]:
            tally.told(f"{where} {row[3]}/{row[4]}", "voucher_unnumbered", case)


def _line_of(bons: dict[str, Bon], row: Row, where: str, table: str, tally: Tally) -> Line | None:
    bon = bons.get(row[3])
    line = bon.lines.get(row[4]) if bon is not None else None
    tally.check(line is not None, "bon_known", f"{where} {row[3]}/{row[4]}", table)
    return line


def _line_sums(rows_of: RowsOf, bons: dict[str, Bon], where: str, tally: Tally) -> None:
    for row in rows_of("lines_vat.csv"):
        line = _line_of(bons, row, where, "lines_vat.csv", tally)
        if line is None:
            continue
        key, three = int(row[5]), (amount(row[6]), amount(row[7]), amount(row[8]))
        line.gross += three[0]
        line.by_key[key] = line.by_key.get(key, 0) + three[0]
        bon = bons[row[3]]
        add(bon.line_sums, key, three)
        if bon.counts:
            add(bon.cases, (line.case, line.name, line.agency or "0", key), three)
        check_arithmetic(three, f"{where} {row[3]}/{row[4]}", "lines_vat.csv", tally)


def _parts(rows_of: RowsOf, bons: dict[str, Bon], where: str, tally: Tally) -> None:
    for row in rows_of("itemamounts.csv"):
        line = _line_of(bons, row, where, "itemamounts.csv", tally)
        if line is None:
            continue
        if line.parts is None:
            line.parts = {}
        three = (amount(row[7]), amount(row[8]), amount(row[9]))
        line.parts[int(row[6])] = line.parts.get(int(row[6]), 0) + three[0]
        check_arithmetic(three, f"{where} {row[3]}/{row[4]}", "itemamounts.csv", tally)


def _payments(rows_of: RowsOf, bons: dict[str, Bon], where: str, tally: Tally) -> None:
    for row in rows_of("datapayment.csv"):
        bon = bons.get(row[3])
        tally.check(bon is not None, "bon_known", f"{where} {row[3]}", "datapayment.csv")
        if bon is not None:
            paid = Payment(row[4], row[5], row[6], amount(row[7]), amount(row[8]))
            bon.payments.append(paid)


def add(sums: dict[_K, Three], key: _K, three: Three) -> None:
    known = sums.get(key, (0, 0, 0))
    sums[key] = (known[0] + three[0], known[1] + three[1], known[2] + three[2])


def check_arithmetic(three: Three, item: str, table: str, tally: Tally) -> None:
    if three[0] - three[1] == three[2]:
        tally.held("vat_arithmetic")
    else:
        tally.broke("vat_arithmetic", item, table)
