"""No room stays unused that a serial run would have used: what has run out is swept first."""

from __future__ import annotations

from datetime import timedelta

import pytest

from costcenter.decider.refusals import LimitExceeded
from costcenter.testing.world import World
from money import euro


async def _two_full_limits(world: World) -> None:
    """A card's and its center's limit, both kept by a hold that has run out."""
    await world.furnish()
    await world.card("4712", "4711")
    await world.limit("L-card", "card", "k4711", "day", "10.00")
    await world.limit("L-center", "center", "c4711", "month", "20.00")
    await world.hold("h1", "10.00", number="4711", expires_in_s=30)
    await world.hold("h2", "10.00", number="4712", expires_in_s=30)
    world.clock.now += timedelta(seconds=31)


async def test_each_of_several_full_limits_is_swept(world: World) -> None:
    await _two_full_limits(world)
    placed = await world.hold("h3", "10.00", number="4711")
    assert placed.charge.amount == euro("10.00")


async def test_less_is_given_only_when_nothing_lapsed_is_in_the_way(world: World) -> None:
    await world.furnish()
    await world.limit("L-card", "card", "k4711", "day", "10.00")
    await world.hold("h1", "6.00", number="4711", expires_in_s=30)
    world.clock.now += timedelta(seconds=31)
    placed = await world.hold("h2", "9.00", number="4711", mode="up_to")
    assert placed.charge.amount == euro("9.00")


async def test_less_is_given_where_a_living_hold_is_in_the_way(world: World) -> None:
    await world.furnish()
    await world.limit("L-card", "card", "k4711", "day", "10.00")
    await world.hold("h1", "6.00", number="4711", expires_in_s=30)
    placed = await world.hold("h2", "9.00", number="4711", mode="up_to")
    assert placed.charge.amount == euro("4.00")
    again = await world.hold("h2", "9.00", number="4711", mode="up_to")
    assert again.charge == placed.charge


async def test_nothing_is_given_where_living_holds_take_all(world: World) -> None:
    await world.furnish()
    await world.limit("L-card", "card", "k4711", "day", "10.00")
    await world.hold("h1", "10.00", number="4711", expires_in_s=30)
    with pytest.raises(LimitExceeded):
        await world.hold("h2", "9.00", number="4711", mode="up_to")
