"""Months close; what comes late goes to the next one; budgets go over the end of a month."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from costcenter.decider.refusals import ChargeUnknown, LimitExceeded, MonthNotOver, OpenHolds
from costcenter.events import ChargeBooked, ChargeReversed, MonthClosed
from money import euro

if TYPE_CHECKING:
    from services.costcenter.tests.conftest import World

NOVEMBER = datetime(2026, 11, 5, 10, 0, tzinfo=UTC)
OCTOBER_30 = datetime(2026, 10, 30, 10, 0, tzinfo=UTC)


async def last(world: World, month: str) -> Any:
    return (await world.store.load(f"month-c4711-{month}"))[-1].event


async def test_a_closed_month_says_what_is_owed(world: World) -> None:
    await world.furnish()
    await world.pay("H1", "12.40")
    await world.pay("H2", "8.10")
    await world.give_back("H2", "R1", "8.10")
    world.clock.now = NOVEMBER
    closed, hindered = await world.months.close_all(world.ask(), month="2026-10")
    assert (closed, hindered) == (1, ())
    event = await last(world, "2026-10")
    assert isinstance(event, MonthClosed)
    assert (event.charged, event.charges) == (euro("12.40"), 2)


async def test_closing_twice_closes_once(world: World) -> None:
    await world.furnish()
    await world.pay("H1", "12.40")
    world.clock.now = NOVEMBER
    await world.months.close_all(world.ask(), month="2026-10")
    assert await world.months.close_all(world.ask(), month="2026-10") == (0, ())
    assert (await world.names()).count("month.closed") == 1


async def test_a_month_that_is_not_over_is_not_closed(world: World) -> None:
    with pytest.raises(MonthNotOver):
        await world.months.close_all(world.ask(), month="2026-10")


async def test_a_lapsed_hold_does_not_keep_a_month_open(world: World) -> None:
    await world.furnish()
    await world.hold("H1", "9.80")
    world.clock.now = NOVEMBER
    assert await world.months.close_all(world.ask(), month="2026-10") == (1, ())


async def test_a_confirmed_hold_keeps_its_month_open(world: World) -> None:
    await world.furnish()
    await world.hold("H1", "9.80")
    await world.confirm("H1")
    world.clock.now = NOVEMBER
    assert await world.months.close_all(world.ask(), month="2026-10") == (0, ("c4711",))
    with pytest.raises(OpenHolds):
        await world.months.close("c4711", "2026-10", NOVEMBER)
    await world.book("H1", "9.80")
    assert await world.months.close_all(world.ask(), month="2026-10") == (1, ())


@pytest.mark.parametrize(("day", "closed"), [(1, 0), (3, 0), (4, 1)])
async def test_a_month_closes_by_itself_after_the_days_of_grace(
    world: World, day: int, closed: int
) -> None:
    await world.furnish()
    await world.pay("H1", "9.80")
    world.clock.now = datetime(2026, 11, day, 10, 0, tzinfo=UTC)
    assert await world.months.close_due() == closed


async def test_what_is_reported_after_the_closing_goes_to_the_next_month(world: World) -> None:
    await world.furnish()
    await world.pay("H1", "9.80")
    world.clock.now = NOVEMBER
    await world.months.close_all(world.ask(), month="2026-10")
    late: dict[str, Any] = {"day": date(2026, 10, 30)}
    await world.book("H2", "5.00", center_number="4711", card_number="4711", booking=late)
    booked = await last(world, "2026-11")
    assert isinstance(booked, ChargeBooked)
    assert (booked.late, booked.business_date) == (True, date(2026, 10, 30))


async def test_a_hold_that_expired_with_its_month_is_booked_in_the_next(world: World) -> None:
    await world.furnish()
    await world.limit("L1", "center", "c4711", "month", "50.00")
    await world.hold("H1", "9.80")
    world.clock.now = NOVEMBER
    await world.months.close_all(world.ask(), month="2026-10")
    late: dict[str, Any] = {"day": date(2026, 10, 12)}
    await world.book("H1", "9.80", booking=late)
    booked = await last(world, "2026-11")
    assert isinstance(booked, ChargeBooked)
    assert (booked.late, booked.fault) == (True, "hold_expired")
    assert (await world.usage("L1-2026-10")).amount == 980
    await world.book("H1", "9.80", booking={**late, "delivery": "2"})
    assert (await world.month("4711", "2026-11")).charged == 980


async def test_goods_of_a_closed_month_are_credited_in_the_open_one(world: World) -> None:
    await world.furnish()
    await world.limit("L1", "center", "c4711", "month", "50.00")
    await world.pay("H1", "9.80")
    world.clock.now = NOVEMBER
    await world.months.close_all(world.ask(), month="2026-10")
    await world.give_back("H1", "R1", "4.00")
    await world.give_back("H1", "R2", "7.00")
    event = await last(world, "2026-11")
    assert isinstance(event, ChargeReversed)
    assert (event.amount, event.refused) == (euro("5.80"), euro("1.20"))
    # The window of the original charge has it back.
    assert (await world.usage("L1-2026-10")).amount == 0


async def test_a_reversal_that_is_heard_twice_counts_once(world: World) -> None:
    await world.furnish()
    await world.pay("H1", "9.80")
    await world.give_back("H1", "R1", "4.00")
    await world.give_back("H1", "R1", "4.00")
    assert (await world.month()).charged == 580


async def test_what_was_never_charged_is_not_credited(world: World) -> None:
    await world.furnish()
    with pytest.raises(ChargeUnknown):
        await world.give_back("H9", "R1", "4.00")


async def test_a_sale_over_midnight_stays_in_the_month_of_its_hold(world: World) -> None:
    await world.furnish()
    world.clock.now = datetime(2026, 10, 31, 22, 59, tzinfo=UTC)
    await world.hold("H1", "9.80")
    world.clock.advance(minutes=2)
    await world.confirm("H1")
    await world.book("H1", "9.80", booking={"day": date(2026, 11, 1)})
    booked = await last(world, "2026-10")
    assert (booked.business_date, booked.late, booked.fault) == (date(2026, 10, 31), False, None)


async def budget(world: World) -> None:
    await world.furnish()
    await world.limit(
        "L1", "center", "c4711", "range", "200.00",
        valid_from=date(2026, 10, 26), valid_until=date(2026, 11, 13),
    )  # fmt: skip


async def test_a_budget_is_carried_over_the_end_of_a_month(world: World) -> None:
    await budget(world)
    world.clock.now = OCTOBER_30
    await world.pay("H1", "150.00")
    world.clock.now = NOVEMBER
    with pytest.raises(LimitExceeded) as refused:
        await world.hold("H2", "60.00")
    assert refused.value.extra["available"] == {"amount": 5000, "currency": "EUR"}
    await world.hold("H2", "50.00")
    assert (await world.usage("L1-~range-2026-10")).closed
    assert (await world.usage("L1-~range-2026-11")).amount == 20000


async def test_what_comes_back_of_an_old_part_goes_to_the_newest(world: World) -> None:
    await budget(world)
    world.clock.now = OCTOBER_30
    await world.pay("H1", "150.00")
    world.clock.now = NOVEMBER
    await world.pay("H2", "10.00")
    await world.give_back("H1", "R1", "150.00")
    usage = await world.usage("L1-~range-2026-11")
    assert (usage.amount, usage.count) == (1000, 1)


async def test_a_late_charge_of_an_old_part_goes_to_the_newest(world: World) -> None:
    await budget(world)
    world.clock.now = OCTOBER_30
    await world.pay("H1", "150.00")
    world.clock.now = NOVEMBER
    await world.pay("H2", "10.00")
    late: dict[str, Any] = {"day": date(2026, 10, 30)}
    await world.book("H3", "5.00", center_number="4711", card_number="4711", booking=late)
    assert (await world.usage("L1-~range-2026-11")).amount == 16500


async def test_a_week_over_the_end_of_a_month_is_one_account(world: World) -> None:
    await world.furnish()
    await world.limit("L1", "center", "c4711", "week", "10.00")
    world.clock.now = OCTOBER_30
    await world.pay("H1", "6.00")
    world.clock.now = datetime(2026, 11, 1, 10, 0, tzinfo=UTC)
    with pytest.raises(LimitExceeded):
        await world.hold("H2", "5.00")
    world.clock.now = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
    await world.hold("H3", "5.00")


async def test_outside_of_its_days_a_budget_leaves_nothing(world: World) -> None:
    await budget(world)
    with pytest.raises(LimitExceeded) as refused:
        await world.hold("H1", "1.00")
    assert refused.value.extra["available"] == {"amount": 0, "currency": "EUR"}


async def test_another_process_follows_a_budget_to_its_newest_part(world: World) -> None:
    await budget(world)
    other = world.another(world.store.another_process())  # type: ignore[attr-defined]  # In memory.
    world.clock.now = OCTOBER_30
    await world.pay("H1", "100.00")
    await other.pay("H2", "50.00")
    world.clock.now = NOVEMBER
    await world.pay("H3", "10.00")
    await other.pay("H4", "40.00")
    with pytest.raises(LimitExceeded):
        await world.hold("H5", "0.01")
    assert (await world.usage("L1-~range-2026-11")).amount == 20000


async def test_what_a_new_limit_found_used_counts_in_its_window(world: World) -> None:
    await world.furnish()
    await world.limit(
        "L1", "center", "c4711", "month", "50.00", opening=("45.00", 3, date(2026, 10, 2))
    )
    with pytest.raises(LimitExceeded):
        await world.hold("H1", "5.01")
    await world.hold("H2", "5.00")
    world.clock.now = NOVEMBER
    await world.hold("H3", "50.00")
