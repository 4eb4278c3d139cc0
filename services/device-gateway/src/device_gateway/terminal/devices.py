"""The terminals among a store's devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from device_gateway.devices.ports import KnownDevice
from device_gateway.terminal.ports import TerminalDevice, TerminalUnknown


class Shelf(Protocol):
    """Which devices there are."""

    async def of(self, stores: Sequence[str]) -> Sequence[KnownDevice]:
        """Raises `Transient`."""
        ...


class ShelfTerminals:
    """See `Terminals`."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    async def find(
        self, store_id: str, till_id: str | None, terminal_id: str | None
    ) -> TerminalDevice:
        known = [
            one for one in await self._shelf.of([store_id])
            if one.kind == "card_terminal" and one.store_id == store_id
        ]  # fmt: skip
        return chosen([terminal_of(one) for one in known], till_id, terminal_id)


def terminal_of(device: KnownDevice) -> TerminalDevice:
    return TerminalDevice(
        terminal_id=device.device_id,
        store_id=device.store_id,
        address=device.address,
        till_id=device.till_id,
        name=device.name,
        settings=device.settings,
    )


def chosen(
    known: Sequence[TerminalDevice], till_id: str | None, terminal_id: str | None
) -> TerminalDevice:
    """The named one; else the till's own, else one that all tills share. A terminal of one till is
    for that till alone. Raises `TerminalUnknown`."""
    usable = [
        one for one in known
        if till_id is None or one.till_id is None or one.till_id == till_id
    ]  # fmt: skip
    if terminal_id is not None:
        usable = [one for one in usable if one.terminal_id == terminal_id]
    if not usable:
        raise TerminalUnknown
    return min(usable, key=lambda one: (one.till_id is None, one.terminal_id))
