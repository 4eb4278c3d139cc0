"""Runs what terminals are asked for: in tasks of its own, so that a till that hangs up loses
nothing, and one at a time per terminal over all processes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

from device_gateway.terminal.ports import (
    TerminalBusy,
    TerminalLeases,
    TerminalLink,
    Terminals,
)
from events import Transient

LEASE_S = 15.0
RENEW_EVERY_S = 2.0
"""Also how soon an abort is heard that another process was asked for."""

TAKE_EVERY_S = 0.1

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Waits:
    """How long it is tried to find out what became of a request whose answer was lost."""

    find_out_s: float = 45.0
    retry_s: float = 2.0
    busy_s: float = 2.0
    """A payment waits so long for a terminal that is used just now."""


@dataclass(frozen=True, slots=True)
class Running:
    """What a terminal does for this process now."""

    name: str
    task: asyncio.Task[None]
    abort: asyncio.Event


@dataclass(slots=True)
class TerminalDesk:
    devices: Terminals
    link: TerminalLink
    leases: TerminalLeases
    clock: Callable[[], datetime]
    waits: Waits = field(default_factory=Waits)
    _running: dict[str, Running] = field(default_factory=dict)

    def running(self, name: str) -> bool:
        return name in self._running

    def start(
        self, name: str, work: Callable[[asyncio.Event], Awaitable[None]]
    ) -> asyncio.Task[None]:
        """Begin `work`, which gets the wish to abort; what runs under that name already is joined.
        Whoever waits for it shields it."""
        known = self._running.get(name)
        if known is not None:
            return known.task
        abort = asyncio.Event()

        async def go() -> None:
            await work(abort)

        task = asyncio.create_task(go(), name=f"terminal {name}")
        self._running[name] = Running(name, task, abort)
        task.add_done_callback(lambda done: self._ended(name, done))
        return task

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        self._running.pop(name, None)
        if not task.cancelled() and (fault := task.exception()) is not None:
            _log.info("terminal, %s: %s", name, fault)

    async def idle(self) -> None:
        """Wait until nothing runs any more."""
        while self._running:
            tasks = [each.task for each in self._running.values()]
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0)

    async def abort(self, terminal_id: str, name: str) -> None:
        """Have whoever works with the terminal abort it."""
        known = self._running.get(name)
        if known is not None:
            known.abort.set()
        else:
            await self.leases.want_abort(terminal_id)

    @contextlib.asynccontextmanager
    async def leased(
        self, terminal_id: str, abort: asyncio.Event, *, patient: bool = False
    ) -> AsyncIterator[None]:
        """The sole right to talk to the terminal. `patient`: who only looks whether the terminal is
        there (`presence.py`) is through in a moment. Raises `TerminalBusy`."""
        owner = f"terminal-{uuid4()}"
        loop = asyncio.get_running_loop()
        until_s = loop.time() + (self.waits.busy_s if patient else 0.0)
        while not await self._take(terminal_id, owner):
            if loop.time() >= until_s:
                raise TerminalBusy(terminal=terminal_id)
            await asyncio.sleep(TAKE_EVERY_S)
        keeping = asyncio.create_task(self._keep(terminal_id, owner, abort))
        try:
            yield
        finally:
            keeping.cancel()
            with contextlib.suppress(Transient):
                await self.leases.give_back(terminal_id, owner=owner)

    async def _take(self, terminal_id: str, owner: str) -> bool:
        now = self.clock()
        until = now + timedelta(seconds=LEASE_S)
        return await self.leases.take(terminal_id, owner=owner, now=now, until=until)

    async def _keep(self, terminal_id: str, owner: str, abort: asyncio.Event) -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            until = self.clock() + timedelta(seconds=LEASE_S)
            try:
                if await self.leases.renew(terminal_id, owner=owner, until=until):
                    abort.set()
            except Transient as away:
                # `terminal.asked` still keeps others from asking for money meanwhile.
                _log.warning("the lease of terminal %s waits: %s", terminal_id, away)

    async def run(self) -> None:
        """Until cancelled; what goes on then is found out by the recovery of the next process."""
        try:
            await asyncio.Event().wait()
        finally:
            tasks = [each.task for each in self._running.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
