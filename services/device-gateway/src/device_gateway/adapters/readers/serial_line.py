"""A scanner on a serial line: RS-232, or USB as a serial device (CDC-ACM).

Set the scanner to: USB-CDC, AIM identifier in front, CR at the end, separators as they are. Name
the device by `/dev/serial/by-id/…`, which survives another socket and a restart.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import serial
import serial_asyncio_fast

from device_gateway.codes.scanned import Scanned
from device_gateway.devices.frames import IDLE_MS, Frames, text_of
from device_gateway.devices.ports import DeviceAway, KnownDevice, Reports

BAUDRATE = 9600
READ_MAX = 4096


class SerialScanner:
    """Opened exclusively: two readers of one line would tear scans apart."""

    def __init__(self, device: KnownDevice) -> None:
        self._path = device.address
        self._baudrate = int(device.settings.get("baudrate", BAUDRATE))
        self._idle_s = int(device.settings.get("idle_ms", IDLE_MS)) / 1000

    def present(self) -> bool:
        return Path(self._path).exists()

    async def run(self, reports: Reports) -> None:
        try:
            reader, writer = await serial_asyncio_fast.open_serial_connection(
                url=self._path, baudrate=self._baudrate, exclusive=True
            )
        except serial.SerialException as fault:
            raise DeviceAway(_reason(fault)) from None
        try:
            reports.connected()
            await self._read(reader, reports)
        except serial.SerialException:
            raise DeviceAway("unplugged") from None
        finally:
            writer.close()
            with contextlib.suppress(OSError, serial.SerialException, TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), timeout=1.0)

    async def _read(self, reader: asyncio.StreamReader, reports: Reports) -> None:
        frames = Frames()
        while True:
            try:
                async with asyncio.timeout(self._idle_s if frames.pending else None):
                    data = await reader.read(READ_MAX)
            except TimeoutError:
                scans = frames.flush()
            else:
                if not data:
                    raise DeviceAway("unplugged")
                scans = frames.feed(data)
            for scan in scans:
                await reports.scanned(Scanned(text_of(scan), "serial"))


def _reason(fault: serial.SerialException) -> str:
    text = str(fault).lower()
    if "lock" in text or "busy" in text or fault.errno in (11, 16):
        return "used_elsewhere"
    return "not_allowed" if "permission" in text or fault.errno == 13 else "not_opened"
