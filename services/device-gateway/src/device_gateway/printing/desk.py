"""The receipt desk: from an order to a queued job for the till's printer."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from device_gateway.adapters.escpos import (
    OpenDrawer,
    PrinterProfile,
    encode,
    profile_of,
)
from device_gateway.events import BookingRecorded, CashMoved, Record, StorePrinter
from device_gateway.ports import Printable, ReceiptOrder, SoldVoucher
from device_gateway.printing.job import Document, PrintJob
from device_gateway.printing.ports import NotTheFirst, PrintQueue
from device_gateway.receipt.build import slip_of
from device_gateway.receipt.document import SinglePurpose
from device_gateway.receipt.grid import Grid
from device_gateway.receipt.layout import slip_rows
from device_gateway.receipt.papers import paper_html, paper_of, paper_rows
from device_gateway.receipt.text import grid_text

log = logging.getLogger(__name__)

LAID_OUT_MAX = 64
"""Receipts whose rows are kept for a moment."""

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
    """The till's own printer, else the first that prints for every till of the store: but not for
    a till at which nobody stands."""
    printers = order.master_data.printers
    own = (printer for printer in printers if printer.till_id == order.booking.till_id)
    if isinstance(order.booking, Record) and order.booking.unattended:
        return next(own, None)
    shared = (printer for printer in printers if printer.till_id is None)
    return next(own, None) or next(shared, None)


def _same(one: ReceiptOrder, other: ReceiptOrder) -> bool:
    """The very same facts. Equal ones that were read anew may be laid out again."""
    return (
        one.booking is other.booking
        and one.verdict is other.verdict
        and one.master_data is other.master_data
        and (one.outage, one.is_copy) == (other.outage, other.is_copy)
    )


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
        self._laid_out: OrderedDict[str, tuple[ReceiptOrder, PrinterProfile, Grid]] = OrderedDict()

    def text(self, order: ReceiptOrder) -> str:
        """On the grid of the till's printer. Pure.

        Raises `receipt.build.VerdictIncomplete` for a signed verdict that lacks a value; so do
        `html` and `escpos`.
        """
        return grid_text(self._rows(order, self._paper(order)))

    def html(self, order: ReceiptOrder) -> str:
        """As a page. Pure."""
        return paper_html(paper_of(order))

    def escpos(self, order: ReceiptOrder) -> bytes:
        """As bytes for the till's printer. Pure."""
        return self._receipt(order, self._paper(order))

    async def enqueue(self, order: ReceiptOrder, *, job_id: str) -> bool:
        """Queue the receipt once; whether it is a new job. Raises `PrinterQueueFull`.

        Where another job of this receipt may be on paper, this one says KOPIE, asked or not.
        """
        return await self._put(order, "receipt", job_id, self.escpos)

    async def enqueue_voucher_slips(
        self, order: ReceiptOrder, *, job_id: str, vouchers: Sequence[SoldVoucher]
    ) -> bool:
        """Queue the slips of the vouchers whose code is still known, in one job, each cut off.

        The codes go into the job's bytes and nowhere else. Raises `PrinterQueueFull`.
        """

        def slips(order: ReceiptOrder) -> bytes:
            return b"".join(self._slips(order, self._paper(order), vouchers, remainder=False))

        return await self._put(order, "voucher_slips", job_id, slips)

    async def enqueue_remainder_slips(
        self, order: ReceiptOrder, *, job_id: str, vouchers: Sequence[SoldVoucher]
    ) -> bool:
        """The same for the rests of vouchers that were paid with and have a new code."""

        def slips(order: ReceiptOrder) -> bytes:
            return b"".join(self._slips(order, self._paper(order), vouchers, remainder=True))

        return await self._put(order, "remainder_slips", job_id, slips)

    def _slips(
        self,
        order: ReceiptOrder,
        profile: PrinterProfile,
        vouchers: Sequence[SoldVoucher],
        *,
        remainder: bool,
    ) -> list[bytes]:
        slips: list[bytes] = []
        for voucher in vouchers:
            if voucher.code is None:
                log.warning("no slip for voucher %s: its code is gone", voucher.serial)
                continue
            slip = slip_of(
                order,
                serial=voucher.serial,
                value=voucher.value,
                valid_until=voucher.valid_until,
                single_purpose=_single_purpose(voucher),
                remainder=remainder,
            )
            grid = slip_rows(slip, voucher.code, profile.columns, profile.codepage, qr=voucher.qr)
            slips.append(encode(grid, profile))
        return slips

    def _paper(self, order: ReceiptOrder) -> PrinterProfile:
        printer = printer_of(order)
        return SCREEN if printer is None else self._profile(printer)

    def _rows(self, order: ReceiptOrder, profile: PrinterProfile) -> Grid:
        """The receipt laid out. Answer and paper of one sale follow each other closely, and both
        show the same rows: the newest are kept."""
        booking_id = order.booking.booking_id
        kept = self._laid_out.get(booking_id)
        if kept is not None and kept[1] == profile and _same(kept[0], order):
            return kept[2]
        grid = paper_rows(paper_of(order), profile.columns, profile.codepage)
        self._laid_out.pop(booking_id, None)
        self._laid_out[booking_id] = (order, profile, grid)
        while len(self._laid_out) > LAID_OUT_MAX:
            self._laid_out.popitem(last=False)
        return grid

    def _receipt(self, order: ReceiptOrder, profile: PrinterProfile) -> bytes:
        grid = self._rows(order, profile)
        if grid.replaced:
            log.info(
                "receipt of %s: %d characters not in %s",
                order.booking.booking_id, grid.replaced, profile.codepage,
            )  # fmt: skip
        took_cash = moves_cash(order.booking)
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
    ) -> bool:
        """Queue `paper(order)`, marked as a copy where it would not be the first paper."""
        printer = printer_of(order)
        if printer is None:
            return False
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
            return False
        try:
            new = await self._queue.put(job, payload, as_first=not order.is_copy)
        except NotTheFirst:
            copy = paper(replace(order, is_copy=True))
            new = await self._queue.put(replace(job, is_copy=True), copy)
        if new:
            self._queued(printer.printer_id)
        return new


def moves_cash(process: Printable) -> bool:
    """Whether the drawer has to open: cash was paid, given back, moved or is counted now."""
    match process:
        case BookingRecorded():
            return any(payment.kind == "cash" for payment in process.payments)
        case CashMoved():
            return True
        case _:
            # Nobody's cash changes hands in a training; reports are read.
            return False


def _single_purpose(voucher: SoldVoucher) -> SinglePurpose | None:
    if voucher.kind != "single_purpose" or voucher.rate is None:
        return None
    return SinglePurpose(rate=voucher.rate, goods=voucher.goods)
