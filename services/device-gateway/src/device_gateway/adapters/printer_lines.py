"""Which line leads to a declared printer: TCP to its address, or to a virtual one played here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from device_gateway.adapters.printer_transport import TcpPrinter
from device_gateway.adapters.virtual_printer import Profile, VirtualPrinter
from device_gateway.events import StorePrinter
from device_gateway.printing.job import Delivery
from device_gateway.printing.ports import PrinterLink

PORT_DEFAULT = 9100


class VirtualLine:
    """A virtual printer and the TCP line to it, so that both halves are the ones of a real one."""

    def __init__(self, printer: StorePrinter, folder: Path) -> None:
        self.virtual = VirtualPrinter(
            folder, profile=Profile(dots=printer.dots), name=printer.printer_id
        )
        self._line: TcpPrinter | None = None

    async def deliver(self, job: bytes, *, job_id: str) -> Delivery:
        if self._line is None:
            await self.virtual.open()
            self._line = TcpPrinter(self.virtual.host, self.virtual.port, confirm_by="process_id")
        return await self._line.deliver(job, job_id=job_id)

    async def close(self) -> None:
        if self._line is not None:
            self._line = None
            await self.virtual.close()


def line_to(papers: Path) -> Callable[[StorePrinter], PrinterLink]:
    """For `PrintingRoom(link=…)`. Virtual printers keep their paper in `papers/<printer id>`.

    Those papers show what real ones show, secret codes of vouchers too.
    """

    def line(printer: StorePrinter) -> PrinterLink:
        if printer.virtual:
            return VirtualLine(printer, papers / printer.printer_id)
        if printer.host is None:
            raise ValueError(f"printer {printer.printer_id} has no host and is not virtual")
        return TcpPrinter(printer.host, printer.port or PORT_DEFAULT)

    return line
