"""Reading busy months before a cashier has to wait for it.

A month of 20,000 charges has 60,000 facts, and a process that has just started has seen none of
them: the first charge would wait seconds for its decision.
"""

from __future__ import annotations

import asyncio
import logging

from costcenter.decider.month import MONTH
from costcenter.decider.windows import month_of
from costcenter.handlers.desk import Desk
from costcenter.names import month_stream
from costcenter.ports import BusyMonths

WARMED_CHARGES_MIN = 500
"""Months with fewer charges are read within a tenth of a second, when the first charge comes."""

WARMED_MONTHS_MAX = 200

WARM_S = 20.0
"""How long the start of the program may take for it. What is left is read when it is needed."""

_log = logging.getLogger("costcenter")


async def warm(desk: Desk, busy: BusyMonths, *, charges_min: int = WARMED_CHARGES_MIN) -> int:
    """Read the present month of the busiest centers. Answers how many."""
    month, read = month_of(desk.clock().date()), 0
    try:
        async with asyncio.timeout(WARM_S):
            for center_id in await busy.busiest(
                month, charges_min=charges_min, months_max=WARMED_MONTHS_MAX
            ):
                await desk.state(month_stream(center_id, month), MONTH)
                read += 1
    except TimeoutError:
        _log.warning("%d busy months read before the start, some are left", read)
    return read
