"""What every paper of a till has: head, security device's data, marks. Rows of the grid."""

from __future__ import annotations

from typing import assert_never

from device_gateway.receipt.document import Outage, Paper, Pending, Signed
from device_gateway.receipt.grid import Grid
from device_gateway.receipt.words import Words, instant, tse_time

FISCAL_QR_DOTS = 4
"""Half a millimetre at 203 dpi: read by any telephone, and 58 mm paper still holds the code."""


def mark(grid: Grid, text: str) -> None:
    """What nobody may overlook: a copy, a training."""
    grid.blank()
    grid.centre(f"*** {text} ***", style="tall")
    grid.blank()


def copy_mark(grid: Grid, is_copy: bool, say: Words) -> None:
    """Nothing on an original."""
    if is_copy:
        mark(grid, say.copy)


def head(grid: Grid, document: Paper, say: Words) -> None:
    """Who: store, business with address, tax numbers."""
    business = document.business
    copy_mark(grid, document.is_copy, say)
    grid.centre(document.store_name, style="big")
    if business.name != document.store_name:
        grid.centre(business.name, style="bold")
    grid.centre(business.street)
    grid.centre(f"{business.postal_code} {business.city}")
    if business.vat_id is not None:
        grid.centre(f"{say.vat_id} {business.vat_id}")
    if business.tax_number is not None:
        grid.centre(f"{say.tax_number} {business.tax_number}")


def when_and_where(grid: Grid, document: Paper, say: Words, *, name: str) -> None:
    """Number, time, till with its serial number, and who stood there."""
    grid.blank()
    number = name if document.number is None else f"{name} {document.number}"
    issued = instant(document.issued_at, document.time_zone, say)
    grid.pair(number, issued, style="bold")
    grid.pair(till_label(document, say), document.client_id)
    if document.cashier_id is not None:
        grid.pair(say.cashier, document.cashier_id)


def till_label(document: Paper, say: Words) -> str:
    """`Kasse 1`, and not `Kasse Kasse 1` where the chain has named its till so."""
    name = document.till_name
    return name if say.till.lower() in name.lower() else f"{say.till} {name}"


def fiscal_part(grid: Grid, document: Paper, say: Words) -> None:
    """What the security device said, or why it said nothing."""
    fiscal = document.fiscal
    grid.rule()
    match fiscal:
        case Signed():
            _signed(grid, fiscal, document, say)
        case Outage():
            grid.centre(f"*** {say.outage} ***", style="tall")
            grid.centre(say.outage_note)
            grid.pair(say.begin, instant(fiscal.start_time, document.time_zone, say))
            grid.pair(say.end, instant(fiscal.end_time, document.time_zone, say))
            grid.pair(say.till_serial, document.client_id)
        case Pending():
            grid.centre(say.pending, style="bold")
        case _:
            assert_never(fiscal)


def _signed(grid: Grid, fiscal: Signed, document: Paper, say: Words) -> None:
    if not fiscal.certified:
        grid.centre(say.uncertified, style="bold")
    grid.pair(say.till_serial, document.client_id)
    grid.pair(say.transaction, str(fiscal.transaction_number))
    grid.pair(say.counter, str(fiscal.signature_counter))
    grid.pair(say.begin, tse_time(fiscal.start_time))
    grid.pair(say.end, tse_time(fiscal.end_time))
    grid.left(say.tse + ":")
    grid.exact(fiscal.tse_serial, indent=2)
    grid.left(f"{say.signature}:")
    grid.exact(fiscal.value, indent=2)
    grid.blank()
    grid.qr(fiscal.qr, dots=FISCAL_QR_DOTS)
    grid.blank()
    grid.centre(say.scan_qr)
