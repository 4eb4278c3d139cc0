"""Printers on a cable: USB by its printer class device, serial lines with their speed.

A line is opened for each job and closed behind it, as in the network: what is opened anew finds a
printer again that was switched off meanwhile. Nobody else may write in between: the kernel gives
`/dev/usb/lp*` to one opener, a serial line is locked.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from typing import Any

import serial
import serial_asyncio_fast

from device_gateway.adapters.printer_transport import AskedPrinter, ConfirmBy, NotOpened, Waits

CHUNK_BYTES = 4_096


class SerialPrinter(AskedPrinter):
    """A printer on a serial line: eight bits, no parity, one stop bit, no flow control."""

    def __init__(
        self,
        path: str,
        baudrate: int,
        *,
        confirm_by: ConfirmBy = "sensor",
        waits: Waits | None = None,
    ) -> None:
        super().__init__(confirm_by=confirm_by, waits=waits)
        self._path = path
        self._baudrate = baudrate

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            return await serial_asyncio_fast.open_serial_connection(
                url=self._path, baudrate=self._baudrate, exclusive=True
            )
        except serial.SerialException as fault:
            raise NotOpened(_reason(fault.errno)) from None
        except OSError as fault:
            raise NotOpened(_reason(fault.errno)) from None


class UsbPrinter(AskedPrinter):
    """A printer that the kernel shows as a character device (`usblp`)."""

    def __init__(
        self, path: str, *, confirm_by: ConfirmBy = "sensor", waits: Waits | None = None
    ) -> None:
        super().__init__(confirm_by=confirm_by, waits=waits)
        self._path = path

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            device = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError as fault:
            raise NotOpened(_reason(fault.errno)) from None
        reader = asyncio.StreamReader()
        return reader, _Device(device, reader)  # type: ignore[return-value]  # all that is used


class _Device:
    """The part of `asyncio.StreamWriter` that a line to a printer uses, on a file descriptor."""

    def __init__(self, device: int, reader: asyncio.StreamReader) -> None:
        self._device = device
        self._reader = reader
        self._rest = b""
        self._lost: OSError | None = None
        self._loop = asyncio.get_running_loop()
        self._writable = asyncio.Event()
        self._open = True
        self._loop.add_reader(device, self._read)

    @property
    def transport(self) -> _Device:
        return self

    def get_extra_info(self, _name: str) -> None:
        """It is no socket."""

    def set_write_buffer_limits(self, **_limits: Any) -> None:
        """Nothing is kept back: `drain` waits until all of it is written."""

    def write(self, data: bytes) -> None:
        self._rest += data

    async def drain(self) -> None:
        """Until the kernel has it. Raises `OSError`."""
        while self._rest:
            if self._lost is not None:
                raise self._lost
            try:
                written = os.write(self._device, self._rest)
            except BlockingIOError:
                await self._until_writable()
            else:
                self._rest = self._rest[written:]

    async def _until_writable(self) -> None:
        self._writable.clear()
        self._loop.add_writer(self._device, self._writable.set)
        try:
            await self._writable.wait()
        finally:
            self._loop.remove_writer(self._device)

    def _read(self) -> None:
        try:
            chunk = os.read(self._device, CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError as lost:
            self._end(lost)
            return
        if chunk:
            self._reader.feed_data(chunk)
        else:
            self._end(OSError(errno.ENODEV, "the printer has gone"))

    def _end(self, lost: OSError) -> None:
        self._lost = lost
        self._loop.remove_reader(self._device)
        self._reader.feed_eof()

    def close(self) -> None:
        if self._open:
            self._open = False
            with contextlib.suppress(OSError, ValueError):
                self._loop.remove_reader(self._device)
            os.close(self._device)

    async def wait_closed(self) -> None:
        """It is."""


def _reason(number: int | None) -> str:
    """`busy`: another program has it; `refused`: we may not use it; else it is not there."""
    match number:
        case errno.EBUSY | errno.EAGAIN:
            return "busy"
        case errno.EACCES | errno.EPERM:
            return "refused"
        case _:
            return "unreachable"
