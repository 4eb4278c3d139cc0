"""Two processes on one PostgreSQL: limits hold, and nothing stays unused."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from costcenter.decider.refusals import LimitExceeded
from costcenter.service import REGISTRY, SERVICE
from costcenter.testing.world import World, build_world
from events import LostRace
from events.store.postgres import PostgresEventStore

if TYPE_CHECKING:
    from services.costcenter.tests.conftest import Clock

    from kassenverbund.kit.chain import Chain

TRIES_MAX = 50


async def charged(world: World, charge_id: str, number: str) -> str:
    """A till that asks again when it lost a race, with the same id."""
    for _ in range(TRIES_MAX):
        try:
            await world.hold(charge_id, "1.00", number=number)
        except LostRace:
            continue
        except LimitExceeded:
            return "refused"
        return "held"
    return "gave up"


async def test_two_processes_charge_five_stacked_limits_to_the_last_euro(
    migrated_url: str, postgres: PostgresEventStore, clock: Clock, chain: Chain
) -> None:
    async with PostgresEventStore.open(
        migrated_url, service="costcenter", schema=SERVICE.schema, registry=REGISTRY
    ) as second:
        here, there = build_world(postgres, clock, chain), build_world(second, clock, chain)
        await here.company("a", "Firma A")
        await here.group(1, "Firma A", company_id="a")
        await here.center("4711", company_id="a")
        await here.card("4711", "4711")
        await here.card("4712", "4711")
        for limit_id, level, scope, window in (
            ("L1", "center", "c4711", "day"),
            ("L2", "user_group", "1-4", "week"),
            ("L3", "main_group", "1", "month"),
            ("L4", "company", "a", "month"),
        ):
            await here.limit(limit_id, level, scope, window, "10.00")
        await here.limit("L5", "card", "k4712", "day", None, count=4)
        outcomes = await asyncio.gather(
            *(
                charged(world, f"{name}-{number}-{n}", number)
                for n in range(6)
                for name, world in (("here", here), ("there", there))
                for number in ("4711", "4712")
            )
        )
        assert Counter(outcomes) == {"held": 10, "refused": 14}
        for limit_id, window in (
            ("L1", "2026-10-12"),
            ("L2", "2026-W42"),
            ("L3", "2026-10"),
            ("L4", "2026-10"),
        ):
            assert (await here.usage(f"{limit_id}-{window}")).amount == 1000
        assert (await here.usage("L5-2026-10-12")).count <= 4
        assert (await here.month()).charges.keys() == (await there.month()).charges.keys()


async def test_one_hold_asked_of_two_processes_at_once_is_one_charge(
    migrated_url: str, postgres: PostgresEventStore, clock: Clock, chain: Chain
) -> None:
    async with PostgresEventStore.open(
        migrated_url, service="costcenter", schema=SERVICE.schema, registry=REGISTRY
    ) as second:
        here, there = build_world(postgres, clock, chain), build_world(second, clock, chain)
        await here.group(2, "Firma B")
        await here.center("4800")
        await here.card("4800", "4800", group=(2, 4))
        await here.limit("L8", "card", "k4800", "day", "10.00")
        done = await asyncio.gather(
            *(charged(world, "once", "4800") for _ in range(4) for world in (here, there))
        )
        assert set(done) == {"held"}
        assert (await here.usage("L8-2026-10-12")).amount == 100
