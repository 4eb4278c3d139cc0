"""A bridge between two buses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from events.bridge import run_bridge
from events.bus.contract import Bus, Record
from events.bus.postgres import PostgresBus
from events.testing.bus_records import collect, in_order, spread
from events.testing.memory import MemoryBus
from events.testing.waiting import until


@asynccontextmanager
async def bridged(source: Bus, target: Bus, **options: object) -> AsyncIterator[None]:
    task = asyncio.create_task(
        run_bridge(source, target, "t", name="bridge", **options)  # type: ignore[arg-type]
    )
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_keys_order_headers_and_bytes_arrive_on_the_other_bus(database_url: str) -> None:
    target = MemoryBus()
    async with PostgresBus.open(database_url, schema=f"bus_{uuid4().hex[:8]}") as source:
        await source.publish("t", spread(5, 4))
        async with bridged(source, target):
            await until(lambda: len(target.topics.get("t", ())) == 20)
    assert in_order(target.topics["t"])
    assert sorted(map(repr, target.topics["t"])) == sorted(map(repr, spread(5, 4)))


async def test_a_line_that_is_down_loses_nothing() -> None:
    source, target = MemoryBus(), MemoryBus()
    async with bridged(source, target):
        await source.publish("t", spread(2, 1))
        await until(lambda: len(target.topics.get("t", ())) == 2)
        target.away = True
        await source.publish("t", spread(2, 2)[2:])
        await until(lambda: len(source.topics["t"]) == 4)
        target.away = False
        await until(lambda: len(target.topics["t"]) == 4)
    assert in_order(target.topics["t"])


async def test_a_restarted_bridge_goes_on_where_it_stood() -> None:
    source, target = MemoryBus(), MemoryBus()
    for turn in (1, 2):
        await source.publish("t", spread(2, turn)[2 * (turn - 1) :])
        async with bridged(source, target):
            await until(lambda turn=turn: len(target.topics.get("t", ())) == 2 * turn)  # type: ignore[misc]
    async with target.subscribe("t", group="g") as subscription:
        assert len(await collect(subscription, 4)) == 4


async def test_what_the_other_side_has_itself_is_not_sent_home() -> None:
    source, target = MemoryBus(), MemoryBus()

    def ours(record: Record) -> bool:
        return record.key == "key-0"

    async with bridged(source, target, carries=ours):
        await source.publish("t", spread(2, 2))
        await until(lambda: len(target.topics.get("t", ())) == 2)
    assert {record.key for record in target.topics["t"]} == {"key-0"}
