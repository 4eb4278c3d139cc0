"""Which line leads to a declared printer: TCP to its address, USB or serial to its device, or to a
virtual one played here."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

from device_gateway.adapters.printer_device import SerialPrinter, UsbPrinter
from device_gateway.adapters.printer_transport import ConfirmBy, TcpPrinter
from device_gateway.events import StorePrinter
from device_gateway.printing.job import Delivery, JobState
from device_gateway.printing.ports import PrinterLink

PORT_DEFAULT = 9100

VIRTUAL = "device_gateway.adapters.virtual_printer"

VIRTUAL_START_S = 30.0
"""How long a virtual printer may take to switch on."""

VIRTUAL_END_S = 1.5
"""How long it may go on with paper that is still to be written: less than what a program that ends
gives its parts."""


class VirtualLine:
    """A virtual printer in a process of its own, and the TCP line to it, so that both halves are
    the ones of a real printer."""

    def __init__(self, printer: StorePrinter, folder: Path) -> None:
        self._printer = printer
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._line: TcpPrinter | None = None

    async def deliver(self, job: bytes, *, job_id: str) -> Delivery:
        if self._line is None or self._process is None or self._process.returncode is not None:
            try:
                self._line = await self._switch_on()
            except (OSError, TimeoutError, ValueError) as fault:
                await self.close()
                return Delivery(JobState.FAILED, f"the virtual printer does not start: {fault}")
        return await self._line.deliver(job, job_id=job_id)

    async def look(self) -> str | None:
        """A virtual printer is in order: it is switched on when it is needed."""
        return ""

    async def _switch_on(self) -> TcpPrinter:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            VIRTUAL,
            str(self._folder.resolve()),
            self._printer.printer_id,
            str(self._printer.dots),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(VIRTUAL_START_S):
            port = int(await self._process.stdout.readline())
        return TcpPrinter("127.0.0.1", port, confirm_by="process_id")

    async def close(self) -> None:
        process, self._process, self._line = self._process, None, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(VIRTUAL_END_S):
                await process.wait()
                return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def line_to(papers: Path) -> Callable[[StorePrinter], PrinterLink]:
    """For `PrintingRoom(link=…)`. Virtual printers keep their paper in `papers/<printer id>`.

    Those papers show what real ones show, secret codes of vouchers too.
    """

    def line(printer: StorePrinter) -> PrinterLink:
        confirm_by = _confirm_by(printer)
        if printer.virtual:
            return VirtualLine(printer, papers / printer.printer_id)
        if printer.device is not None and printer.baudrate is not None:
            return SerialPrinter(printer.device, printer.baudrate, confirm_by=confirm_by)
        if printer.device is not None:
            return UsbPrinter(printer.device, confirm_by=confirm_by)
        if printer.host is None:
            raise ValueError(f"printer {printer.printer_id} has no host and is not virtual")
        return TcpPrinter(printer.host, printer.port or PORT_DEFAULT, confirm_by=confirm_by)

    return line


def _confirm_by(printer: StorePrinter) -> ConfirmBy:
    match printer.confirm_by:
        case "process_id":
            return "process_id"
        case "none":
            return "none"
        case _:
            return "sensor"
