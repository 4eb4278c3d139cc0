"""Rows of a grid → the bytes of an ESC/POS printer.

python-escpos builds the commands; text comes as `SafeText` alone, in one forced code page that is
named again at the head of every job. (The library's own `text` passes control characters on, picks
code pages by itself and loses track of them after a reset.) What comes out is parsed again by
`escpos_guard` before anybody gets it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, assert_never, get_args

import segno
from PIL import Image, ImageChops

from device_gateway.adapters.escpos_guard import Allowed, checked
from device_gateway.adapters.escpos_library import dummy_class
from device_gateway.events import StorePrinter
from device_gateway.receipt.grid import Grid, PaperRow, QrRow, Row
from device_gateway.receipt.safe_text import Codepage

QUIET_ZONE = 4
"""Modules of white around a QR code (ISO/IEC 18004)."""

QR_DOTS_MIN = 3
"""Below 0.375 mm per module at 203 dpi telephones begin to fail."""

QR_LEVEL = {"m": 1, "l": 0}
"""Error correction, the wanted one first: segno's name and the library's number."""

LONG = 100
"""Characters from which on a code's mask is not chosen …"""
LONG_MASK = 3
"""… but this one: any would do."""

FEED_LINES = 6
"""From the print head to the blade."""


@dataclass(frozen=True, slots=True)
class Raster:
    """A picture in black and white: one bit per dot, rows of whole bytes, black is 1."""

    across: int
    """Bytes of a row."""
    down: int
    bits: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PrinterProfile:
    """What has to be known of one printer. Taken from no database: numbers differ by maker."""

    printer_id: str
    columns: int
    dots: int
    codepage: Codepage
    codepage_number: int
    """The printer's own number for `codepage` (`ESC t n`)."""
    qr: Literal["native", "image"]
    cut: Literal["full", "partial", "none"] = "full"
    drawer_pin: Literal[2, 5] | None = None
    """None: there is no cash drawer on this printer, and no pulse is ever sent."""
    logo: Raster | None = None
    """On top of receipts."""


@dataclass(frozen=True, slots=True)
class OpenDrawer:
    """Cash was taken: the drawer shall open with this receipt."""

    booking_id: str


class QrTooLarge(ValueError):
    """The code cannot be printed readably on this paper."""


class NoDrawer(ValueError):
    """A drawer pulse was ordered for a printer without a drawer."""


def profile_of(printer: StorePrinter, *, logo: Raster | None = None) -> PrinterProfile:
    """The profile of a declared printer. Raises ValueError for what we have no table of."""
    codepage, cut, pin = printer.codepage, printer.cut, printer.drawer_pin
    if codepage not in get_args(Codepage):
        raise ValueError(f"{printer.printer_id}: no table for code page {codepage}")
    if cut not in ("full", "partial", "none") or pin not in (None, 2, 5):
        raise ValueError(f"{printer.printer_id}: no command for cut {cut} or drawer pin {pin}")
    return PrinterProfile(
        printer_id=printer.printer_id,
        columns=printer.columns,
        dots=printer.dots,
        codepage=codepage,  # type: ignore[arg-type]  # one of them, see above
        codepage_number=printer.codepage_number,
        qr="image" if printer.qr == "image" else "native",
        cut=cut,  # type: ignore[arg-type]  # one of them, see above
        drawer_pin=pin,  # type: ignore[arg-type]  # one of them, see above
        logo=logo,
    )


def encode(
    grid: Grid,
    profile: PrinterProfile,
    *,
    drawer: OpenDrawer | None = None,
    logo: Raster | None = None,
) -> bytes:
    """One job: reset, code page, rows, feed, cut; the drawer first where it is ordered.

    Raises `NoDrawer`, `QrTooLarge`; `UnsafeBytes` where the guard finds anything that no receipt
    needs (a defect, never the data's fault).
    """
    if grid.codepage != profile.codepage or grid.columns > profile.columns:
        raise ValueError(f"laid out for other paper than {profile.printer_id} has")
    printer = _begun(profile, drawer)
    if logo is not None:
        printer._raw(_raster(logo) + b"\n")
    _rows(printer, grid.rows, grid.columns, profile)
    _cut(printer, profile)
    qr_contents = tuple(row.content for row in grid.rows if isinstance(row, QrRow))
    return checked(
        printer.output,
        Allowed(
            codepage_number=profile.codepage_number,
            columns=profile.columns,
            dots=profile.dots,
            qr_contents=qr_contents,
            native_qr=profile.qr == "native",
            pictures=(logo is not None) + (len(qr_contents) if profile.qr == "image" else 0),
            cuts=0 if profile.cut == "none" else 1,
            drawer_pulses=0 if drawer is None else 1,
        ),
    )


def drawer_pulse(profile: PrinterProfile, drawer: OpenDrawer) -> bytes:
    """A job that opens the drawer and prints nothing. Raises `NoDrawer`."""
    return checked(
        _begun(profile, drawer).output,
        Allowed(
            codepage_number=profile.codepage_number,
            columns=profile.columns,
            dots=profile.dots,
            cuts=0,
            drawer_pulses=1,
        ),
    )


