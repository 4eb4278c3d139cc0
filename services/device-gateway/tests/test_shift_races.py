"""Two processes on one PostgreSQL sell at one till and close it, all at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any
from uuid import uuid4

from device_gateway.service import SERVICE
from events.store.migrate import migrate
from events.store.postgres import PostgresEventStore

ROUNDS = 6


async def test_every_process_belongs_to_one_shift_whoever_closes_it(
    database_url: str, make_rig: Any, till: Any, words: Any
) -> None:
    schema = f"races_{uuid4().hex[:8]}"
    await migrate(database_url, schema=schema, folder=SERVICE.migrations)

    def opening() -> Any:
        return PostgresEventStore.open(
            database_url, service=SERVICE.name, schema=schema, registry=SERVICE.registry
        )

    async with opening() as one, opening() as other:
        here, there = make_rig(one), make_rig(other)
        await here.declare()
        mine = await here.paired("berlin", "till-1")
        yours = type(till)(there, "berlin", "till-1", mine.token)
        statuses = Counter[int]()
        for _ in range(ROUNDS):
            sale = words.sale([words.article(500)], words.cash(500))
            sales = [each.post("", sale) for each in (mine, yours) for _ in range(4)]
            closings = [
                each.as_person("manager", "/stores/berlin/v1/tills/till-1/shift/close")
                for each in (here, there)
            ]
            answers = await asyncio.gather(*sales[:4], closings[0], *sales[4:], closings[1])
            statuses.update(answer.status_code for answer in answers)
        assert statuses.keys() <= {200, 409}, statuses
        log = list[Any]()
        while page := await one.read(after=len(log), records_max=1000):
            log += [entry.event for entry in page]
        await here.http.aclose()
        await there.http.aclose()
    kept = {name: [each for each in log if each.event_name == name] for name in NAMES}
    sold, given, closed, opened = (kept[name] for name in NAMES)
    assert len(sold) == ROUNDS * 8
    assert [each.number for each in given] == list(range(1, len(given) + 1))
    assert [each.z_number for each in closed] == list(range(1, len(closed) + 1))
    assert [each.shift for each in opened] == list(range(1, len(opened) + 1))
    by_shift = Counter(each.shift for each in sold)
    for each in closed:
        assert each.counts.get("sale", 0) == by_shift[each.shift]
        assert each.cash.left.amount == sum(by_shift[z] for z in range(1, each.shift + 1)) * 500


NAMES = ("booking.recorded", "till.number_given", "till.closed", "till.opened")
