"""How every benchmark says what it measured: figures with their bare reference of the same run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `ratio` is ours / reference for rates, reference / ours for times."""

    name: str
    """`append 32 callers`"""
    ours: float
    unit: str
    """`/s` or `ms`"""
    reference: float | None = None
    against: str = ""
    """What the reference is: `bare asyncpg inserts`."""
    aim: str = ""
    """The aim in words: `ratio ≥ 0.8`."""
    met: bool | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        if self.reference is None or not self.ours or not self.reference:
            return None
        return self.reference / self.ours if self.unit == "ms" else self.ours / self.reference


def show(title: str, rows: Sequence[Row], *, as_json: bool = False) -> None:
    """Print the rows as a table, or one JSON object per line."""
    if as_json:
        for row in rows:
            print(json.dumps({"benchmark": title, **asdict(row), "ratio": row.ratio}))
        return
    table = Table(title=title, title_justify="left")
    for head in ("figure", "ours", "reference", "ratio", "aim", "met", "note"):
        table.add_column(
            head, justify="right" if head in ("ours", "reference", "ratio") else "left"
        )
    for row in rows:
        table.add_row(
            row.name,
            f"{row.ours:,.1f} {row.unit}",
            "" if row.reference is None else f"{row.reference:,.1f} {row.unit} ({row.against})",
            "" if row.ratio is None else f"{row.ratio:.2f}",
            row.aim,
            {None: "", True: "yes", False: "NO"}[row.met],
            row.note,
        )
    Console().print(table)