def _begun(profile: PrinterProfile, drawer: OpenDrawer | None) -> Any:
    if drawer is not None and profile.drawer_pin is None:
        raise NoDrawer(profile.printer_id)
    printer: Any = dummy_class()()
    printer.hw("INIT")
    printer._raw(b"\x1bt" + bytes([profile.codepage_number]))
    if drawer is not None:
        printer.cashdraw(profile.drawer_pin)
    return printer


def _rows(printer: Any, rows: Iterable[PaperRow], columns: int, profile: PrinterProfile) -> None:
    style = "normal"
    for row in rows:
        match row:
            case Row():
                if row.style != style:
                    _style(printer, row)
                    style = row.style
                cells = columns // 2 if row.style == "big" else columns
                # Centred with spaces and not by the printer: the preview shows the same columns.
                pad = (cells - len(row.text)) // 2 if row.centred else 0
                printer._raw(b" " * pad + row.text.encode() + b"\n")
            case QrRow():
                _qr(printer, row, profile)
            case _:
                assert_never(row)


def _style(printer: Any, row: Row) -> None:
    # GS ! and ESC E, each written out: `ESC !` would reset bold, `set()` alone resets nothing.
    printer.set(
        custom_size=True,
        width=2 if row.style == "big" else 1,
        height=2 if row.style in ("big", "tall") else 1,
    )
    printer.set(bold=row.style != "normal")


def _qr(printer: Any, row: QrRow, profile: PrinterProfile) -> None:
    level, size = qr_fit(row.content, wanted=row.dots, dots=profile.dots)
    if profile.qr == "image":
        picture = _qr_picture(row.content, level=level, size=size, dots=profile.dots)
        printer._raw(_raster(raster_of(picture)))
        return
    # The library refuses `center=True` with native codes.
    printer.set(align="center")
    printer.qr(row.content, ec=QR_LEVEL[level], size=size, native=True)
    printer.set(align="left")


def qr_fit(content: str, *, wanted: int, dots: int) -> tuple[str, int]:
    """`(error correction, dots per module)`: the wanted size or the largest that the paper holds
    with its quiet zone, at level M or else L. Raises `QrTooLarge`."""
    for level in QR_LEVEL:
        modules = _modules(len(content.encode()), level)
        size = min(wanted, dots // modules)
        if size >= QR_DOTS_MIN:
            return level, size
    raise QrTooLarge(f"{len(content)} characters on {dots} dots")


def _code(content: str, level: str, *, mask: int | None = None) -> segno.QRCode:
    # Byte mode, as printers do it: another mode would have another size than the one printed.
    return segno.make_qr(content, error=level, mode="byte", boost_error=False, mask=mask)


@lru_cache(maxsize=1_024)
def _modules(content_bytes: int, level: str) -> int:
    """Width with quiet zone. In byte mode it hangs on the length alone, so it is kept: choosing
    the best of eight masks would cost a busy store 30 ms per receipt for a number."""
    return int(_code("x" * content_bytes, level, mask=0).symbol_size(border=QUIET_ZONE)[0])


def _qr_picture(content: str, *, level: str, size: int, dots: int) -> Image.Image:
    """The code in the middle of the paper's full width: the printer need not centre it.

    A long code is signed data and looks like noise under every mask: choosing the best of eight
    would cost a busy store 30 ms per receipt.
    """
    code = _code(content, level, mask=LONG_MASK if len(content) > LONG else None)
    modules = int(code.symbol_size(border=0)[0])
    rows = b"".join(bytes(0 if module & 1 else 255 for module in row) for row in code.matrix)
    symbol = Image.frombytes("L", (modules, modules), rows).convert("1")
    symbol = symbol.resize((modules * size, modules * size), Image.Resampling.NEAREST)
    width, quiet = dots // 8 * 8, QUIET_ZONE * size
    paper = Image.new("1", (width, symbol.height + 2 * quiet), color=1)
    paper.paste(symbol, ((width - symbol.width) // 2, quiet))
    return paper


def raster_of(picture: Image.Image) -> Raster:
    """A black and white picture whose width is whole bytes."""
    bits = ImageChops.invert(picture.convert("L")).convert("1").tobytes()
    return Raster(picture.width // 8, picture.height, bits)


def _raster(raster: Raster) -> bytes:
    """`GS v 0`: one bit per dot, black is 1. (The library's own `image` prints advice about its
    profiles to standard output.)"""
    sizes = raster.across.to_bytes(2, "little") + raster.down.to_bytes(2, "little")
    return b"\x1dv0\x00" + sizes + raster.bits


def _cut(printer: Any, profile: PrinterProfile) -> None:
    if profile.cut == "none":
        printer.print_and_feed(FEED_LINES)
    else:
        printer.cut(mode="FULL" if profile.cut == "full" else "PART")
