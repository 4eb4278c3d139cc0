"""C19: a training course has 200.00 for two days, and the budget closes itself."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from costcenter.decider.refusals import LimitExceeded
from costcenter.testing.world import World
from money import euro


@pytest.fixture
async def schulung(world: World) -> World:
    """A temporary card “Schulung”: 200.00 for 12 and 13 October, of which 198.00 are used."""
    world.clock.now = datetime(2026, 10, 12, 10, 0, tzinfo=UTC)
    await world.furnish("4711", "Schulung")
    await world.limit(
        "schulung",
        "card",
        "k4711",
        "range",
        "200.00",
        valid_from=date(2026, 10, 12),
        valid_until=date(2026, 10, 13),
    )
    await world.pay("first-day", "120.00")
    world.clock.now = datetime(2026, 10, 13, 10, 0, tzinfo=UTC)
    await world.pay("second-day", "78.00")
    return world


async def test_c19_five_do_not_fit_into_what_is_left(schulung: World) -> None:
    with pytest.raises(LimitExceeded) as refused:
        await schulung.hold("H1", "5.00", mode="exact")
    assert refused.value.extra["available"] == euro("2.00").model_dump()


async def test_c19_five_are_split_two_and_three(schulung: World) -> None:
    placed = await schulung.hold("H1", "5.00", mode="up_to")
    assert placed.charge.amount == euro("2.00")
    assert euro("5.00") - placed.charge.amount == euro("3.00")


async def test_c19_the_last_cent_may_be_spent(schulung: World) -> None:
    await schulung.pay("H1", "2.00")
    with pytest.raises(LimitExceeded) as refused:
        await schulung.hold("H2", "0.01", mode="up_to")
    assert refused.value.extra["available"] == euro("0.00").model_dump()


@pytest.mark.parametrize("day", [11, 14])
async def test_c19_nothing_is_charged_before_or_after_the_course(schulung: World, day: int) -> None:
    """On the 14th the budget has closed itself: nobody had to end it."""
    schulung.clock.now = datetime(2026, 10, day, 10, 0, tzinfo=UTC)
    for mode in ("exact", "up_to"):
        with pytest.raises(LimitExceeded) as refused:
            await schulung.hold(f"H-{mode}", "1.00", mode=mode)
        assert refused.value.extra["available"] == euro("0.00").model_dump()


async def test_c19_the_course_ends_at_midnight_of_the_store(schulung: World) -> None:
    # 23:59 and 00:00 in Berlin, two hours ahead of UTC.
    schulung.clock.now = datetime(2026, 10, 13, 21, 59, tzinfo=UTC)
    await schulung.hold("H1", "1.00")
    schulung.clock.now = datetime(2026, 10, 13, 22, 0, tzinfo=UTC)
    with pytest.raises(LimitExceeded):
        await schulung.hold("H2", "1.00")
