"""E.4: remaining 100.00, 4 x 10.00 leased, 60.00 left online; the sum never exceeds the limit."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from typing import Any

import pytest

from costcenter.decider.lease import LeaseRunning, LeaseUnreported
from costcenter.decider.refusals import CardNotUsable, LimitExceeded, NoCard
from costcenter.events import ChargeBooked, LeaseUsed
from costcenter.handlers.lease_grounds import WantedLease
from costcenter.handlers.leases import Granted, LeaseTooLong
from costcenter.testing.bookings import on_center, recorded, subsidy
from costcenter.testing.world import World
from events import Ask
from money import euro

MONDAY = datetime(2026, 10, 12, 10, 0, tzinfo=UTC)


@pytest.fixture
async def shop(world: World) -> World:
    """Center 4711 with a virtual card, and 100.00 left of this month."""
    world.clock.now = MONDAY
    await world.furnish()
    opening = ("400.00", 10, date(2026, 10, 1))
    await world.limit("L1", "center", "c4711", "month", "500.00", opening=opening)
    return world


async def lease(world: World, amount: str, *, ask: Ask | None = None, **fields: Any) -> Granted:
    plain: dict[str, Any] = {
        "store_id": "berlin",
        "center_id": "c4711",
        "card_id": None,
        "count": 10,
        "hours": 24,
    }
    wanted = WantedLease(amount=euro(amount), **(plain | fields))
    return await world.leases.grant(ask or world.ask(), wanted)


async def charge_offline(
    world: World, granted: Granted, charge_id: str, amount: str, *, card: str = "4711", **on: Any
) -> None:
    """The gateway of the store reports a booking that it made without a line."""
    paid = on_center(
        charge_id,
        amount,
        offline=True,
        lease_id=granted.lease.lease_id,
        card_id=f"k{card}",
        card_number=card,
        center_number="4711",
    )
    booking = {"at": world.clock.now, **on}
    await world.hear(recorded(f"b-{charge_id}", payments=[paid], **booking))


async def give_back(world: World, granted: Granted, *charges: str) -> None:
    lease_id = granted.lease.lease_id
    assert lease_id is not None
    await world.leases.give_back(
        world.ask(), lease_id=lease_id, charges=charges, store_id=None, by="service:gateway"
    )


async def left(world: World) -> int:
    """Minor units of the 500.00."""
    return 50_000 - (await world.usage("L1-2026-10")).amount


async def booked(world: World, month: str = "2026-10") -> list[ChargeBooked]:
    entries = await world.store.load(f"month-c4711-{month}")
    return [entry.event for entry in entries if isinstance(entry.event, ChargeBooked)]


# --- the example ---


async def test_e04_sixty_are_left_online_when_forty_are_leased(shop: World) -> None:
    for _ in range(4):
        await lease(shop, "10.00")
    with pytest.raises(LimitExceeded) as refused:
        await shop.hold("H1", "60.01")
    assert refused.value.extra["available"] == euro("60.00").model_dump()
    await shop.pay("H2", "60.00")
    assert await left(shop) == 0


async def test_e04_no_lease_is_larger_than_what_is_left(shop: World) -> None:
    await shop.pay("H1", "95.00")
    with pytest.raises(LimitExceeded) as refused:
        await lease(shop, "10.00")
    assert refused.value.extra["available"] == euro("5.00").model_dump()
    assert await left(shop) == 500


async def test_e04_offline_charges_take_nothing_more_and_the_rest_comes_back(shop: World) -> None:
    granted = await lease(shop, "10.00")
    await charge_offline(shop, granted, "H1", "4.00")
    assert await left(shop) == 9_000
    await give_back(shop, granted, "H1")
    assert await left(shop) == 9_600


async def test_e04_two_stores_offline_at_once_never_exceed_the_limit(shop: World) -> None:
    berlin = await lease(shop, "40.00")
    koeln = await lease(shop, "50.00", store_id="koeln")
    await shop.pay("online", "10.00")
    await charge_offline(shop, berlin, "B1", "40.00")
    await charge_offline(shop, koeln, "K1", "50.00", store_id="koeln")
    assert await left(shop) == 0
    await give_back(shop, berlin, "B1")
    await give_back(shop, koeln, "K1")
    assert await left(shop) == 0


async def test_e04_processes_that_lease_at_once_never_lease_more_than_is_left(
    shop: World,
) -> None:
    store: Any = shop.store
    worlds = [shop.another(store.another_process()) for _ in range(8)]
    outcomes = await asyncio.gather(
        *(lease(world, "30.00") for world in worlds), return_exceptions=True
    )
    assert sum(isinstance(outcome, Granted) for outcome in outcomes) == 3
    assert sum(isinstance(outcome, LimitExceeded) for outcome in outcomes) == 5
    assert await left(shop) == 1_000


# --- reported once, late, too much ---


async def test_e04_a_charge_is_booked_with_its_lease_and_card(shop: World) -> None:
    granted = await lease(shop, "10.00")
    await charge_offline(shop, granted, "H1", "4.00")
    (event,) = await booked(shop)
    assert (event.offline, event.lease_id, event.chargee.card_number, event.fault) == (
        True,
        granted.lease.lease_id,
        "4711",
        None,
    )


async def test_e04_a_booking_that_comes_twice_is_booked_once(shop: World) -> None:
    granted = await lease(shop, "10.00")
    for delivery in ("1", "2"):
        await charge_offline(shop, granted, "H1", "4.00", delivery=delivery)
    assert len(await booked(shop)) == 1
    assert await left(shop) == 9_000


async def test_e04_what_comes_after_the_month_was_closed_goes_to_the_next_one(
    shop: World,
) -> None:
    granted = await lease(shop, "10.00")
    await shop.pay("H0", "1.00")
    shop.clock.now = datetime(2026, 11, 5, 10, 0, tzinfo=UTC)
    await shop.months.close_all(shop.ask(), month="2026-10")
    await charge_offline(shop, granted, "H1", "4.00", day=date(2026, 10, 13))
    (event,) = await booked(shop, "2026-11")
    assert (event.late, event.business_date) == (True, date(2026, 10, 13))
    # It counts in the window of its own day all the same.
    assert await left(shop) == 8_900


async def test_e04_a_store_that_charged_too_much_is_visible(shop: World) -> None:
    granted = await lease(shop, "10.00")
    await charge_offline(shop, granted, "H1", "12.00")
    entries = await shop.store.load(f"lease-{granted.lease.lease_id}")
    (used,) = [entry.event for entry in entries if isinstance(entry.event, LeaseUsed)]
    assert (used.left, used.exceeded) == (euro("0.00"), euro("2.00"))
    assert await left(shop) == 8_800


async def test_e04_a_reversed_offline_charge_leaves_its_room(shop: World) -> None:
    granted = await lease(shop, "10.00")
    await charge_offline(shop, granted, "H1", "4.00")
    await give_back(shop, granted, "H1")
    await shop.give_back("H1", "V1", "4.00")
    assert await left(shop) == 10_000


async def test_e04_what_was_held_online_needs_no_lease(shop: World) -> None:
    """The line broke between the hold and the booking."""
    granted = await lease(shop, "10.00")
    await shop.hold("H1", "4.00")
    await charge_offline(shop, granted, "H1", "4.00")
    assert await left(shop) == 8_600
    await give_back(shop, granted, "H1")
    assert await left(shop) == 9_600


async def test_e04_a_lease_that_nobody_knows_does_not_hinder_a_booking(shop: World) -> None:
    paid = on_center(
        "H1", "4.00", offline=True, lease_id="nobody", card_id="k4711", center_number="4711"
    )
    await shop.hear(recorded("b-H1", payments=[paid], at=shop.clock.now))
    (event,) = await booked(shop)
    assert event.fault == "hold_unknown"
    assert await left(shop) == 9_600


async def test_e04_a_subsidy_in_an_offline_booking_is_owed_and_shows_as_not_held(
    shop: World,
) -> None:
    granted = await lease(shop, "10.00")
    payments = [
        on_center("H1", "4.00", offline=True, lease_id=granted.lease.lease_id, card_id="k4711"),
        subsidy("H1", "R1", "3.10"),
    ]
    await shop.hear(recorded("b-H1", payments=payments, at=shop.clock.now))
    (event,) = await booked(shop)
    assert event.fault == "hold_unknown"
    assert (await shop.month()).subsidies == 310
    await give_back(shop, granted, "H1")
    assert await left(shop) == 9_600


# --- its end ---


async def test_e04_a_lease_whose_time_is_over_stays_taken(shop: World) -> None:
    await lease(shop, "10.00", hours=1)
    shop.clock.advance(hours=48)
    assert await left(shop) == 9_000


async def test_e04_a_return_waits_for_what_the_store_has_charged(shop: World) -> None:
    granted = await lease(shop, "10.00")
    with pytest.raises(LeaseUnreported) as refused:
        await give_back(shop, granted, "H1")
    assert refused.value.extra["charges"] == ["H1"]
    assert await left(shop) == 9_000


async def test_e04_a_manager_writes_off_what_a_lost_store_never_reports(shop: World) -> None:
    granted = await lease(shop, "10.00", hours=1)
    lease_id = granted.lease.lease_id
    assert lease_id is not None
    written: dict[str, Any] = {
        "lease_id": lease_id,
        "by": "person:anna",
        "reason": "Kasse verbrannt",
        "store_id": None,
    }
    with pytest.raises(LeaseRunning):
        await shop.leases.write_off(shop.ask(), **written)
    shop.clock.advance(hours=2)
    await shop.leases.write_off(shop.ask(), **written)
    assert await left(shop) == 10_000


async def test_e04_the_same_request_means_the_same_lease(shop: World) -> None:
    ask = shop.ask()
    first, again = await lease(shop, "10.00", ask=ask), await lease(shop, "10.00", ask=ask)
    assert first.lease.lease_id == again.lease.lease_id
    assert await left(shop) == 9_000


async def test_e04_no_lease_runs_longer_than_the_chain_allows(shop: World) -> None:
    with pytest.raises(LeaseTooLong):
        await lease(shop, "10.00", hours=shop.chain.cost_centers.lease_max_hours + 1)


# --- which cards, which windows ---


async def test_e04_a_card_with_limits_of_its_own_is_leased_by_itself(shop: World) -> None:
    await shop.card("4712", "4711")
    await shop.limit("L2", "card", "k4712", "day", "5.00")
    assert [card.number for card in (await lease(shop, "10.00")).cards] == ["4711"]
    with pytest.raises(LimitExceeded):
        await lease(shop, "10.00", card_id="k4712")
    alone = await lease(shop, "5.00", card_id="k4712", hours=1)
    assert [card.number for card in alone.cards] == ["4712"]
    assert (await shop.usage("L2-2026-10-12")).amount == 500


async def test_e04_a_lease_takes_from_every_day_that_it_may_be_used_on(shop: World) -> None:
    await shop.limit("L2", "user_group", "1-4", "day", "15.00")
    granted = await lease(shop, "10.00", hours=24)
    for day in ("12", "13"):
        assert (await shop.usage(f"L2-2026-10-{day}")).amount == 1_000
    await charge_offline(shop, granted, "H1", "4.00", day=date(2026, 10, 13))
    # The 12th has it back; on the 13th the charge has taken its place.
    assert (await shop.usage("L2-2026-10-12")).amount == 600
    assert (await shop.usage("L2-2026-10-13")).amount == 1_000
    await give_back(shop, granted, "H1")
    assert (await shop.usage("L2-2026-10-12")).amount == 0
    assert (await shop.usage("L2-2026-10-13")).amount == 400


async def test_e04_a_lease_names_the_smallest_amount_per_booking(shop: World) -> None:
    await shop.limit("L2", "main_group", "1", "booking", "8.00")
    await shop.limit("L3", "center", "c4711", "booking", "6.00")
    assert (await lease(shop, "10.00")).lease.per_booking == 600


async def test_e04_a_budget_that_ends_earlier_is_not_leased_beyond(shop: World) -> None:
    days: dict[str, Any] = {"valid_from": MONDAY.date(), "valid_until": MONDAY.date()}
    await shop.limit("L2", "card", "k4711", "range", "50.00", **days)
    with pytest.raises(LimitExceeded):
        await lease(shop, "10.00", card_id="k4711", hours=24)
    assert (await lease(shop, "10.00", card_id="k4711", hours=2)).lease.left == 1_000


async def test_e04_a_center_without_a_card_that_charges_is_not_leased(shop: World) -> None:
    await shop.center("4800")
    with pytest.raises(NoCard):
        await lease(shop, "10.00", center_id="c4800")


async def test_e04_a_card_of_a_group_that_pays_otherwise_is_not_leased(shop: World) -> None:
    await shop.card("2001", "4711", group=(1, 2))
    with pytest.raises(CardNotUsable):
        await lease(shop, "10.00", card_id="k2001")


async def test_e04_holds_that_have_run_out_leave_their_room_to_a_lease(shop: World) -> None:
    await shop.hold("H1", "95.00")
    shop.clock.advance(minutes=10)
    assert (await lease(shop, "10.00")).lease.left == 1_000
