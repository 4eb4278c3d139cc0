"""Printers on a cable: a pseudo terminal whose other end is a printer in software."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from device_gateway.adapters.printer_device import SerialPrinter, UsbPrinter
from device_gateway.adapters.printer_lines import line_to
from device_gateway.adapters.printer_transport import AskedPrinter, Waits
from device_gateway.adapters.virtual_printer import Mode, VirtualPrinter
from device_gateway.events import StorePrinter
from device_gateway.printing.job import Delivery, JobState

WAITS = Waits(status_s=2.0, write_s=2.0, confirm_s=5.0, look_every_s=0.1, close_s=0.5)
JOB = b"\x1b@\x1bt\x13" + b"Beleg 128\n" * 400 + b"\x1bd\x06\x1dV\x00"
Opened = Callable[[str], AskedPrinter]


def serial(path: str) -> AskedPrinter:
    return SerialPrinter(path, 115_200, waits=WAITS)


def usb(path: str) -> AskedPrinter:
    return UsbPrinter(path, waits=WAITS)


@asynccontextmanager
async def cable(printer: VirtualPrinter) -> AsyncIterator[str]:
    """A device whose other end hangs on the printer. It gives the path."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    os.set_blocking(ours, False)
    reader, writer = await asyncio.open_connection("127.0.0.1", printer.port)
    loop = asyncio.get_running_loop()
    loop.add_reader(ours, lambda: writer.write(os.read(ours, 1024)))

    async def back() -> None:
        while chunk := await reader.read(64):
            os.write(ours, chunk)

    answering = asyncio.create_task(back())
    try:
        yield os.ttyname(theirs)
    finally:
        loop.remove_reader(ours)
        answering.cancel()
        writer.close()
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize("opened", [serial, usb])
async def test_a_job_on_a_cable_is_confirmed_and_whole(opened: Opened) -> None:
    async with VirtualPrinter() as printer, cable(printer) as path:
        line = opened(path)
        assert await line.deliver(JOB, job_id="j-1") == Delivery(JobState.CONFIRMED)
        assert await line.deliver(JOB, job_id="j-2") == Delivery(JobState.CONFIRMED)
        papers = await printer.wait_for_papers(2)
    assert [paper.lines.count("Beleg 128") for paper in papers] == [400, 400]


@pytest.mark.parametrize("opened", [serial, usb])
async def test_a_printer_on_a_cable_that_is_out_of_paper_gets_nothing(opened: Opened) -> None:
    async with VirtualPrinter(mode=Mode.PAPER_OUT) as printer, cable(printer) as path:
        line = opened(path)
        assert await line.look() == "paper_out"
        assert await line.deliver(JOB, job_id="j") == Delivery(JobState.FAILED, "paper_out")
        assert printer.paper.rows == ()


@pytest.mark.parametrize("opened", [serial, usb])
async def test_a_cable_that_is_not_plugged_in_has_printed_nothing(
    opened: Opened, tmp_path: Path
) -> None:
    line = opened(str(tmp_path / "lp0"))
    assert await line.deliver(JOB, job_id="j") == Delivery(JobState.FAILED, "unreachable")
    assert await line.look() == "unreachable"


@pytest.mark.parametrize("opened", [serial, usb])
async def test_a_cable_that_is_pulled_within_a_job_leaves_it_unknown(opened: Opened) -> None:
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    path = os.ttyname(theirs)
    os.close(theirs)
    os.set_blocking(ours, False)
    loop, taken = asyncio.get_running_loop(), bytearray()

    def swallow() -> None:
        taken.extend(os.read(ours, 1024))
        if taken.startswith(b"\x10\x04\x01") and len(taken) == 3:
            os.write(ours, b"\x16")
        if len(taken) > 1_000:
            loop.remove_reader(ours)
            os.close(ours)

    loop.add_reader(ours, swallow)
    delivery = await opened(path).deliver(JOB, job_id="j")
    assert delivery.outcome is JobState.UNKNOWN
    assert len(taken) > 1_000


async def test_two_programs_never_write_on_one_serial_line() -> None:
    async with VirtualPrinter(mode=Mode.SLOW) as printer, cable(printer) as path:
        first = asyncio.create_task(serial(path).deliver(JOB, job_id="a"))
        async with asyncio.timeout(10):
            while not printer.paper.rows:  # noqa: ASYNC110 (the printer has no event)
                await asyncio.sleep(0.01)
        second = await serial(path).deliver(JOB, job_id="b")
        assert second == Delivery(JobState.FAILED, "busy")
        first.cancel()
        await asyncio.wait({first})


@pytest.mark.parametrize(
    ("declared", "kind"),
    [
        (StorePrinter(printer_id="p", device="/dev/ttyS0", baudrate=9600), SerialPrinter),
        (StorePrinter(printer_id="p", device="/dev/usb/lp0"), UsbPrinter),
    ],
)
def test_the_declaration_says_which_line(
    declared: StorePrinter, kind: type[AskedPrinter], tmp_path: Path
) -> None:
    assert type(line_to(tmp_path)(declared)) is kind
