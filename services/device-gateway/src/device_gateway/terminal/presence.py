"""Whether a terminal is there: its driver in the device room."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from device_gateway.devices.ports import DeviceAway, KnownDevice, Reports
from device_gateway.terminal.desk import TerminalDesk
from device_gateway.terminal.devices import terminal_of
from device_gateway.terminal.ports import TerminalAway, TerminalBusy

LOOK_EVERY_S = 30.0


@dataclass(slots=True)
class TerminalPresence:
    """Registers now and then, and keeps no line: many terminals take one connection at a time. One
    that works for a till just now is there."""

    device: KnownDevice
    desk: TerminalDesk
    every_s: float = LOOK_EVERY_S

    def present(self) -> bool:
        return True

    async def run(self, reports: Reports) -> None:
        """Raises `DeviceAway`."""
        while True:
            try:
                async with self.desk.leased(self.device.device_id, asyncio.Event()):
                    session = await self.desk.link.open(terminal_of(self.device))
                    await session.close()
            except TerminalBusy:
                pass
            except TerminalAway as away:
                raise DeviceAway("unreachable") from away
            reports.connected()
            await asyncio.sleep(self.every_s)
