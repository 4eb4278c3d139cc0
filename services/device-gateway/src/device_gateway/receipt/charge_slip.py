"""Slips that stand beside the receipt: what a cost center or a payer will be invoiced for, and what
a card terminal says at the end of its day. Rows and pages of one document each."""

from __future__ import annotations

from device_gateway.events import Record
from device_gateway.ports import ReceiptOrder, TerminalReport
from device_gateway.receipt.build import charges_of, head_of, signed_by_hand, store_of
from device_gateway.receipt.document import Charge, Paper, Pending
from device_gateway.receipt.grid import Grid
from device_gateway.receipt.html import common_of, environment
from device_gateway.receipt.layout import charge_rows, limits_left_words
from device_gateway.receipt.parts import copy_mark, head, when_and_where
from device_gateway.receipt.safe_text import Codepage
from device_gateway.receipt.words import with_currency, words
from money import Money


class CenterSlip(Paper):
    """What of a booking is invoiced later, with a line to sign on. The receipt has the rest."""

    charges: tuple[Charge, ...]
    signature_line: bool = False


class TerminalSlip(Paper):
    """The end of day of a card terminal."""

    terminal: str
    total: Money | None = None
    totals: tuple[tuple[str, int, Money], ...] = ()
    text: tuple[str, ...] = ()


def center_slip_of(order: ReceiptOrder) -> CenterSlip:
    """The document of a booking's slip. Raises `VerdictIncomplete`."""
    booking = order.booking
    assert isinstance(booking, Record)
    return CenterSlip(
        **head_of(booking, order),
        charges=charges_of(booking, slips=True),
        signature_line=signed_by_hand(booking, order.master_data),
    )


def terminal_slip_of(order: ReceiptOrder) -> TerminalSlip:
    """The document of an end of day. It is no process: it has no number and no signature."""
    report = order.booking
    assert isinstance(report, TerminalReport)
    return TerminalSlip(
        **store_of(order.master_data),
        booking_id=report.booking_id,
        till_name=report.till_name,
        client_id="",
        number=None,
        issued_at=report.at,
        fiscal=Pending(),
        terminal=report.terminal_name,
        total=report.total,
        totals=tuple((row.card_type, row.count, row.amount) for row in report.totals),
        text=report.text,
        is_copy=order.is_copy,
    )


def center_slip_rows(document: CenterSlip, columns: int, codepage: Codepage) -> Grid:
    say, grid = words(document.language), Grid(columns, codepage)
    head(grid, document, say)
    when_and_where(grid, document, say, name=say.receipt)
    for charge in document.charges:
        charge_rows(grid, charge, say, signed=document.signature_line)
    grid.rule()
    copy_mark(grid, document.is_copy, say)
    return grid


def terminal_slip_rows(document: TerminalSlip, columns: int, codepage: Codepage) -> Grid:
    say, grid = words(document.language), Grid(columns, codepage)
    head(grid, document, say)
    grid.blank()
    grid.centre(say.terminal_closing, style="big")
    when_and_where(grid, document, say, name=say.terminal_closing)
    grid.pair(say.terminal, document.terminal)
    for kind, count, amount in document.totals:
        grid.pair(f"{count} x {kind}", with_currency(amount, say))
    if document.total is not None:
        grid.rule("=")
        grid.pair(say.total, with_currency(document.total, say), style="tall")
    grid.rule()
    for line in document.text:
        grid.left(line)
    copy_mark(grid, document.is_copy, say)
    return grid


def center_slip_html(document: CenterSlip) -> str:
    """The whole page. Deterministic for a document."""
    say = words(document.language)
    return (
        environment()
        .get_template("center_slip.html.j2")
        .render(
            **common_of(document, say),
            name=say.receipt,
            limits=lambda charge: limits_left_words(charge, say),
        )
    )


def terminal_slip_html(document: TerminalSlip) -> str:
    """The same for an end of day."""
    say = words(document.language)
    template = environment().get_template("terminal_slip.html.j2")
    return template.render(**common_of(document, say), name=say.terminal)
