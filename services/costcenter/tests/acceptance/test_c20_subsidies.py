"""C20: a rule has a name, the user groups that use it, and pays part of a dish once a day."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from costcenter.decider.goods import Good
from costcenter.decider.refusals import BasketNeeded, GroupMode
from costcenter.events import MonthClosed, SubsidyGranted, SubsidyRule, SubsidyShare
from costcenter.handlers.charging import Placed
from costcenter.testing.bookings import on_center, recorded, reversal, subsidy
from costcenter.testing.world import World, good
from money import Money, euro, total

MONDAY_NOON = datetime(2026, 10, 12, 10, 0, tzinfo=UTC)
DISH = good("7.20", group="dishes")


def rule(**fields: Any) -> SubsidyRule:
    plain: dict[str, Any] = {
        "rule_id": "R1",
        "name": "Essenszuschuss",
        "main_group": 1,
        "user_groups": (2,),
        "kind": "fixed",
        "amount": euro("3.10"),
        "per_day_max": 1,
        "payer_center_id": "c9000",
        "tax_case": "unreal",
    }
    if fields.get("kind") == "percent":
        plain["amount"] = None
    return SubsidyRule(**(plain | fields))


@pytest.fixture
async def canteen(world: World) -> World:
    """Staff (1-2, prepaid) and apprentices (1-3) of company A have a card each; the company's
    center 9000 pays. Center 4711 charges (1-4)."""
    world.clock.now = MONDAY_NOON
    await world.furnish()
    await world.center("9000", "Sozialleistungen")
    await world.card("2001", None, group=(1, 2))
    await world.card("3001", None, group=(1, 3))
    await world.rules.set(world.ask(), rule())
    return world


async def eat(
    world: World, hold_id: str, card: str = "2001", *dishes: Good, **asked: Any
) -> Placed:
    goods: Sequence[Good] = dishes or (DISH,)
    price = total((one.gross for one in goods), currency="EUR")
    return await world.hold(
        hold_id, str(price.as_decimal()), number=card, mode="up_to", basket=goods, **asked
    )


def employee_pays(placed: Placed, price: str) -> Money:
    return euro(price) - paid_by(placed.charge.subsidies) - placed.charge.amount


def paid_by(shares: Sequence[SubsidyShare]) -> Money:
    return total((share.amount for share in shares), currency="EUR")


async def record(world: World, placed: Placed) -> None:
    """The gateway confirms and records the booking, the rest paid otherwise."""
    charge = placed.charge
    await world.confirm(charge.charge_id)
    payments = [
        subsidy(charge.charge_id, share.rule_id, str(share.amount.as_decimal()))
        for share in charge.subsidies
    ]
    await world.hear(recorded(charge.booking_id, payments=payments, at=world.clock.now))


# --- the example ---


async def test_c20_the_employee_pays_four_ten_and_the_second_dish_in_full(canteen: World) -> None:
    first = await eat(canteen, "H1")
    assert paid_by(first.charge.subsidies) == euro("3.10")
    assert employee_pays(first, "7.20") == euro("4.10")
    with pytest.raises(GroupMode):
        # Nothing is left to subsidise, and cards of this group pay otherwise: 7.20.
        await eat(canteen, "H2")


async def test_c20_two_dishes_at_once_get_one_subsidy(canteen: World) -> None:
    placed = await eat(canteen, "H1", "2001", DISH, DISH)
    assert employee_pays(placed, "14.40") == euro("11.30")


async def test_c20_staff_and_apprentices_have_rules_of_their_own(canteen: World) -> None:
    """3.10 once a day for staff; half, at most 4.00, for apprentices."""
    half = rule(rule_id="R2", user_groups=(3,), kind="percent", percent=5_000, cap=euro("4.00"))
    await canteen.rules.set(canteen.ask(), half)
    staff, apprentice = await eat(canteen, "H1"), await eat(canteen, "H2", "3001")
    assert (paid_by(staff.charge.subsidies), employee_pays(staff, "7.20")) == (
        euro("3.10"),
        euro("4.10"),
    )
    assert (paid_by(apprentice.charge.subsidies), employee_pays(apprentice, "7.20")) == (
        euro("3.60"),
        euro("3.60"),
    )


# --- over all tills, over time ---


async def test_c20_two_processes_do_not_grant_the_same_dish_twice(canteen: World) -> None:
    store: Any = canteen.store
    other = canteen.another(store.another_process())
    await eat(other, "H0", store_id="berlin")
    with pytest.raises(GroupMode):
        await eat(canteen, "H1")


async def test_c20_eight_tills_at_once_grant_one_subsidy(canteen: World) -> None:
    store: Any = canteen.store
    worlds = [canteen.another(store.another_process()) for _ in range(8)]
    outcomes = await asyncio.gather(
        *(eat(world, f"H{number}", till_id=f"t{number}") for number, world in enumerate(worlds)),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, Placed) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, GroupMode) for outcome in outcomes) == 7


async def test_c20_a_dish_that_was_not_taken_leaves_the_subsidy(canteen: World) -> None:
    await eat(canteen, "H1")
    await canteen.let_go("H1")
    assert paid_by((await eat(canteen, "H2")).charge.subsidies) == euro("3.10")


async def test_c20_what_another_process_gave_back_is_granted_here(canteen: World) -> None:
    own = rule(rule_id="R4", user_groups=(4,), own_share="center")
    await canteen.rules.set(canteen.ask(), own)
    await eat(canteen, "H1", "4711")
    store: Any = canteen.store
    await canteen.another(store.another_process()).let_go("H1")
    again = (await eat(canteen, "H2", "4711")).charge
    assert (paid_by(again.subsidies), again.amount) == (euro("3.10"), euro("4.10"))


async def test_c20_the_next_day_has_its_own_subsidy(canteen: World) -> None:
    await eat(canteen, "H1")
    canteen.clock.now = datetime(2026, 10, 13, 10, 0, tzinfo=UTC)
    assert paid_by((await eat(canteen, "H2")).charge.subsidies) == euro("3.10")


# --- who owes it ---


async def test_c20_the_payers_center_owes_the_subsidy(canteen: World) -> None:
    await record(canteen, await eat(canteen, "H1"))
    payer = await canteen.month("9000")
    assert payer.subsidies == 310
    (granted,) = [
        entry.event
        for entry in await canteen.store.load("month-c9000-2026-10")
        if isinstance(entry.event, SubsidyGranted)
    ]
    assert (granted.card_number, granted.amount, granted.tax_case) == (
        "2001",
        euro("3.10"),
        "unreal",
    )


async def test_c20_the_payers_closed_month_says_what_it_owes(canteen: World) -> None:
    await record(canteen, await eat(canteen, "H1"))
    canteen.clock.now = datetime(2026, 11, 5, 10, 0, tzinfo=UTC)
    await canteen.months.close_all(canteen.ask(), month="2026-10")
    closed = (await canteen.store.load("month-c9000-2026-10"))[-1].event
    assert isinstance(closed, MonthClosed)
    assert (closed.charged, closed.subsidies) == (euro("0.00"), euro("3.10"))


async def test_c20_what_is_reported_after_the_payers_month_was_closed_is_late(
    canteen: World,
) -> None:
    """The card's center and the payer are two; the payer's month is closed when the booking
    comes."""
    own = rule(rule_id="R4", user_groups=(4,), own_share="center")
    await canteen.rules.set(canteen.ask(), own)
    await record(canteen, await eat(canteen, "H0"))
    charge = (await eat(canteen, "H1", "4711")).charge
    await canteen.confirm("H1")
    canteen.clock.now = datetime(2026, 11, 5, 10, 0, tzinfo=UTC)
    await canteen.months.close_all(canteen.ask(), month="2026-10")
    payments = [on_center("H1", "4.10"), subsidy("H1", "R4", "3.10")]
    day = MONDAY_NOON.date()
    await canteen.hear(recorded(charge.booking_id, payments=payments, at=MONDAY_NOON, day=day))
    (granted,) = [
        entry.event
        for entry in await canteen.store.load("month-c9000-2026-11")
        if isinstance(entry.event, SubsidyGranted)
    ]
    assert (granted.late, granted.business_date) == (True, day)


async def test_c20_the_rest_goes_to_the_center_where_the_rule_says_so(canteen: World) -> None:
    own = rule(rule_id="R4", user_groups=(4,), own_share="center")
    await canteen.rules.set(canteen.ask(), own)
    placed = await eat(canteen, "H1", "4711")
    assert (paid_by(placed.charge.subsidies), placed.charge.amount) == (
        euro("3.10"),
        euro("4.10"),
    )


async def test_c20_for_every_vat_key_the_shares_are_the_price(canteen: World) -> None:
    """P21 with a drink at 19 %."""
    own = rule(rule_id="R4", user_groups=(4,), own_share="center", per="booking")
    await canteen.rules.set(canteen.ask(), own)
    drink = good("2.40", key="standard", rate=1900)
    charge = (await eat(canteen, "H1", "4711", DISH, drink)).charge
    held = (await canteen.store.load("month-c4711-2026-10"))[-1].event
    sums = {"reduced": 0, "standard": 0}
    for part in (*held.parts, *charge.subsidies[0].parts):  # type: ignore[attr-defined]  # charge.held
        sums[part.vat] += part.gross.amount
    assert sums == {"reduced": 720, "standard": 240}


async def test_c20_goods_that_no_rule_names_are_the_centers_without_a_subsidy(
    canteen: World,
) -> None:
    meals = rule(rule_id="R4", user_groups=(4,), article_groups=("dishes",))
    await canteen.rules.set(canteen.ask(), meals)
    placed = await eat(canteen, "H1", "4711", good("2.40", group="drinks"))
    assert (placed.charge.subsidies, placed.charge.amount) == ((), euro("2.40"))


async def test_c20_the_rules_of_a_group_need_the_basket(canteen: World) -> None:
    with pytest.raises(BasketNeeded):
        await canteen.hold("H1", "7.20", number="2001", mode="up_to", basket=())


async def test_c20_a_subsidy_whose_payer_is_closed_is_not_granted(canteen: World) -> None:
    await canteen.centers.close(canteen.ask(), center_id="c9000", reason="aufgelöst")
    with pytest.raises(GroupMode):
        await eat(canteen, "H1")


# --- what comes back ---


async def test_c20_a_returned_dish_gives_money_and_use_back(canteen: World) -> None:
    await record(canteen, await eat(canteen, "H1"))
    line = {**reversal("H1", "V1", "3.10"), "rule_id": "R1"}
    await canteen.hear(recorded("b-V1", lines=[line], at=canteen.clock.now))
    assert (await canteen.month("9000")).subsidies == 0
    assert paid_by((await eat(canteen, "H2")).charge.subsidies) == euro("3.10")


async def test_c20_no_more_comes_back_than_was_paid(canteen: World) -> None:
    await record(canteen, await eat(canteen, "H1"))
    for number in (1, 2):
        line = {**reversal("H1", f"V{number}", "2.00"), "rule_id": "R1"}
        await canteen.hear(recorded(f"b-V{number}", lines=[line], at=canteen.clock.now))
    assert (await canteen.month("9000")).subsidies == 0


async def test_c20_a_booked_dish_counts_although_its_hold_had_run_out(canteen: World) -> None:
    placed = await eat(canteen, "H1")
    await canteen.let_go("H1")
    payments = [subsidy("H1", "R1", "3.10")]
    await canteen.hear(recorded(placed.charge.booking_id, payments=payments))
    with pytest.raises(GroupMode):
        await eat(canteen, "H2")
