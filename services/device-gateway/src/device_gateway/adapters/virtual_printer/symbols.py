"""QR codes and bar codes as a printer draws them from their content."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import barcode
import segno
from barcode.errors import BarcodeError
from PIL import Image
from segno import encoder

_encoder: Any = encoder
"""It carries no types."""

LEVELS = {48: "L", 49: "M", 50: "Q", 51: "H"}

SYMBOLOGIES = {
    0: "UPC-A",
    1: "UPC-E",
    2: "EAN13",
    3: "EAN8",
    4: "CODE39",
    5: "ITF",
    6: "CODABAR",
    65: "UPC-A",
    66: "UPC-E",
    67: "EAN13",
    68: "EAN8",
    69: "CODE39",
    70: "ITF",
    71: "CODABAR",
    72: "CODE93",
    73: "CODE128",
}
_CLASSES = {
    "UPC-A": "upca",
    "EAN13": "ean13",
    "EAN8": "ean8",
    "CODE39": "code39",
    "ITF": "itf",
    "CODABAR": "codabar",
    "CODE128": "code128",
}


class NotDrawable(ValueError):
    """The content does not fit the symbol; a printer prints nothing or rubbish then."""


QR_MASK = 3
"""Any mask may be read. The standard wants the most even of eight, at eight times the work."""


@dataclass(frozen=True, slots=True)
class QrDrawing:
    """A QR code without its quiet zone. Raises `NotDrawable`: more than a QR code holds."""

    content: bytes
    level: str
    module_dots: int
    modules: int = field(init=False)
    """Across."""

    def __post_init__(self) -> None:
        # The size alone takes half a millisecond, the drawing ten: it is left to `draw`.
        try:
            segments = _encoder.prepare_data(self.content, None, None)
            level = _encoder.normalize_errorlevel(self.level)
            version = _encoder.find_version(segments, error=level, eci=False, micro=False)
        except (segno.DataOverflowError, ValueError) as refused:
            raise NotDrawable(str(refused)) from refused
        object.__setattr__(self, "modules", 17 + 4 * version)

    @property
    def width(self) -> int:
        return self.modules * self.module_dots

    @property
    def height(self) -> int:
        return self.width

    def draw(self) -> Image.Image:
        code = segno.make_qr(self.content, error=self.level, mask=QR_MASK, boost_error=False)
        dots = bytes(0 if dark else 255 for row in code.matrix for dark in row)
        side = (len(code.matrix), len(code.matrix))
        size = (self.width, self.height)
        return Image.frombytes("L", side, dots).resize(size, Image.Resampling.NEAREST)


def barcode_content(symbology: str, data: bytes) -> str:
    """What the bars say. CODE128 data carries its code sets as `{A`, `{B`, `{C` (pairs of digits
    as one byte each)."""
    if symbology != "CODE128":
        return data.decode("ascii", "replace")
    content, at, code_set = [], 0, "B"
    while at < len(data):
        if data[at] == 0x7B and at + 1 < len(data):
            follower = chr(data[at + 1])
            if follower in "ABC":
                code_set = follower
            elif follower == "{":
                content.append("{")
            at += 2
            continue
        content.append(f"{data[at]:02d}" if code_set == "C" else chr(data[at]))
        at += 1
    return "".join(content)


def bars_of(symbology: str, content: str) -> str:
    """The modules, `1` for black. Raises `NotDrawable`: wrong length or characters, or a system
    that is not drawn here."""
    name = _CLASSES.get(symbology)
    if name is None:
        raise NotDrawable(f"{symbology} is not drawn here")
    options = {"add_checksum": False} if name == "code39" else {}
    if name in ("ean13", "ean8", "upca") and not content.isdigit():
        raise NotDrawable(f"{symbology} takes digits only")
    try:
        return str(barcode.get_barcode_class(name)(content, **options).build()[0])
    except (BarcodeError, ValueError, KeyError, IndexError) as refused:
        raise NotDrawable(f"{symbology}: {refused}") from refused


@dataclass(frozen=True, slots=True)
class BarDrawing:
    """Bars without text."""

    bars: str
    module: int
    height: int

    @property
    def width(self) -> int:
        return len(self.bars) * self.module

    def draw(self) -> Image.Image:
        line = bytes(0 if bar == "1" else 255 for bar in self.bars)
        thin = Image.frombytes("L", (len(self.bars), 1), line)
        return thin.resize((self.width, self.height), Image.Resampling.NEAREST)
