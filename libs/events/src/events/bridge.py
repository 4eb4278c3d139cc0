"""A bridge: what one bus has, onto another (a store box and the chain's cluster).

The relay and the receiver again: fetch there, publish here, and only then acknowledge there. Keys,
headers and bytes stay as they are, so order per key holds and consumers find the same ids.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from events import telemetry
from events.bus.contract import Bus, KeysLost, Record
from events.errors import Transient
from events.relay import backoff_s

FETCH_MAX = 500
FETCH_WAIT_S = 2.0

_log = logging.getLogger(__name__)


async def run_bridge(
    source: Bus,
    target: Bus,
    topic: str,
    *,
    name: str,
    carries: Callable[[Record], bool] = lambda record: True,
) -> None:
    """Carry `topic` over until cancelled; `name` is the bridge's group on the source.

    `carries` keeps back what the other side has itself: a bridge in each direction must not send
    records home. Waits out `Transient` on either side. Raises `RecordTooLarge` and other defects.
    """
    attempt = 0
    while True:
        try:
            await target.ensure_topics([topic])
            async with source.subscribe(topic, group=name) as subscription:
                while True:
                    batch = await subscription.fetch(records_max=FETCH_MAX, wait_s=FETCH_WAIT_S)
                    attempt = 0
                    if not batch:
                        continue
                    records = [record for record in batch.records if carries(record)]
                    with telemetry.publishing(name, len(records)):
                        await target.publish(topic, records)
                    try:
                        await subscription.acknowledge(batch)
                    except KeysLost:
                        # Another bridge of this name carries them again: duplicates, never a loss.
                        _log.info("%s: keys moved to another member", name)
        except Transient as fault:
            attempt += 1
            _log.warning("%s waits: %s", name, fault)
            await asyncio.sleep(backoff_s(attempt))
