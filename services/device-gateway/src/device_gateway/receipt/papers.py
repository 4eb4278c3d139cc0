"""Which paper an order asks for: receipt, slip of a cash move, Z report or X report."""

from __future__ import annotations

from typing import assert_never

from device_gateway.events import CashMoved, Record, TillClosed
from device_gateway.ports import ReceiptOrder, ShiftSoFar, TerminalReport
from device_gateway.receipt.build import receipt_of
from device_gateway.receipt.charge_slip import (
    CenterSlip,
    TerminalSlip,
    center_slip_html,
    center_slip_of,
    center_slip_rows,
    terminal_slip_html,
    terminal_slip_of,
    terminal_slip_rows,
)
from device_gateway.receipt.document import ReceiptDocument
from device_gateway.receipt.grid import Grid
from device_gateway.receipt.html import receipt_html
from device_gateway.receipt.layout import receipt_rows
from device_gateway.receipt.report_build import cash_slip_of, x_report_of, z_report_of
from device_gateway.receipt.report_document import CashSlip, ReportDocument
from device_gateway.receipt.report_html import cash_html, report_html
from device_gateway.receipt.report_layout import cash_rows, report_rows
from device_gateway.receipt.rest_slip import (
    RestSlip,
    rest_slip_html,
    rest_slip_of,
    rest_slip_rows,
)
from device_gateway.receipt.safe_text import Codepage

Document = ReceiptDocument | CashSlip | ReportDocument | CenterSlip | TerminalSlip | RestSlip


def paper_of(order: ReceiptOrder) -> Document:
    """The document of an order. Raises `VerdictIncomplete`."""
    match order.booking:
        case Record() if order.paper == "center_slip":
            return center_slip_of(order)
        case Record() if order.paper == "rest_slip":
            return rest_slip_of(order)
        case Record():
            return receipt_of(order)
        case TerminalReport():
            return terminal_slip_of(order)
        case CashMoved():
            return cash_slip_of(order)
        case TillClosed():
            return z_report_of(order)
        case ShiftSoFar():
            return x_report_of(order)
        case _:
            assert_never(order.booking)


def paper_rows(document: Document, columns: int, codepage: Codepage) -> Grid:
    """The rows of a document."""
    match document:
        case ReceiptDocument():
            return receipt_rows(document, columns, codepage)
        case CashSlip():
            return cash_rows(document, columns, codepage)
        case CenterSlip():
            return center_slip_rows(document, columns, codepage)
        case TerminalSlip():
            return terminal_slip_rows(document, columns, codepage)
        case RestSlip():
            return rest_slip_rows(document, columns, codepage)
        case ReportDocument():
            return report_rows(document, columns, codepage)
        case _:
            assert_never(document)


def paper_html(document: Document) -> str:
    """A document as a page."""
    match document:
        case ReceiptDocument():
            return receipt_html(document)
        case CashSlip():
            return cash_html(document)
        case CenterSlip():
            return center_slip_html(document)
        case TerminalSlip():
            return terminal_slip_html(document)
        case RestSlip():
            return rest_slip_html(document)
        case ReportDocument():
            return report_html(document)
        case _:
            assert_never(document)
