"""The commands for QR codes, bar codes and stored graphics, with what they remember."""

from __future__ import annotations

from device_gateway.adapters.virtual_printer import graphics, symbols
from device_gateway.adapters.virtual_printer.commands import Token
from device_gateway.adapters.virtual_printer.layout import Layout
from device_gateway.adapters.virtual_printer.paper import (
    FONT_A,
    FONT_B,
    Barcode,
    Image,
    Overflow,
    Profile,
    Qr,
    Style,
    Unknown,
)

QR_MODULE_DOTS = 3
BAR_HEIGHT = 162
BAR_MODULE_DOTS = 3


class SymbolCommands:
    """GS ( k, GS k, GS h/w/H/f, GS ( L and GS 8 L."""

    def __init__(self, layout: Layout, profile: Profile) -> None:
        self._layout = layout
        self._profile = profile
        self.reset()

    def reset(self) -> None:
        """As after ESC @."""
        self._qr_module = QR_MODULE_DOTS
        self._qr_level = "L"
        self._qr_content = b""
        self._bar_height = BAR_HEIGHT
        self._bar_module = BAR_MODULE_DOTS
        self._text_position = 0
        self._text_font = FONT_A
        self._stored: graphics.Raster | None = None

    def execute(self, token: Token) -> bool:
        """False: none of these commands."""
        arguments = token.arguments
        number = arguments[0] if arguments else 0
        match token.name:
            case "GS h":
                self._bar_height = max(1, number)
            case "GS w":
                self._bar_module = number if 1 <= number <= 6 else self._bar_module
            case "GS H":
                self._text_position = number % 48
            case "GS f":
                self._text_font = FONT_B if number in (1, 49) else FONT_A
            case "GS k":
                self._barcode(token)
            case "GS (" if arguments[:1] == b"k":
                return self._qr(token)
            case "GS (" if arguments[:1] == b"L":
                return self._graphics(arguments[3:])
            case "GS 8" if arguments[:1] == b"L":
                return self._graphics(arguments[5:])
            case _:
                return False
        return True

    def _qr(self, token: Token) -> bool:
        kind, function, values = token.arguments[3], token.arguments[4], token.arguments[5:]
        if kind != 49 or not self._profile.native_qr:
            return False
        match function:
            case 65:
                if values[:1] != b"2":
                    return False
            case 67:
                self._qr_module = values[0] if values and 1 <= values[0] <= 16 else 3
            case 69:
                self._qr_level = symbols.LEVELS.get(values[0] if values else 48, "L")
            case 80:
                self._qr_content = values[1:]
            case 81:
                self._print_qr(token)
            case _:
                return False
        return True

    def _print_qr(self, token: Token) -> None:
        try:
            code = symbols.QrDrawing(self._qr_content, self._qr_level, self._qr_module)
        except symbols.NotDrawable as refused:
            self._layout.facts.append(Unknown(token.raw, str(refused)))
            return
        content = self._qr_content.decode("utf-8", "replace")
        if code.width > self._layout.area:
            # A printer prints nothing at all when the code is wider than the paper.
            self._layout.facts.append(Overflow("[QR]", code.width))
            return
        self._layout.facts.append(Qr(content, self._qr_level, self._qr_module, code.modules))
        self._layout.block(code, f"[QR] {content}")

    def _barcode(self, token: Token) -> None:
        system = token.arguments[0]
        data = token.arguments[2:] if system >= 65 else token.arguments[1:-1]
        symbology = symbols.SYMBOLOGIES.get(system)
        try:
            if symbology is None:
                raise symbols.NotDrawable(f"there is no bar code system {system}")
            content = symbols.barcode_content(symbology, data)
            bars = symbols.BarDrawing(
                symbols.bars_of(symbology, content), self._bar_module, self._bar_height
            )
        except symbols.NotDrawable as refused:
            self._layout.facts.append(Unknown(token.raw, str(refused)))
            return
        style = Style(font=self._text_font)
        self._layout.facts.append(Barcode(symbology, content))
        if self._text_position & 1:
            self._layout.caption(content, style)
        self._layout.block(bars, f"[{symbology}] {content}")
        if self._text_position & 2:
            self._layout.caption(content, style)

    def _graphics(self, arguments: bytes) -> bool:
        function, values = arguments[1:2], arguments[2:]
        match function:
            case b"p" if len(values) >= 8 and values[0] == 48:
                width = int.from_bytes(values[4:6], "little")
                height = int.from_bytes(values[6:8], "little")
                across = (width + 7) // 8
                if not width or not height or len(values) - 8 != across * height:
                    return False
                scale = (max(1, values[1]), max(1, values[2]))
                self._stored = graphics.Raster(values[8:], across, height, scale)
            case b"\x02" | b"2":
                if self._stored is not None:
                    self._layout.facts.append(Image(self._stored.width, self._stored.height))
                    self._layout.block(self._stored, "[image]")
                    self._stored = None
            case _:
                return False
        return True
