"""What the sale's pages ask the rest of the gateway for, in one place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from device_gateway.handlers.gateway import Gateway


@dataclass(frozen=True, slots=True)
class Terminal:
    device_id: str
    name: str


async def terminals(gateway: Gateway, store_id: str, till_id: str) -> Sequence[Terminal]:
    """Card terminals that this till may use."""
    return ()
