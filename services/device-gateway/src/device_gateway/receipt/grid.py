"""The paper as a grid: rows of at most so many cells, each cell one character.

A row's text is a `SafeText` and never wider than the paper; that is checked when it is made, so
that no renderer can push a price off the edge.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from device_gateway.receipt.safe_text import Codepage, SafeText, clean

Style = Literal["normal", "bold", "tall", "big"]
"""`tall` is twice as high; `big` twice as high and wide, so it has half the cells."""

COLUMNS = (32, 42, 48)


class TooWide(ValueError):
    """A row would not fit on the paper: a defect of the layout, never of the data."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of text. Centred rows are padded by the renderer, not here."""

    text: SafeText
    style: Style = "normal"
    centred: bool = False

    @property
    def cells(self) -> int:
        return len(self.text) * (2 if self.style == "big" else 1)


@dataclass(frozen=True, slots=True)
class QrRow:
    """A QR code of exactly `content`, centred. `dots` is the wanted size of one module."""

    content: str = field(repr=False)
    dots: int


PaperRow = Row | QrRow


class Grid:
    """Collects rows of `columns` cells in one code page. Text of any origin may be passed in."""

    def __init__(self, columns: int, codepage: Codepage) -> None:
        if columns not in COLUMNS:
            raise ValueError(f"no layout for {columns} columns, only for {COLUMNS}")
        self.columns = columns
        self.codepage = codepage
        self.rows: list[PaperRow] = []
        self.replaced = 0
        """Characters that this code page could not show and that stand as `?`."""

    def clean(self, text: str) -> str:
        """`text` as this paper can show it; its length is its width."""
        shown = clean(text, self.codepage)
        self.replaced += shown.replaced
        return shown.text

    def row(self, text: str, *, style: Style = "normal", centred: bool = False) -> None:
        """One row of text that was cleaned and fits. Raises `UnsafeText`, `TooWide`."""
        row = Row(SafeText(text, self.codepage), style, centred)
        if row.cells > self.columns:
            raise TooWide(f"{row.cells} cells of {self.columns}")
        self.rows.append(row)

    def blank(self) -> None:
        self.row("")

    def rule(self, sign: str = "-") -> None:
        self.row(sign * self.columns)

    def centre(self, text: str, *, style: Style = "normal") -> None:
        """Wrapped and centred; `big` falls back to `tall` where it would need a second line."""
        shown = self.clean(text)
        if style == "big" and len(shown) > self.columns // 2:
            style = "tall"
        for line in _wrapped(shown, self.columns):
            self.row(line, style=style, centred=True)

    def left(self, text: str, *, indent: int = 0, style: Style = "normal") -> None:
        """Wrapped, with an indent in front of every line."""
        for line in _wrapped(self.clean(text), self.columns - indent):
            self.row(" " * indent + line, style=style)

    def pair(self, left: str, right: str, *, indent: int = 0, style: Style = "normal") -> None:
        """`left` wraps; `right` stands at the right edge of the first line and is never cut.

        Where `right` leaves `left` no sensible room, it gets a line of its own, or several.
        """
        label, shown, room = self.clean(left), self.clean(right), self.columns - indent
        width = room - len(shown) - 1
        lines = _wrapped(label, room)
        if len(lines) > 1 or len(lines[0]) > width:
            if width < room // 3:
                for line in lines:
                    self.row(" " * indent + line, style=style)
                for start in range(0, len(shown), room):
                    self.row(shown[start : start + room].rjust(self.columns), style=style)
                return
            lines = _wrapped(label, width)
        first = " " * indent + lines[0]
        self.row(first + shown.rjust(self.columns - len(first)), style=style)
        for line in lines[1:]:
            self.row(" " * indent + line, style=style)

    def exact(self, value: str, *, indent: int = 0) -> None:
        """A value that is printed whole, broken at the edge only (signature, serial)."""
        shown, room = self.clean(value), self.columns - indent
        for start in range(0, len(shown), room):
            self.row(" " * indent + shown[start : start + room])

    def table(self, heading: Sequence[str], body: Iterable[Sequence[str]]) -> None:
        """First column left, the others right-aligned and as wide as their widest cell.

        A table that does not fit (very large amounts) is set one cell per line instead.
        """
        lines = [[self.clean(cell) for cell in line] for line in (heading, *body)]
        widths = [max(len(line[at]) for line in lines) for at in range(len(heading))]
        spare = self.columns - sum(widths)
        gaps = len(heading) - 1
        if spare >= gaps:
            each, rest = divmod(spare, gaps)
            for at in range(1, len(widths)):
                widths[at] += each + (rest if at == 1 else 0)
            for line in lines:
                cells = [line[0].ljust(widths[0])]
                cells += [
                    cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)
                ]
                self.row("".join(cells))
            return
        for line in lines[1:]:
            self.left(line[0])
            for name, cell in zip(lines[0][1:], line[1:], strict=True):
                self.pair(name, cell, indent=2)

    def qr(self, content: str, *, dots: int) -> None:
        self.rows.append(QrRow(content, dots))


def _wrapped(text: str, width: int) -> list[str]:
    """At least one line; words longer than a line are broken."""
    if len(text) <= width:
        return [text.rstrip()]
    return textwrap.wrap(text, width, break_on_hyphens=True) or [""]
