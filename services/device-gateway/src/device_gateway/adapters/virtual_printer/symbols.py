"""QR codes and bar codes as a printer draws them from their content."""

from __future__ import annotations

from io import BytesIO

import barcode
import segno
from barcode.errors import BarcodeError
from PIL import Image

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


def qr_bitmap(content: bytes, *, level: str, module_dots: int) -> tuple[Image.Image, int]:
    """The code, black on white, without a quiet zone, and its modules across.

    Raises `NotDrawable`: more content than a QR code holds.
    """
    try:
        code = segno.make_qr(content, error=level, boost_error=False)
    except segno.DataOverflowError as too_long:
        raise NotDrawable(str(too_long)) from too_long
    picture = BytesIO()
    code.save(picture, kind="png", scale=module_dots, border=0)
    picture.seek(0)
    return Image.open(picture).convert("1"), int(code.symbol_size(border=0)[0])


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


def barcode_bitmap(symbology: str, content: str, *, module: int, height: int) -> Image.Image:
    """The bars without text. Raises `NotDrawable`: wrong length, wrong characters, no such bars."""
    name = _CLASSES.get(symbology)
    if name is None:
        raise NotDrawable(f"{symbology} is not drawn here")
    options = {"add_checksum": False} if name == "code39" else {}
    if name in ("ean13", "ean8", "upca") and not content.isdigit():
        raise NotDrawable(f"{symbology} takes digits only")
    try:
        code = barcode.get_barcode_class(name)(content, **options)
        bars = code.build()[0]
    except (BarcodeError, ValueError, KeyError, IndexError) as refused:
        raise NotDrawable(f"{symbology}: {refused}") from refused
    image = Image.new("1", (len(bars) * module, height), 1)
    for at, bar in enumerate(bars):
        if bar == "1":
            image.paste(0, (at * module, 0, (at + 1) * module, height))
    return image
