"""Pictures in printer bytes: raster (rows of bits) and bit image (columns of bits)."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image


@dataclass(frozen=True, slots=True)
class Raster:
    """GS v 0 and GS ( L: rows from the top, most significant bit left, 1 is black."""

    data: bytes
    width_bytes: int
    rows: int
    scale: tuple[int, int]
    """How often each dot is repeated, across and down."""

    @property
    def width(self) -> int:
        return self.width_bytes * 8 * self.scale[0]

    @property
    def height(self) -> int:
        return self.rows * self.scale[1]

    def draw(self) -> Image.Image:
        size = (self.width_bytes * 8, self.rows)
        return _enlarged(Image.frombytes("1", size, _inverted(self.data)), self)


@dataclass(frozen=True, slots=True)
class Columns:
    """ESC *: columns from the left, each of 8 (modes 0, 1) or 24 dots (32, 33) from the top."""

    data: bytes
    mode: int

    @property
    def _deep(self) -> int:
        return 3 if self.mode in (32, 33) else 1

    @property
    def width(self) -> int:
        return len(self.data) // self._deep * (2 if self.mode in (0, 32) else 1)

    @property
    def height(self) -> int:
        # Both depths reach over 24 dots: eight coarse ones are three times as high.
        return 24

    def draw(self) -> Image.Image:
        # Columns are the rows of the picture turned by a quarter, so Pillow may do the work.
        size = (self._deep * 8, len(self.data) // self._deep)
        turned = Image.frombytes("1", size, _inverted(self.data))
        return _enlarged(turned.transpose(Image.Transpose.TRANSPOSE), self)


def _inverted(data: bytes) -> bytes:
    """A printer's 1 is black, Pillow's is white."""
    return bytes(byte ^ 0xFF for byte in data)


def _enlarged(image: Image.Image, wanted: Raster | Columns) -> Image.Image:
    size = (wanted.width, wanted.height)
    return image if image.size == size else image.resize(size, Image.Resampling.NEAREST)
