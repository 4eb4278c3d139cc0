"""The paper under the print head: characters, bitmaps and feeds become rows and text lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby

from device_gateway.adapters.virtual_printer.paper import (
    FONT_A,
    Cell,
    Drawing,
    Fact,
    Image,
    Overflow,
    Profile,
    Row,
    Run,
    Style,
    Text,
)

LINE_SPACING = 30
"""Dots from one line to the next after ESC 2."""

TAB_COLUMNS = 8
ALIGNMENTS = {0: "left", 1: "center", 2: "right", 48: "left", 49: "center", 50: "right"}


@dataclass(slots=True)
class Format:
    """What ESC @ sets back."""

    style: Style = field(default_factory=Style)
    align: str = "left"
    line_spacing: int = LINE_SPACING
    character_spacing: int = 0
    left_margin: int = 0
    area_width: int | None = None
    upside_down: bool = False
    tabs: tuple[int, ...] = tuple(range(TAB_COLUMNS, 256, TAB_COLUMNS))
    code_page: int = 0


class Layout:
    """Fills rows from the top. `facts`, `lines` and `rows` belong to the paper in the making."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.format = Format()
        self.facts: list[Fact] = []
        self.lines: list[str] = []
        self.rows: list[Row] = []
        self._cells: list[Cell] = []
        self._x = 0

    @property
    def area(self) -> int:
        """Dots that a line may use."""
        margin = min(self.format.left_margin, self.profile.dots)
        return min(self.format.area_width or self.profile.dots, self.profile.dots - margin)

    @property
    def at_line_start(self) -> bool:
        return not self._cells

    def write(self, text: str) -> None:
        """Characters go on in the next line where they no longer fit, and that is a fact."""
        style, area = self.format.style, self.area
        width = style.cell[0]
        advance = width + self.format.character_spacing * style.width
        for at, character in enumerate(text):
            if self._x + width > area and self._cells:
                self.facts.append(Overflow(text[at:], self._x + advance * (len(text) - at)))
                self.end_line()
            self._cells.append(Cell(self._x, style, character))
            self._x += advance

    def tab(self) -> None:
        unit = self.format.style.cell[0]
        column = self._x // unit
        stop = next((stop for stop in self.format.tabs if stop > column), None)
        if stop is not None and stop * unit < self.area:
            self._x = stop * unit

    def move_to(self, dots: int) -> None:
        self._x = max(0, min(dots, self.area))

    def move_by(self, dots: int) -> None:
        self.move_to(self._x + dots)

    def stripe(self, drawing: Drawing) -> None:
        """A bit image as part of the line (ESC *)."""
        if self._x + drawing.width > self.area:
            self.facts.append(Overflow("[image]", self._x + drawing.width))
        self.facts.append(Image(drawing.width, drawing.height))
        self._cells.append(Cell(self._x, self.format.style, "", drawing))
        self._x += drawing.width

    def block(self, drawing: Drawing, caption: str) -> None:
        """A drawing in rows of its own (QR code, bar code, raster image)."""
        if not self.at_line_start:
            self.end_line()
        if drawing.width > self.area:
            self.facts.append(Overflow(caption, drawing.width))
        cell = Cell(0, self.format.style, "", drawing)
        x = self._offset(drawing.width)
        self.rows.append(Row(drawing.height, (cell,), x, self.format.upside_down))
        self.lines.append(self._in_columns(caption))

    def caption(self, text: str, style: Style) -> None:
        """A line of text under or above the bars."""
        kept, self.format.style = self.format.style, style
        self.write(text)
        self.end_line(spacing=style.cell[1] + 2)
        self.format.style = kept

    def end_line(self, spacing: int | None = None) -> None:
        """LF: the line goes onto the paper; an empty one only feeds."""
        step = self.format.line_spacing if spacing is None else spacing
        if not self._cells:
            self.feed(step)
            return
        cells = tuple(self._cells)
        images = [cell.drawing.height for cell in cells if cell.drawing is not None]
        # Stripes of a picture must join, whatever spacing the till has set for them.
        styles = {id(cell.style): cell.style for cell in cells}.values()
        height = max(images) if images else max(step, *(style.cell[1] for style in styles), 1)
        self.rows.append(Row(height, cells, self._offset(self._x), self.format.upside_down))
        self._note_text()
        self._cells, self._x = [], 0

    def feed(self, dots: int) -> None:
        """Blank paper; a line still open is printed first."""
        if self._cells:
            self.end_line(spacing=0)
        if dots:
            self.rows.append(Row(dots))
            self.lines.extend([""] * max(1, round(dots / LINE_SPACING)))

    def discard_line(self) -> None:
        """Forget what is in the line buffer (ESC @, a reset)."""
        self._cells, self._x = [], 0

    def _note_text(self) -> None:
        runs: list[Run] = []
        for style, cells in groupby(self._cells, key=lambda cell: cell.style):
            text = "".join(cell.character for cell in cells)
            if text:
                runs.append(Run(text, style))
        text = self._spaced()
        if runs:
            self.facts.append(Text(text.rstrip(), tuple(runs), self.format.align))
        self.lines.append(self._in_columns(text if runs else "[image]"))

    def _spaced(self) -> str:
        """The characters of the line with the gaps that tabs and positions left between them."""
        parts, end, style, width = list[str](), 0, None, 0
        for cell in self._cells:
            if cell.style is not style:
                style, width = cell.style, cell.style.cell[0]
            if cell.x > end:
                parts.append(" " * ((cell.x - end) // width))
            parts.append(cell.character)
            end = cell.x + (cell.drawing.width if cell.drawing else width)
        return "".join(parts)

    def _offset(self, width: int) -> int:
        free = max(0, self.area - width)
        shift = {"left": 0, "center": free // 2, "right": free}[self.format.align]
        return self.format.left_margin + shift

    def _in_columns(self, text: str) -> str:
        free = max(0, self.area // FONT_A.width - len(text.rstrip()))
        shift = {"left": 0, "center": free // 2, "right": free}[self.format.align]
        margin = self.format.left_margin // FONT_A.width
        return (" " * (margin + shift) + text).rstrip()
