"""A manager says that the clock is right, although something later was recorded."""

from __future__ import annotations

from datetime import datetime

from device_gateway.commands import AcceptClock
from device_gateway.decider.store import STORE
from device_gateway.handlers.gateway import Gateway, store_stream
from events import Ask, handle


async def accept_clock(
    gateway: Gateway, *, store_id: str, reason: str, by: str, ask: Ask
) -> datetime:
    """Recording goes on; what was the latest before. Other processes learn it with their next
    start. Raises `StoreUnknown`."""
    await gateway.master_data(store_id)
    now, latest = gateway.clock(), gateway.time.latest
    command = AcceptClock(store_id, latest, reason, by, now)
    await handle(gateway.store, STORE, store_stream(store_id), command, ask=ask)
    gateway.time.accept(now)
    return latest
