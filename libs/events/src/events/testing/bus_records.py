"""Records that know their place, and how tests collect them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from events.bus.contract import Record, Subscription

DEADLINE_S = 40.0
"""How long a case waits for something that has to happen."""


def record(key: str, number: int, *, value: bytes | None = None) -> Record:
    """One small record that knows its place in its key."""
    return Record(
        key=key,
        headers={"ce_id": f"{key}/{number}", "ce_type": "counter.counted.v1"},
        value=f'{{"n":{number}}}'.encode() if value is None else value,
    )


def number_of(found: Record) -> int:
    return int(found.headers["ce_id"].rpartition("/")[2])


def spread(keys: int, each: int) -> list[Record]:
    """`each` records for `keys` keys, taking turns."""
    return [record(f"key-{key}", number) for number in range(each) for key in range(keys)]


async def collect(
    subscription: Subscription, count: int, *, acknowledge: bool = True
) -> list[Record]:
    """Fetch until `count` records have come. Fails after `DEADLINE_S`."""
    found: list[Record] = []
    async with asyncio.timeout(DEADLINE_S):
        while len(found) < count:
            batch = await subscription.fetch(records_max=100, wait_s=0.5)
            found.extend(batch.records)
            if acknowledge and batch:
                await subscription.acknowledge(batch)
    return found


def in_order(found: Sequence[Record]) -> bool:
    """Whether the records of each key, repeats left out, came in order and without a gap."""
    last: dict[str, int] = defaultdict(lambda: -1)
    for entry in found:
        number = number_of(entry)
        if number > last[entry.key] + 1:
            return False
        last[entry.key] = max(last[entry.key], number)
    return True
