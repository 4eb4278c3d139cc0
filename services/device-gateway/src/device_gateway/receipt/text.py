"""The receipt as plain text: what the till shows, what a golden file holds, what a person mails."""

from __future__ import annotations

from typing import assert_never

from device_gateway.receipt.document import ReceiptDocument, VoucherSlip
from device_gateway.receipt.grid import Grid, QrRow, Row
from device_gateway.receipt.layout import receipt_rows, slip_rows
from device_gateway.receipt.safe_text import Codepage

QR_MARK = "[QR]"
"""Where the code stands on paper. Its content is in the document."""


def receipt_text(
    document: ReceiptDocument, *, columns: int = 48, codepage: Codepage = "CP858"
) -> str:
    """The receipt on a grid of `columns`, lines ended by LF, no trailing blanks."""
    return grid_text(receipt_rows(document, columns, codepage))


def slip_text(
    slip: VoucherSlip,
    code: str,
    *,
    columns: int = 48,
    codepage: Codepage = "CP858",
    qr: str | None = None,
) -> str:
    """The slip of a voucher, with its secret code: for the customer's eyes and no log."""
    return grid_text(slip_rows(slip, code, columns, codepage, qr=qr))


def grid_text(grid: Grid) -> str:
    """Rows as lines ended by LF."""
    return "\n".join(_line(row, grid.columns) for row in grid.rows) + "\n"


def _line(row: Row | QrRow, columns: int) -> str:
    match row:
        case QrRow():
            return QR_MARK.center(columns).rstrip()
        case Row(text=text, style="big"):
            # Twice as wide: shown with a space between the letters, so widths stay true.
            spread = " ".join(text.text)
            return (spread.center(columns) if row.centred else spread).rstrip()
        case Row():
            line = row.text.text
            return (line.center(columns) if row.centred else line).rstrip()
        case _:
            assert_never(row)
