"""What the sale's pages ask the rest of the gateway for, in one place."""

from __future__ import annotations

from dataclasses import dataclass

from device_gateway.handlers.gateway import Gateway
from device_gateway.terminal.ports import TerminalUnknown


@dataclass(frozen=True, slots=True)
class Terminal:
    device_id: str
    name: str


async def terminal_at(gateway: Gateway, store_id: str, till_id: str) -> Terminal | None:
    """The card terminal that this till uses; None: cards are taken on devices of their own."""
    if gateway.terminals is None:
        return None
    try:
        device = await gateway.terminals.devices.find(store_id, till_id, None)
    except TerminalUnknown:
        return None
    return Terminal(device.terminal_id, device.name or device.terminal_id)
