"""The self-test of a printer: one look at the paper says whether its settings are right."""

from __future__ import annotations

from device_gateway.adapters.escpos import PrinterProfile, encode, qr_fit
from device_gateway.events import MasterDataChanged, StorePrinter
from device_gateway.receipt.grid import Grid
from device_gateway.receipt.safe_text import PRINTABLE

LETTERS = "äöüÄÖÜß é à € £ § °"
QR_CONTENT = "V0;SELBSTTEST;" + "0123456789" * 24
"""As long as the code on a receipt, and never to be taken for one."""


def self_test_grid(
    printer: StorePrinter, profile: PrinterProfile, master_data: MasterDataChanged
) -> Grid:
    """Ruler, letters, sizes, a QR code as large as a receipt's, and what is set."""
    german = master_data.language != "en"
    grid = Grid(profile.columns, profile.codepage)
    grid.centre("SELBSTTEST" if german else "SELF-TEST", style="big")
    grid.centre(printer.printer_id, style="bold")
    grid.centre(master_data.name)
    grid.blank()
    ruler = "".join(str(at % 10) for at in range(1, profile.columns + 1))
    grid.row(ruler)
    grid.left(
        "Eine Zeile, so breit wie das Papier." if german else "One line, as wide as the paper."
    )
    grid.blank()
    grid.pair("Codepage", f"{profile.codepage} (ESC t {profile.codepage_number})")
    grid.left(LETTERS)
    grid.left(
        "Hier stehen Umlaute, scharfes S und Euro." if german else "Umlauts, sharp s and euro."
    )
    table = sorted(character for character in PRINTABLE[profile.codepage] if ord(character) > 0x7F)
    line = "".join(table)
    for start in range(0, len(line), profile.columns):
        grid.row(line[start : start + profile.columns])
    grid.blank()
    for style in ("normal", "bold", "tall", "big"):
        grid.centre({"normal": "Normal", "bold": "Fett" if german else "Bold"}.get(
            style, {"tall": "Hoch" if german else "Tall", "big": "Groß" if german else "Big"}.get(
                style, ""
            )
        ), style=style)  # fmt: skip
    grid.rule("=")
    level, dots = qr_fit(QR_CONTENT, wanted=4, dots=profile.dots)
    grid.pair("QR", f"{profile.qr}, {level.upper()}, {dots} dots")
    grid.qr(QR_CONTENT, dots=4)
    grid.blank()
    grid.pair("dots", str(profile.dots))
    grid.pair("cut", profile.cut)
    grid.pair("drawer_pin", str(profile.drawer_pin or "-"))
    grid.pair("confirm_by", printer.confirm_by)
    grid.pair("purposes", ", ".join(printer.purposes))
    grid.rule()
    return grid


def self_test_job(
    printer: StorePrinter, profile: PrinterProfile, master_data: MasterDataChanged
) -> bytes:
    """The bytes of it, with the logo where there is one. The drawer stays shut."""
    return encode(self_test_grid(printer, profile, master_data), profile, logo=profile.logo)
