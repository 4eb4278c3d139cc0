"""A member of a group as a process of its own, for tests that kill it.

    python -m events.testing.bus_member postgres URL SCHEMA TOPIC GROUP
    python -m events.testing.bus_member kafka BOOTSTRAP SESSION_S TOPIC GROUP

Joins, fetches without acknowledging, says `holding` and waits to be killed.
"""

from __future__ import annotations

import asyncio
import sys

from events.bus.contract import Bus


async def hold(bus: Bus, topic: str, group: str) -> None:
    async with bus.subscribe(topic, group=group) as subscription:
        while not await subscription.fetch(records_max=10, wait_s=1.0):
            pass
        print("holding", flush=True)
        await asyncio.Event().wait()


async def main(kind: str, place: str, setting: str, topic: str, group: str) -> None:
    match kind:
        case "postgres":
            from events.bus.postgres import PostgresBus

            async with PostgresBus.open(place, schema=setting) as postgres:
                await hold(postgres, topic, group)
        case "kafka":
            from events.bus.kafka import KafkaBus, Timing

            timing = Timing(session_s=float(setting))
            async with KafkaBus.open(place, timing=timing) as kafka:
                await hold(kafka, topic, group)
        case _:
            raise SystemExit(f"no bus is called {kind}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
