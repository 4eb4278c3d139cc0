"""Waiting for a condition instead of sleeping for luck."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

DEADLINE_S = 30.0

LOOK_S = 0.005


async def until(condition: Callable[[], bool], *, deadline_s: float = DEADLINE_S) -> None:
    """Return when `condition` holds. Raises TimeoutError after `deadline_s`."""
    async with asyncio.timeout(deadline_s):
        while not condition():  # noqa: ASYNC110  (any condition, not only one that sets an event)
            await asyncio.sleep(LOOK_S)
