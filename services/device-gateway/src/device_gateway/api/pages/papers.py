"""A paper as a page shows it: the rows that are printed, and its QR code as a picture."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from device_gateway.ports import ReceiptDesk, ReceiptOrder
from device_gateway.receipt.html import fiscal_qr_svg
from device_gateway.receipt.text import QR_MARK

COPY_MARKS = ("KOPIE", "COPY")


@dataclass(frozen=True, slots=True)
class PaperView:
    """`above` and `below` the QR code, on the grid of the till's printer."""

    above: str
    qr: Markup | None
    below: str
    is_copy: bool
    signed: bool
    outage: bool


def paper_view(desk: ReceiptDesk, order: ReceiptOrder) -> PaperView:
    """What is on the paper, line for line. Pure."""
    text = desk.text(order)
    signed = order.verdict is not None and order.verdict.verdict == "signed"
    above, mark, below = text.partition(QR_MARK)
    if not mark:
        above, below = text, ""
    qr = None
    if mark and signed and order.verdict is not None and order.verdict.qr:
        qr = fiscal_qr_svg(order.verdict.qr)
    return PaperView(
        above=above.rstrip(" "),
        qr=qr,
        below=below.lstrip("\n"),
        is_copy=order.is_copy,
        signed=signed,
        outage=order.outage,
    )
