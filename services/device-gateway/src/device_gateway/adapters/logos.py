"""Pictures on top of receipts: PNG of the chain's file → dots of one printer, bounded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from io import BytesIO

from PIL import Image

from device_gateway.adapters.escpos import PrinterProfile, Raster, profile_of, raster_of
from device_gateway.events import StorePrinter

HEIGHT_MAX = 240
"""Dots: three centimetres of paper on each receipt."""


def logo_raster(png: bytes, *, dots: int) -> Raster:
    """In the middle of the paper's width, in dots of black and white, never enlarged. Raises
    `OSError` for what is no picture."""
    with Image.open(BytesIO(png), formats=["PNG"]) as opened:
        flat = Image.new("RGBA", opened.size, "white")
        flat.alpha_composite(opened.convert("RGBA"))
    width = dots // 8 * 8
    grey = flat.convert("L")
    grey.thumbnail((width, HEIGHT_MAX), Image.Resampling.LANCZOS)
    # Error diffusion: photographs stay recognisable, line art stays line art.
    picture = grey.convert("1")
    paper = Image.new("1", (width, picture.height), color=1)
    paper.paste(picture, ((width - picture.width) // 2, 0))
    return raster_of(paper)


def profiles_with(logos: Mapping[str, bytes]) -> Callable[[StorePrinter], PrinterProfile]:
    """For `PrintingDesk(profile=…)`. `logos`: PNG by its mark. A printer whose logo is not there
    (an older declaration) prints without."""

    @lru_cache(maxsize=256)
    def raster(mark: str, dots: int) -> Raster:
        return logo_raster(logos[mark], dots=dots)

    def profile(printer: StorePrinter) -> PrinterProfile:
        mark = printer.logo
        logo = None if mark is None or mark not in logos else raster(mark, printer.dots)
        return profile_of(printer, logo=logo)

    return profile
