"""Devices and leases of terminals in memory, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from device_gateway.adapters.zvt.session import Patience, ZvtLink
from device_gateway.terminal.desk import TerminalDesk, Waits
from device_gateway.terminal.devices import chosen
from device_gateway.terminal.ports import TerminalDevice

QUICK = Patience(connect_s=5.0, ack_s=8.0, short_s=10.0, quiet_s=8.0, overall_s=20.0)
"""Limits of waiting, for a terminal that answers at once on a busy machine."""
IMPATIENT = Patience(connect_s=5.0, ack_s=0.3, short_s=10.0, quiet_s=8.0, overall_s=20.0)
"""For one that never acknowledges."""


@dataclass
class Devices:
    """`known`: the terminals of all stores."""

    known: list[TerminalDevice] = field(default_factory=list)

    async def find(
        self, store_id: str, till_id: str | None, terminal_id: str | None
    ) -> TerminalDevice:
        return chosen([one for one in self.known if one.store_id == store_id], till_id, terminal_id)


@dataclass
class Leases:
    """As the table in PostgreSQL."""

    held: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    wanted: set[str] = field(default_factory=set)
    refused: asyncio.Event = field(default_factory=asyncio.Event)
    """Somebody found a terminal taken."""

    async def take(self, terminal_id: str, *, owner: str, now: datetime, until: datetime) -> bool:
        known = self.held.get(terminal_id)
        if known is not None and known[0] != owner and known[1] > now:
            self.refused.set()
            return False
        self.held[terminal_id] = (owner, until)
        self.wanted.discard(terminal_id)
        return True

    async def renew(self, terminal_id: str, *, owner: str, until: datetime) -> bool:
        if self.held.get(terminal_id, ("",))[0] == owner:
            self.held[terminal_id] = (owner, until)
        return terminal_id in self.wanted

    async def give_back(self, terminal_id: str, *, owner: str) -> None:
        if self.held.get(terminal_id, ("",))[0] == owner:
            del self.held[terminal_id]

    async def want_abort(self, terminal_id: str) -> bool:
        self.wanted.add(terminal_id)
        return terminal_id in self.held


def desk(
    clock: Callable[[], datetime], devices: Sequence[TerminalDevice], leases: Leases | None = None
) -> TerminalDesk:
    """A process that talks ZVT to these terminals and loses patience soon."""
    return TerminalDesk(
        devices=Devices(list(devices)),
        link=ZvtLink(patience=QUICK),
        leases=leases or Leases(),
        clock=clock,
        waits=Waits(find_out_s=0.4, retry_s=0.05, busy_s=0.3),
    )
