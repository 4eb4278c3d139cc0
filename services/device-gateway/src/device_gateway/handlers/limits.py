"""How often a till may do what could flood others (a leaked token, a key that is stuck)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from device_gateway.decider.refusals import ActTooOften
from device_gateway.handlers.gateway import Gateway

Limited = Literal["lookup", "print"]


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `acts_max` in each window of `window_s` seconds."""

    acts_max: int
    window_s: int
    per_till: bool = True
    """False: over all tills of the store."""


LIMITS: Mapping[Limited, tuple[Limit, ...]] = {
    "lookup": (Limit(10, 60), Limit(60, 60, per_till=False)),
    "print": (Limit(30, 60),),
}
"""`lookup`: a code or number is looked up without a payment. `print`: paper beyond the receipt that
each booking has: copies, tests, openings of the drawer."""


class ActCounts(Protocol):
    """Counts acts over all processes."""

    async def wait_s(self, kind: Limited, *, store_id: str, till_id: str, now: datetime) -> float:
        """Count one. 0: go on; above: refused, ask again after so many seconds."""
        ...


async def limited(gateway: Gateway, kind: Limited, *, store_id: str, till_id: str) -> None:
    """Call before the act. Raises `ActTooOften`."""
    if gateway.counts is None:
        return
    wait_s = await gateway.counts.wait_s(
        kind, store_id=store_id, till_id=till_id, now=gateway.clock()
    )
    if wait_s > 0:
        raise ActTooOften(kind=kind, retry_after_s=math.ceil(wait_s))
