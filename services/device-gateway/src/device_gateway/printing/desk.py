"""The receipt desk: from an order to a queued job for the till's printer."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from device_gateway.adapters.escpos import (
    OpenDrawer,
    PrinterProfile,
    drawer_pulse,
    encode,
    profile_of,
)
from device_gateway.adapters.pdf import grid_pdf
from device_gateway.adapters.self_test import self_test_job
from device_gateway.events import (
    BookingOrdered,
    BookingRecorded,
    CashMoved,
    MasterDataChanged,
    OrderedLine,
    Record,
    StorePrinter,
)
from device_gateway.ports import Printable, ReceiptOrder, SoldVoucher
from device_gateway.printing.job import Document, PrintJob
from device_gateway.printing.ports import NotTheFirst, PrintQueue
from device_gateway.printing.routing import ordered_at, printer_for
from device_gateway.receipt.build import slip_of
from device_gateway.receipt.document import SinglePurpose
from device_gateway.receipt.grid import Grid
from device_gateway.receipt.layout import slip_rows
from device_gateway.receipt.order_slip import order_slip_of, order_slip_rows
from device_gateway.receipt.papers import paper_html, paper_of, paper_rows
from device_gateway.receipt.text import grid_text

log = logging.getLogger(__name__)

LAID_OUT_MAX = 64
"""Receipts whose rows are kept for a moment."""

SELF_TEST_MAX_S = 60.0
DRAWER_MAX_S = 10.0
"""How long a job is tried whose moment passes."""

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
    """The till's own receipt printer, else the first that prints for every till of the store: but
    not for a till at which nobody stands."""
    found = printer_for(order.master_data, order.booking.till_id, "receipt")
    if isinstance(order.booking, Record) and order.booking.unattended:
        return found if found is not None and found.till_id is not None else None
    return found


def slip_printer_of(order: ReceiptOrder) -> StorePrinter | None:
    """The printer for vouchers, else the receipt printer."""
    return printer_for(order.master_data, order.booking.till_id, "vouchers")


def _same(one: ReceiptOrder, other: ReceiptOrder) -> bool:
    """The very same facts. Equal ones that were read anew may be laid out again."""
    return (
        one.booking is other.booking
        and one.verdict is other.verdict
        and one.master_data is other.master_data
        and (one.outage, one.is_copy, one.paper) == (other.outage, other.is_copy, other.paper)
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

    def pdf(self, order: ReceiptOrder) -> bytes:
        """As a PDF of the paper's width. Pure. Raises `PdfNotInstalled`."""
        return grid_pdf(paper_rows(paper_of(order), SCREEN.columns, SCREEN.codepage))

    async def enqueue(self, order: ReceiptOrder, *, job_id: str) -> bool:
        """Queue the receipt once; whether it is a new job. Raises `PrinterQueueFull`.

        Where another job of this receipt may be on paper, this one says KOPIE, asked or not.
        """
        return await self._put(order, order.paper, job_id, self._receipt, printer_of(order))

    async def enqueue_voucher_slips(
        self, order: ReceiptOrder, *, job_id: str, vouchers: Sequence[SoldVoucher]
    ) -> bool:
        """Queue the slips of the vouchers whose code is still known, in one job, each cut off.

        The codes go into the job's bytes and nowhere else. Raises `PrinterQueueFull`.
        """

        def slips(order: ReceiptOrder, profile: PrinterProfile) -> bytes:
            return b"".join(self._slips(order, profile, vouchers, remainder=False))

        return await self._put(order, "voucher_slips", job_id, slips, slip_printer_of(order))

    async def enqueue_remainder_slips(
        self, order: ReceiptOrder, *, job_id: str, vouchers: Sequence[SoldVoucher]
    ) -> bool:
        """The same for the rests of vouchers that were paid with and have a new code."""

        def slips(order: ReceiptOrder, profile: PrinterProfile) -> bytes:
            return b"".join(self._slips(order, profile, vouchers, remainder=True))

        return await self._put(order, "remainder_slips", job_id, slips, slip_printer_of(order))

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
            slips.append(encode(grid, profile, logo=profile.logo))
        return slips

    def _paper(self, order: ReceiptOrder) -> PrinterProfile:
        printer = printer_of(order)
        return SCREEN if printer is None else self._profile(printer)

    def _rows(self, order: ReceiptOrder, profile: PrinterProfile) -> Grid:
        """The receipt laid out. Answer and paper of one sale follow each other closely, and both
        show the same rows: the newest are kept."""
        booking_id = f"{order.paper}/{order.booking.booking_id}"
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
        took_cash = moves_cash(order.booking) and order.paper == "receipt"
        drawer = None
        if took_cash and profile.drawer_pin is not None and not order.is_copy:
            drawer = OpenDrawer(booking_id=order.booking.booking_id)
        return encode(grid, profile, drawer=drawer, logo=profile.logo)

    async def enqueue_order_slips(
        self, ordered: BookingOrdered, master_data: MasterDataChanged, *, job_id: str
    ) -> bool:
        """Queue what a kitchen has to do, once on each printer that it concerns, in jobs whose ids
        derive from `job_id`. Whether there is a new job. Raises `PrinterQueueFull`."""
        news = [
            await self.enqueue_order_slip(
                ordered, master_data, printer, lines, job_id=order_job_id(job_id, printer)
            )
            for printer, lines in ordered_at(ordered, master_data)
        ]
        return any(news)

    async def repeat_order_slip(
        self,
        ordered: BookingOrdered,
        master_data: MasterDataChanged,
        *,
        printer_id: str,
        job_id: str,
    ) -> bool:
        """The part of one printer once more. False: that printer prints none of it any more."""
        for printer, lines in ordered_at(ordered, master_data):
            if printer.printer_id == printer_id:
                return await self.enqueue_order_slip(
                    ordered, master_data, printer, lines, job_id=job_id
                )
        return False

    def has_drawer(self, master_data: MasterDataChanged, till_id: str) -> bool:
        """The till's receipt printer has a cash drawer."""
        printer = printer_for(master_data, till_id, "receipt")
        return printer is not None and printer.drawer_pin is not None

    async def enqueue_order_slip(
        self,
        ordered: BookingOrdered,
        master_data: MasterDataChanged,
        printer: StorePrinter,
        lines: Sequence[OrderedLine],
        *,
        job_id: str,
    ) -> bool:
        """The same for one printer."""
        profile = self._profile(printer)

        def paper(is_copy: bool) -> bytes:
            slip = order_slip_of(ordered, lines, master_data, is_copy=is_copy)
            return encode(order_slip_rows(slip, profile.columns, profile.codepage), profile)

        job = PrintJob(
            job_id=job_id,
            printer_id=printer.printer_id,
            store_id=ordered.store_id,
            till_id=ordered.till_id,
            booking_id=ordered.booking_id,
            document="order_slip",
            is_copy=False,
            queued_at=self._clock(),
        )
        return await self._put_first(job, paper)

    async def enqueue_self_test(
        self, printer: StorePrinter, master_data: MasterDataChanged, *, job_id: str
    ) -> bool:
        """Queue what shows whether a printer is set up rightly. Nobody waits for it for long."""
        profile, now = self._profile(printer), self._clock()
        job = PrintJob(
            job_id=job_id,
            printer_id=printer.printer_id,
            store_id=master_data.store_id,
            till_id=printer.till_id or "",
            booking_id=job_id,
            document="self_test",
            is_copy=False,
            queued_at=now,
            give_up_at=now + timedelta(seconds=SELF_TEST_MAX_S),
        )
        return await self._put_first(job, lambda _: self_test_job(printer, profile, master_data))

    async def enqueue_drawer(
        self, master_data: MasterDataChanged, till_id: str, *, job_id: str
    ) -> bool:
        """Queue a pulse for the drawer of the till's receipt printer. False: it has none. Too late
        is never: a drawer must not open when nobody stands there any more."""
        printer = printer_for(master_data, till_id, "receipt")
        profile = None if printer is None else self._profile(printer)
        if profile is None or profile.drawer_pin is None:
            return False
        now = self._clock()
        job = PrintJob(
            job_id=job_id,
            printer_id=profile.printer_id,
            store_id=master_data.store_id,
            till_id=till_id,
            booking_id=job_id,
            document="drawer",
            is_copy=False,
            queued_at=now,
            give_up_at=now + timedelta(seconds=DRAWER_MAX_S),
        )
        pulse = drawer_pulse(profile, OpenDrawer(booking_id=job_id))
        await self._put_first(job, lambda _: pulse)
        return True

    async def _put(
        self,
        order: ReceiptOrder,
        document: Document,
        job_id: str,
        paper: Callable[[ReceiptOrder, PrinterProfile], bytes],
        printer: StorePrinter | None,
    ) -> bool:
        """Queue `paper(order, …)`, marked as a copy where it would not be the first paper."""
        if printer is None:
            return False
        profile = self._profile(printer)
        booking = order.booking
        job = PrintJob(
            job_id=job_id,
            printer_id=printer.printer_id,
            store_id=booking.store_id,
            till_id=booking.till_id,
            # Every X report is a paper of its own, and no other's copy.
            booking_id=job_id if document == "x_report" else booking.booking_id,
            document=document,
            is_copy=order.is_copy,
            queued_at=self._clock(),
        )

        def rendered(is_copy: bool) -> bytes:
            return paper(order if is_copy == order.is_copy else _copy_of(order), profile)

        return await self._put_first(job, rendered)

    async def _put_first(self, job: PrintJob, paper: Callable[[bool], bytes]) -> bool:
        """Queue `paper(is_copy)`; where another paper of it may be out, as a copy."""
        payload = paper(job.is_copy)
        if not payload:
            return False
        try:
            new = await self._queue.put(job, payload, as_first=not job.is_copy)
        except NotTheFirst:
            new = await self._queue.put(replace(job, is_copy=True), paper(True))
        if new:
            self._queued(job.printer_id)
        return new


def _copy_of(order: ReceiptOrder) -> ReceiptOrder:
    return replace(order, is_copy=True)


def order_job_id(job_id: str, printer: StorePrinter) -> str:
    """Of the slip of one printer."""
    return str(uuid5(UUID(job_id), printer.printer_id))


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
