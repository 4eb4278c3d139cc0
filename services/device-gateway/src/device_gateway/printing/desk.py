"""The receipt desk: from an order to a queued job for the till's printer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from device_gateway.adapters.escpos import (
    OpenDrawer,
    PrinterProfile,
    encode,
    profile_of,
)
from device_gateway.events import StorePrinter
from device_gateway.ports import ReceiptOrder, Rendered, SoldVoucher
from device_gateway.printing.job import Document, PrintJob
from device_gateway.printing.ports import NotTheFirst, PrintQueue
from device_gateway.receipt.build import receipt_of, slip_of
from device_gateway.receipt.html import receipt_html
from device_gateway.receipt.layout import receipt_rows, slip_rows
from device_gateway.receipt.text import receipt_text

log = logging.getLogger(__name__)

SCREEN = PrinterProfile(
    printer_id="screen",
    columns=48,
    dots=576,
    codepage="CP858",
    codepage_number=19,
    qr="native",
)
"""The paper of a till without a printer: the till shows the text or the HTML page."""


def printer_of(order: ReceiptOrder) -> StorePrinter | None:
    """The till's own printer, else the first that prints for every till of the store."""
    printers = order.master_data.printers
    own = (printer for printer in printers if printer.till_id == order.booking.till_id)
    shared = (printer for printer in printers if printer.till_id is None)
    return next(own, None) or next(shared, None)


class PrintingDesk:
    """The gateway's `ReceiptDesk`.

    `queued(printer_id)` is called when a job waits, so that the printer's owner looks at once.
    `profile` knows more of a printer than the chain declares (cut, drawer), where a store has it.
    """

    def __init__(
        self,
        queue: PrintQueue,
        *,
        clock: Callable[[], datetime],
        queued: Callable[[str], None] = lambda _: None,
        profile: Callable[[StorePrinter], PrinterProfile] = profile_of,
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._queued = queued
        self._profile = profile

    def render(self, order: ReceiptOrder) -> Rendered:
        """Text, HTML and bytes of the receipt, for the till's printer. Pure.

        Raises `receipt.build.VerdictIncomplete` for a signed verdict that lacks a value.
        """
        profile, document = self._paper(order), receipt_of(order)
        return Rendered(
            text=receipt_text(document, columns=profile.columns, codepage=profile.codepage),
            html=receipt_html(document),
            escpos=self._receipt(order, profile),
        )

    def text(self, order: ReceiptOrder) -> str:
        """The text of `render` alone, without the cost of page and bytes. Pure."""
        profile = self._paper(order)
        return receipt_text(receipt_of(order), columns=profile.columns, codepage=profile.codepage)

    async def enqueue(self, order: ReceiptOrder, *, job_id: str) -> None:
        """Queue the receipt once. Raises `PrinterQueueFull`.

        Where another job of this receipt may be on paper, this one says KOPIE, asked or not.
        """

        def paper(order: ReceiptOrder) -> bytes:
            return self._receipt(order, self._paper(order))

        await self._put(order, "receipt", job_id, paper)

    async def enqueue_voucher_slips(
        self, order: ReceiptOrder, *, job_id: str, vouchers: Sequence[SoldVoucher]
    ) -> None:
        """Queue the slips of the vouchers whose code is still known, in one job, each cut off.

        The codes go into the job's bytes and nowhere else. Raises `PrinterQueueFull`.
        """

        def slips(order: ReceiptOrder) -> bytes:
            return b"".join(self._slips(order, self._paper(order), vouchers))

        await self._put(order, "voucher_slips", job_id, slips)

    def _slips(
        self, order: ReceiptOrder, profile: PrinterProfile, vouchers: Sequence[SoldVoucher]
    ) -> list[bytes]:
        slips: list[bytes] = []
        for voucher in vouchers:
            if voucher.code is None:
                log.warning("no slip for voucher %s: its code is gone", voucher.serial)
                continue
            slip = slip_of(order, serial=voucher.serial, value=voucher.value, valid_until=None)
            grid = slip_rows(slip, voucher.code, profile.columns, profile.codepage)
            slips.append(encode(grid, profile))
        return slips

    def _paper(self, order: ReceiptOrder) -> PrinterProfile:
        printer = printer_of(order)
        return SCREEN if printer is None else self._profile(printer)

    def _receipt(self, order: ReceiptOrder, profile: PrinterProfile) -> bytes:
        grid = receipt_rows(receipt_of(order), profile.columns, profile.codepage)
        if grid.replaced:
            log.info(
                "receipt of %s: %d characters not in %s",
                order.booking.booking_id, grid.replaced, profile.codepage,
            )  # fmt: skip
        took_cash = any(payment.kind == "cash" for payment in order.booking.payments)
        drawer = None
        if took_cash and profile.drawer_pin is not None and not order.is_copy:
            drawer = OpenDrawer(booking_id=order.booking.booking_id)
        return encode(grid, profile, drawer=drawer)

    async def _put(
        self,
        order: ReceiptOrder,
        document: Document,
        job_id: str,
        paper: Callable[[ReceiptOrder], bytes],
    ) -> None:
        """Queue `paper(order)`, marked as a copy where it would not be the first paper."""
        printer = printer_of(order)
        if printer is None:
            return
        booking = order.booking
        job = PrintJob(
            job_id=job_id,
            printer_id=printer.printer_id,
            store_id=booking.store_id,
            till_id=booking.till_id,
            booking_id=booking.booking_id,
            document=document,
            is_copy=order.is_copy,
            queued_at=self._clock(),
        )
        payload = paper(order)
        if not payload:
            return
        try:
            new = await self._queue.put(job, payload, as_first=not order.is_copy)
        except NotTheFirst:
            copy = paper(replace(order, is_copy=True))
            new = await self._queue.put(replace(job, is_copy=True), copy)
        if new:
            self._queued(printer.printer_id)
