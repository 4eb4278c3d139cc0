"""Pictures in printer bytes: raster (rows of bits) and bit image (columns of bits)."""

from __future__ import annotations

from PIL import Image


def raster(data: bytes, *, width_bytes: int, height: int, scale: tuple[int, int]) -> Image.Image:
    """GS v 0 and GS ( L: rows from the top, most significant bit left, 1 is black."""
    image = Image.frombytes("1", (width_bytes * 8, height), bytes(byte ^ 0xFF for byte in data))
    return _enlarged(image, scale)


def columns(data: bytes, *, mode: int) -> Image.Image:
    """ESC *: columns from the left, each of 8 (modes 0, 1) or 24 dots (32, 33) from the top."""
    deep = 3 if mode in (32, 33) else 1
    width = len(data) // deep
    # Columns are the rows of the picture turned by a quarter, so Pillow may do the work.
    turned = Image.frombytes("1", (deep * 8, width), bytes(byte ^ 0xFF for byte in data))
    image = turned.transpose(Image.Transpose.TRANSPOSE)
    across = 2 if mode in (0, 32) else 1
    down = 1 if deep == 3 else 3
    return _enlarged(image, (across, down))


def _enlarged(image: Image.Image, scale: tuple[int, int]) -> Image.Image:
    across, down = scale
    if (across, down) == (1, 1):
        return image
    return image.resize((image.width * across, image.height * down), Image.Resampling.NEAREST)
