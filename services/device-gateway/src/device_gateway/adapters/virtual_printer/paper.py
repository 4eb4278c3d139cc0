"""What came out of the printer: the facts in order, the lines as text, the rows as dots."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from PIL.Image import Image as Bitmap

DEFAULT_CODE_PAGES = {0: "cp437", 2: "cp850", 16: "cp1252", 19: "cp858", 40: "iso8859-15"}
"""Epson's numbers. Other makers number differently: give the profile its own table."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The printer that is played."""

    dots: int = 576
    """Printable dots across: 576 for 80 mm paper, 384 for 58 mm, at 203 dots per inch."""
    code_pages: dict[int, str] = field(default_factory=lambda: dict(DEFAULT_CODE_PAGES))
    """Number of `ESC t n` → name of a Python codec of single bytes."""
    native_qr: bool = True

    @property
    def columns(self) -> int:
        """Characters of font A in a line."""
        return self.dots // FONT_A.width


@dataclass(frozen=True, slots=True)
class Font:
    name: str
    width: int
    height: int


FONT_A = Font("A", 12, 24)
FONT_B = Font("B", 9, 17)


@dataclass(frozen=True, slots=True)
class Style:
    """How characters look. Sizes multiply the font's cell."""

    font: Font = FONT_A
    bold: bool = False
    underline: int = 0
    """Dots: 0, 1 or 2."""
    width: int = 1
    height: int = 1
    reverse: bool = False

    @property
    def cell(self) -> tuple[int, int]:
        """Width and height of a character in dots."""
        return self.font.width * self.width, self.font.height * self.height


@dataclass(frozen=True, slots=True)
class Run:
    text: str
    style: Style


@dataclass(frozen=True, slots=True)
class Text:
    """A printed line."""

    text: str
    runs: tuple[Run, ...]
    align: str
    """`left`, `center` or `right`."""


@dataclass(frozen=True, slots=True)
class Overflow:
    """Something was wider than the paper: a text went on in the next line, a symbol was lost."""

    text: str
    dots: int


@dataclass(frozen=True, slots=True)
class CodePage:
    number: int
    name: str | None
    """None: the printer has no such page, umlauts will come out wrong."""


@dataclass(frozen=True, slots=True)
class Qr:
    content: str
    level: str
    module_dots: int
    modules: int
    """Across, without the quiet zone."""


@dataclass(frozen=True, slots=True)
class Barcode:
    symbology: str
    content: str


@dataclass(frozen=True, slots=True)
class Image:
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Cut:
    partial: bool


@dataclass(frozen=True, slots=True)
class Drawer:
    """A pulse that opens a cash drawer."""

    pin: int
    on_ms: int
    off_ms: int


@dataclass(frozen=True, slots=True)
class Reset:
    """ESC @."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The host asked for a status or a confirmation."""

    command: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Bytes that mean nothing here, or that a till has no business to send. `reason` says which."""

    raw: bytes
    reason: str


Fact = Text | Overflow | CodePage | Qr | Barcode | Image | Cut | Drawer | Reset | Asked | Unknown


class Drawing(Protocol):
    """Something of dots whose size is known before it is drawn: printing must not wait for it."""

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...

    def draw(self) -> Bitmap:
        """Black on white, `width` by `height`."""
        ...


@dataclass(frozen=True, slots=True)
class Cell:
    """A character or a drawing at its place in a row, in dots from the row's `x`."""

    x: int
    style: Style
    character: str = " "
    drawing: Drawing | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One step of the paper's feed: what is on it and how far it goes, in dots."""

    height: int
    cells: tuple[Cell, ...] = ()
    x: int = 0
    """Where alignment and margin put the row, in dots from the left."""
    upside_down: bool = False


@dataclass(frozen=True, slots=True)
class Paper:
    """One piece of paper, from cut to cut."""

    profile: Profile
    facts: tuple[Fact, ...]
    lines: tuple[str, ...]
    """As a person reads it, in columns of font A; symbols in square brackets."""
    rows: tuple[Row, ...]
    raw: bytes
    """The bytes from the cut before to the cut after it."""
    cut: bool
    """False: it still hangs in the printer."""

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"

    @property
    def height(self) -> int:
        """Dots of feed."""
        return sum(row.height for row in self.rows)

    @property
    def qr_codes(self) -> tuple[str, ...]:
        return tuple(fact.content for fact in self.facts if isinstance(fact, Qr))

    @property
    def unknown(self) -> tuple[Unknown, ...]:
        return tuple(fact for fact in self.facts if isinstance(fact, Unknown))
