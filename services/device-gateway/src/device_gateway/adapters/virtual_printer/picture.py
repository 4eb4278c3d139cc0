"""The paper as a picture: dots on their grid, drawn twice as fine so that people like to read it.

Letters come from DejaVu Sans Mono, which the package `python-barcode` brings along.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib.resources import as_file, files
from io import BytesIO

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from device_gateway.adapters.virtual_printer.paper import Font, Paper, Row, Style

SCALE = 2
"""Pixels of the picture per dot of the printer."""

MARGIN_DOTS = 32
"""White paper left and right of the printable dots; a QR code's quiet zone needs it."""
TOP_DOTS = 40
BOTTOM_DOTS = 48
DESK_DOTS = 20
"""Of the surface around the paper."""
TOOTH_DOTS = 8
"""Width of a tooth of the serrated edge; half as high."""

HEIGHT_MAX_DOTS = 16_000
"""Two metres of paper. A longer one is drawn up to here."""

INK = 26
PAPER = 255
DESK = 227
SHADOW = 180

DARK = 110
"""From here on a dot is burnt."""

_GLYPHS_MAX = 4_096


class GivenUp(Exception):
    """Nobody wants the picture any more."""


def png(paper: Paper, *, enough: Callable[[], bool] = lambda: False) -> bytes:
    """The picture of `paper` as PNG. It costs about 0.1 s of CPU: call it in a thread.

    Raises `GivenUp` soon after `enough()` has become true.
    """
    dots = _dots(paper, enough)
    sheet = _sheet(dots.size)
    outline = _outline(sheet, torn=not paper.cut)
    _go_on(enough)
    desk = DESK_DOTS * SCALE
    size = (sheet[0] + 2 * desk, sheet[1] + 2 * desk)
    picture = Image.new("L", size, DESK)
    _drop_shadow(picture, outline, desk)
    white = Image.new("L", sheet, PAPER)
    white.paste(INK, (MARGIN_DOTS * SCALE, TOP_DOTS * SCALE), dots)
    picture.paste(white, (desk, desk), outline)
    _go_on(enough)
    # Sixteen greys are plenty for black, white and a shadow, at a third of the time and half the
    # bytes.
    greys = picture.point(lambda value: value >> 4)
    greys.putpalette([grey * 17 for grey in range(16) for _ in range(3)])
    out = BytesIO()
    greys.save(out, format="PNG", bits=4, compress_level=2)
    return out.getvalue()


def dots_png(paper: Paper) -> bytes:
    """The printable dots alone, in black and white and in their own size: for a printer that
    takes pictures. White below the last ink is left out. It costs about 0.05 s: in a thread."""
    ink = _dots(paper, lambda: False).reduce(SCALE)
    black = ink.point(lambda value: 255 if value >= DARK else 0)
    box = black.getbbox()
    height = 1 if box is None else box[3]
    picture = ImageChops.invert(black.crop((0, 0, black.width, height))).convert("1")
    out = BytesIO()
    picture.save(out, format="PNG")
    return out.getvalue()


def _go_on(enough: Callable[[], bool]) -> None:
    if enough():
        raise GivenUp


def _dots(paper: Paper, enough: Callable[[], bool]) -> Image.Image:
    """Where the ink is: 255 is black."""
    height = max(1, min(paper.height, HEIGHT_MAX_DOTS))
    ink = Image.new("L", (paper.profile.dots * SCALE, height * SCALE), 0)
    y = 0
    for row in paper.rows:
        if y >= height:
            break
        _go_on(enough)
        if row.cells:
            ink.paste(_row(row, paper.profile.dots), (0, y * SCALE))
        y += row.height
    return ink


def _row(row: Row, dots: int) -> Image.Image:
    strip = Image.new("L", (dots * SCALE, row.height * SCALE), 0)
    tallest = max(cell.style.cell[1] for cell in row.cells)
    for cell in row.cells:
        if cell.drawing is not None:
            size = (cell.drawing.width * SCALE, cell.drawing.height * SCALE)
            large = cell.drawing.draw().convert("L").resize(size, Image.Resampling.NEAREST)
            strip.paste(ImageChops.invert(large), ((row.x + cell.x) * SCALE, 0))
        else:
            # Characters of different sizes in a line stand on a common ground line.
            top = (tallest - cell.style.cell[1]) * SCALE
            strip.paste(_glyph(cell.character, cell.style), ((row.x + cell.x) * SCALE, top))
    return strip.rotate(180) if row.upside_down else strip


@lru_cache(maxsize=_GLYPHS_MAX)
def _glyph(character: str, style: Style) -> Image.Image:
    """A character as it is printed. Who gets it must not change it."""
    glyph = _letter(character, style.font, style.bold)
    width, height = (side * SCALE for side in style.cell)
    if (style.width, style.height) != (1, 1):
        # The printer doubles dots; smooth enlargement of the finer picture looks like its result.
        glyph = glyph.resize((width, height), Image.Resampling.BICUBIC)
    if style.underline:
        glyph.paste(255, (0, height - style.underline * SCALE, width, height))
    return ImageChops.invert(glyph) if style.reverse else glyph


def _letter(character: str, font: Font, bold: bool) -> Image.Image:
    """A character in its cell, centred on the font's advance."""
    box = Image.new("L", (font.width * SCALE, font.height * SCALE), 0)
    face = _face(font)
    draw = ImageDraw.Draw(box)
    ascent, descent = face.getmetrics()
    top = (box.height - ascent - descent) / 2
    left = (box.width - face.getlength(character)) / 2
    draw.text((left, top), character, font=face, fill=255)
    if bold:
        # A printer prints bold by burning the dots a second time, one dot further.
        draw.text((left + SCALE * 0.75, top), character, font=face, fill=255)
    return box


@lru_cache(maxsize=4)
def _face(font: Font) -> ImageFont.FreeTypeFont:
    # DejaVu Sans Mono advances by 0.602 of its size: this fills the cell exactly.
    size = font.width * SCALE / 0.602
    with as_file(files("barcode") / "fonts" / "DejaVuSansMono.ttf") as path:
        return ImageFont.truetype(str(path), size=size)


def _sheet(dots: tuple[int, int]) -> tuple[int, int]:
    across = dots[0] + 2 * MARGIN_DOTS * SCALE
    return across, dots[1] + (TOP_DOTS + BOTTOM_DOTS) * SCALE


def _outline(size: tuple[int, int], *, torn: bool) -> Image.Image:
    """The paper's shape: serrated where it was torn against the blade, straight where cut."""
    width, height = size
    tooth, deep = TOOTH_DOTS * SCALE, TOOTH_DOTS * SCALE // 2
    mask = Image.new("L", size, 0)
    draw = ImageDraw.Draw(mask)
    top = [(x, deep if (x // (tooth // 2)) % 2 else 0) for x in range(0, width + tooth, tooth // 2)]
    bottom = [(x, height - y) for x, y in top]
    if torn:
        # It still hangs in the printer: no lower edge yet.
        bottom = [(0, height), (width + tooth, height)]
    draw.polygon([*top, *reversed(bottom)], fill=255)
    return mask


def _drop_shadow(picture: Image.Image, outline: Image.Image, at: int) -> None:
    shade = Image.new("L", picture.size, 0)
    shade.paste(outline, (at + SCALE, at + 3 * SCALE))
    # Blurred on a quarter of the picture: sixteen times cheaper, and a shadow has no details.
    small = shade.reduce(4).filter(ImageFilter.GaussianBlur(2 * SCALE / 2))
    soft = small.resize(picture.size, Image.Resampling.BILINEAR)
    picture.paste(SHADOW, (0, 0), soft)
