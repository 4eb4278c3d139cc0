"""A till with a card terminal: the gateway of the other tests, and the simulator over real TCP."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest_asyncio

from device_gateway.adapters.zvt.session import ZvtLink
from device_gateway.decider.terminal import TERMINAL
from device_gateway.terminal.ports import TerminalDevice
from device_gateway.testing.terminal import TerminalSimulator
from device_gateway.testing.terminals import QUICK, Leases, desk
from events import state_of

NUMBERS = itertools.count(1)


class Counter:
    """A till, its terminal, and what a cashier does."""

    def __init__(self, rig: Any, till: Any, terminal: TerminalSimulator) -> None:
        self.rig, self.till, self.terminal = rig, till, terminal
        self.terminal_id = f"ec-{next(NUMBERS)}"
        self.leases = Leases()
        self.begin = len(rig.store.log)
        if rig.gateway.terminals is None:
            rig.terminals = lambda: desk(rig.clock, [self.device()], self.leases)
            rig.restart()
        else:
            rig.gateway.terminals.devices.known[:] = [self.device()]
            rig.gateway.terminals.leases = self.leases
            rig.gateway.terminals.link = ZvtLink(patience=QUICK)

    def device(self) -> TerminalDevice:
        return TerminalDevice(self.terminal_id, "berlin", self.terminal.address, name="Terminal")

    def acts(self, *acts: Any) -> None:
        self.terminal.acts[:] = acts

    def sale(self, minor: int = 2889, *, finish: bool = True, **card: Any) -> dict[str, Any]:
        line = {"kind": "article", "sku": "978-3", "name": "Buch", "quantity": "1",
                "unit_price": {"amount": minor, "currency": "EUR"}, "vat": "reduced"}  # fmt: skip
        paid = {"kind": "card", **({"terminal": True} | card)}
        return {"lines": [line], "payments": [paid], "finish": finish}

    async def sell(self, minor: int = 2889, *, key: str | None = None, **card: Any) -> Any:
        return await self.till.post("", self.sale(minor, **card), key=key)

    async def told(self, booking_id: str) -> Any:
        return (await self.till.get(f"/{booking_id}")).json()

    async def state(self) -> Any:
        return (await state_of(self.rig.store, TERMINAL, f"terminal-{self.terminal_id}"))[1]

    def names(self) -> list[str]:
        found = [entry.name for entry in self.rig.store.log[self.begin :]]
        return [name for name in found if name.startswith(("payment.", "terminal."))]

    def recorded(self) -> list[Any]:
        log = self.rig.store.log[self.begin :]
        return [entry.event for entry in log if entry.name == "booking.recorded"]


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def shared_rig(make_rig: Any) -> AsyncIterator[Any]:
    made = make_rig()
    await made.declare()
    yield made
    await made.http.aclose()


@pytest_asyncio.fixture(loop_scope="session")
async def counter(shared_rig: Any) -> AsyncIterator[Counter]:
    """A till and a terminal of its own, at a gateway that the tests of a file share."""
    till = await shared_rig.paired("berlin", f"till-{next(NUMBERS)}")
    async with _terminal(shared_rig) as terminal:
        yield Counter(shared_rig, till, terminal)


@pytest_asyncio.fixture(loop_scope="session")
async def lone(rig: Any, till: Any) -> AsyncIterator[Counter]:
    """The same at a gateway that may be ended."""
    async with _terminal(rig) as terminal:
        yield Counter(rig, till, terminal)


def _terminal(rig: Any) -> TerminalSimulator:
    zone, clock = ZoneInfo("Europe/Berlin"), rig.clock
    return TerminalSimulator(clock=lambda: clock().astimezone(zone))
