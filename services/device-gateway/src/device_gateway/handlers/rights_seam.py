"""Seam to the rights of whoever is signed in at a till; until they are there, a till may all."""

from __future__ import annotations

from device_gateway.handlers.gateway import Gateway


async def must_have(
    gateway: Gateway, store_id: str, till_id: str, right: str, approval: str | None
) -> str | None:
    """Raises where nobody at the till may do it. Who lent the right, if anybody."""
    return None
