"""Looks at the lines all the time, so that a till shows one that is cut before a cashier waits.

Services are asked for their health and never for data; a page that some box on the way answers
instead of them is no answer. The bus is seen by what of the own log it does not have yet.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

import httpx
from sqlalchemy import text

from device_gateway.handlers.lines import Lines, Unsent
from events import Transient
from events.relay import CHECKPOINT
from events.store.connection import faults

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

LOOK_EVERY_S = 2.0
"""Two looks that fail are within the time after which a line is shown as offline."""

PROBE_WAIT_S = 1.2

UNSENT_MAX_S = 5.0
"""What waits for the bus for longer shows that the line to it is cut, or that it is too slow."""

UNSENT_COUNT_MAX = 100_000
"""More are not counted."""

_log = logging.getLogger("device_gateway.line")


class Outbox(Protocol):
    """What of the own log is not on the bus yet."""

    async def unsent(self) -> Unsent:
        """Raises `Transient` where the own database is away."""
        ...


class PostgresOutbox:
    """Counts what lies behind the relay's checkpoint. `names`: what it publishes."""

    def __init__(self, engine: AsyncEngine, names: Collection[str]) -> None:
        self._engine = engine
        self._names = sorted(names)
        self._query = text(
            "SELECT count(*), min(recorded_at) FROM (SELECT recorded_at FROM event"
            " WHERE type = ANY(:names) AND position > coalesce("
            "(SELECT position FROM checkpoint WHERE subscription = :relay), 0)"
            " ORDER BY position LIMIT :most) AS unsent"
        )

    async def unsent(self) -> Unsent:
        bound = {"names": self._names, "relay": CHECKPOINT, "most": UNSENT_COUNT_MAX}
        async with faults(), self._engine.connect() as connection:
            count, oldest_at = (await connection.execute(self._query, bound)).one()
        return Unsent(int(count), oldest_at)


@dataclass
class LineWatch:
    """One per process: each sees its own lines."""

    lines: Lines
    services: Mapping[str, httpx.AsyncClient]
    outbox: Outbox

    def __post_init__(self) -> None:
        for name in (*self.services, "bus", "signer"):
            self.lines.watch(name)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """One look at all lines, side by side."""
        await asyncio.gather(self._look_at_bus(), *map(self._look_at, self.services))

    async def _look_at(self, name: str) -> None:
        self.lines.saw(name, await healthy(self.services[name], name))

    async def _look_at_bus(self) -> None:
        try:
            unsent = await self.outbox.unsent()
        except Transient as away:
            _log.warning("how far the bus is behind is not known: %s", away)
            return
        self.lines.unsent = unsent
        late = timedelta(seconds=UNSENT_MAX_S)
        oldest = unsent.oldest_at
        self.lines.saw("bus", oldest is None or self.lines.clock() - oldest <= late)


async def healthy(client: httpx.AsyncClient, service: str) -> bool:
    """Whether the program that runs `service` says that it can do its work. That the bus is away
    from there is no reason not to ask it."""
    try:
        async with asyncio.timeout(PROBE_WAIT_S):
            answer = await client.get("/health/ready")
        document = answer.json()
    except (TimeoutError, httpx.HTTPError, ValueError):
        return False
    if not isinstance(document, dict) or document.get("status") not in ("ready", "unready"):
        return False
    reasons = document.get("reasons", [])
    return not any(str(reason).startswith(f"{service}:") for reason in reasons)
