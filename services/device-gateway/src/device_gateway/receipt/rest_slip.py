"""The slip that says what is left on a voucher, so that nobody writes it on the old one by hand.

It shows the end of the serial and never the code: the voucher itself stays valid and is kept.
"""

from __future__ import annotations

from device_gateway.events import Record
from device_gateway.ports import ReceiptOrder
from device_gateway.receipt.build import head_of, masked
from device_gateway.receipt.document import DocumentPart, Paper
from device_gateway.receipt.grid import Grid
from device_gateway.receipt.html import common_of, environment
from device_gateway.receipt.parts import copy_mark, head, when_and_where
from device_gateway.receipt.safe_text import Codepage
from device_gateway.receipt.words import with_currency, words
from money import Money


class Rest(DocumentPart):
    """What is left on one voucher."""

    serial_masked: str
    left: Money


class RestSlip(Paper):
    """The vouchers that a booking used and did not use up."""

    rests: tuple[Rest, ...]


def rest_slip_of(order: ReceiptOrder) -> RestSlip:
    """The document of a booking's slip. Raises `VerdictIncomplete`."""
    booking = order.booking
    assert isinstance(booking, Record)
    return RestSlip(
        **head_of(booking, order),
        rests=tuple(
            Rest(serial_masked=masked(serial), left=left) for serial, left in booking.rests
        ),
    )


def rest_slip_rows(document: RestSlip, columns: int, codepage: Codepage) -> Grid:
    say, grid = words(document.language), Grid(columns, codepage)
    head(grid, document, say)
    when_and_where(grid, document, say, name=say.receipt)
    for rest in document.rests:
        grid.rule()
        grid.centre(f"{say.voucher} {rest.serial_masked}")
        grid.centre(say.left_over.format(amount=with_currency(rest.left, say)), style="big")
    grid.rule()
    grid.left(say.left_note)
    copy_mark(grid, document.is_copy, say)
    return grid


def rest_slip_html(document: RestSlip) -> str:
    """The whole page. Deterministic for a document."""
    say = words(document.language)
    template = environment().get_template("rest_slip.html.j2")
    return template.render(
        **common_of(document, say),
        name=say.receipt,
        left_over=lambda amount: say.left_over.format(amount=with_currency(amount, say)),
    )
