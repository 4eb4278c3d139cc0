"""A scanner that types like a keyboard, read at its source (evdev).

The device is grabbed: no code ends up in whatever window has the focus. Name it by
`/dev/input/by-id/…-event-kbd`, and set the scanner to the US layout and CR at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import importlib
import time
from pathlib import Path
from typing import Any

from device_gateway.codes.scanned import Scanned
from device_gateway.devices.keys import GAP_S, KeyScans
from device_gateway.devices.ports import DeviceAway, KnownDevice, Reports

EVENTS_WAITING_MAX = 10_000


class WedgeScanner:
    def __init__(self, device: KnownDevice) -> None:
        self._path = device.address
        idle_ms = device.settings.get("idle_ms")
        self._gap_s = GAP_S if idle_ms is None else int(idle_ms) / 1000
        try:
            self._evdev: Any = importlib.import_module("evdev")
        except ImportError:
            raise DeviceAway("not_installed") from None

    def present(self) -> bool:
        return Path(self._path).exists()

    async def run(self, reports: Reports) -> None:
        try:
            keyboard = self._evdev.InputDevice(self._path)
        except OSError as fault:
            raise DeviceAway(_reason(fault)) from None
        try:
            keyboard.grab()
            reports.connected()
            await self._serve(keyboard, reports)
        except OSError as fault:
            raise DeviceAway(_reason(fault)) from None
        finally:
            with contextlib.suppress(OSError):
                keyboard.close()

    async def _serve(self, keyboard: Any, reports: Reports) -> None:
        """The library's own reading loop cannot be ended by closing its file: the file is watched
        here, and nothing is left behind."""
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[tuple[int, int, int] | OSError] = asyncio.Queue(EVENTS_WAITING_MAX)

        def ready() -> None:
            try:
                for event in keyboard.read():
                    events.put_nowait((event.type, event.code, event.value))
            except BlockingIOError:
                return
            except asyncio.QueueFull:
                return  # Nobody scans so fast: a key is stuck, and the text is too long anyway.
            except OSError as fault:
                loop.remove_reader(keyboard.fd)
                events.put_nowait(fault)

        loop.add_reader(keyboard.fd, ready)
        try:
            await assemble(events, reports, gap_s=self._gap_s)
        finally:
            loop.remove_reader(keyboard.fd)


async def assemble(
    events: asyncio.Queue[tuple[int, int, int] | OSError], reports: Reports, *, gap_s: float
) -> None:
    """Keys → scans, until an `OSError` comes, which is raised."""
    keys = KeyScans(gap_s=gap_s)
    while True:
        try:
            async with asyncio.timeout(gap_s if keys.pending else None):
                event = await events.get()
        except TimeoutError:
            scans = keys.silent(time.monotonic())
        else:
            if isinstance(event, OSError):
                raise event
            scans = keys.press(*event, time.monotonic())
        for text in scans:
            await reports.scanned(Scanned(text, "wedge"))


def _reason(fault: OSError) -> str:
    match fault.errno:
        case errno.EBUSY:
            return "used_elsewhere"
        case errno.EACCES | errno.EPERM:
            return "not_allowed"
        case _:
            return "unplugged"
