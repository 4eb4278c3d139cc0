"""From the hold to the booking, over the memory store."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from costcenter.commands import Overriding
from costcenter.decider.refusals import (
    BasketNeeded,
    CardNotUsable,
    CenterNotUsable,
    HoldBooked,
    HoldExpired,
    HoldReleased,
    HoldReused,
    HoldUnknown,
    LimitExceeded,
)
from costcenter.testing.world import good
from money import euro

if TYPE_CHECKING:
    from services.costcenter.tests.conftest import World


async def test_a_charge_is_held_confirmed_and_booked(world: World) -> None:
    await world.furnish()
    placed = await world.pay("H1", "9.80")
    assert placed.charge.amount == euro("9.80")
    month = await world.month()
    assert month.charged == 980
    assert month.charges["H1"].state == "booked"
    assert dict(month.open) == {}


async def test_a_charge_without_limits_writes_one_stream(world: World) -> None:
    await world.furnish()
    before = len(await world.names())
    await world.pay("H1", "9.80")
    assert (await world.names())[before:] == [
        "month.opened", "charge.held", "charge.confirmed", "charge.booked",
    ]  # fmt: skip


async def test_confirming_and_booking_what_was_held_leaves_the_accounts_alone(
    world: World,
) -> None:
    await world.furnish()
    await world.limit("L1", "center", "c4711", "month", "50.00")
    await world.pay("H1", "9.80")
    stored = await world.store.load("usage-L1-2026-10")
    assert [entry.name for entry in stored] == ["usage.opened", "usage.taken"]


async def test_a_repeated_hold_answers_the_same(world: World) -> None:
    await world.furnish()
    await world.limit("L1", "center", "c4711", "day", "10.00")
    first = await world.hold("H1", "9.80")
    again = await world.hold("H1", "9.80")
    assert again.charge == first.charge
    assert (await world.usage("L1-2026-10-12")).amount == 980


async def test_a_hold_id_is_not_used_for_another_amount(world: World) -> None:
    await world.furnish()
    await world.hold("H1", "9.80")
    with pytest.raises(HoldReused):
        await world.hold("H1", "9.90")


async def test_a_released_hold_gives_everything_back(world: World) -> None:
    await world.furnish()
    await world.limit("L1", "center", "c4711", "day", "10.00")
    await world.hold("H1", "9.80")
    await world.let_go("H1")
    usage = await world.usage("L1-2026-10-12")
    assert (usage.amount, usage.count) == (0, 0)


async def test_a_hold_that_comes_after_its_release_is_refused(world: World) -> None:
    await world.furnish()
    await world.let_go("H1")
    with pytest.raises(HoldReleased):
        await world.hold("H1", "9.80")


async def test_an_unknown_hold_is_not_confirmed(world: World) -> None:
    await world.furnish()
    with pytest.raises(HoldUnknown):
        await world.confirm("H9")


async def test_a_hold_that_was_written_off_is_not_confirmed(world: World) -> None:
    await world.furnish()
    await world.hold("H1", "9.80")
    world.clock.advance(seconds=121)
    await world.charges.expire("month-c4711-2026-10", "H1")
    with pytest.raises(HoldExpired):
        await world.confirm("H1")


async def test_a_confirmed_hold_does_not_expire(world: World) -> None:
    await world.furnish()
    await world.hold("H1", "9.80")
    await world.confirm("H1")
    world.clock.advance(hours=1)
    await world.charges.expire("month-c4711-2026-10", "H1")
    assert (await world.month()).charges["H1"].state == "confirmed"


async def test_an_aborted_booking_frees_a_confirmed_hold(world: World) -> None:
    await world.furnish()
    await world.hold("H1", "9.80")
    await world.confirm("H1")
    await world.abort("H1")
    assert (await world.month()).charges["H1"].release == "aborted"


async def test_a_booked_charge_is_not_released(world: World) -> None:
    await world.furnish()
    await world.pay("H1", "9.80")
    with pytest.raises(HoldBooked):
        await world.let_go("H1")


async def test_a_lower_booking_gives_the_rest_back(world: World) -> None:
    await world.furnish()
    await world.limit("L1", "center", "c4711", "day", "10.00")
    await world.hold("H1", "9.80")
    await world.book("H1", "7.60")
    usage = await world.usage("L1-2026-10-12")
    assert (usage.amount, usage.count) == (760, 1)


async def test_a_higher_booking_is_a_fault_and_taken_all_the_same(world: World) -> None:
    await world.furnish()
    await world.limit("L1", "center", "c4711", "day", "10.00")
    await world.hold("H1", "9.80")
    await world.book("H1", "12.00")
    assert (await world.usage("L1-2026-10-12")).amount == 1200
    booked = (await world.store.load("month-c4711-2026-10"))[-1].event
    assert booked.fault == "over_hold"  # type: ignore[attr-defined]  # ChargeBooked.


async def test_a_booking_wins_over_an_expired_hold(world: World) -> None:
    await world.furnish()
    await world.limit("L1", "center", "c4711", "day", "10.00")
    await world.hold("H1", "9.80")
    world.clock.advance(seconds=121)
    await world.charges.expire("month-c4711-2026-10", "H1")
    await world.book("H1", "9.80")
    assert (await world.month()).charges["H1"].state == "booked"
    assert (await world.usage("L1-2026-10-12")).amount == 980


async def test_a_booking_without_a_hold_is_charged_to_the_card_it_names(world: World) -> None:
    await world.furnish()
    await world.limit("L1", "center", "c4711", "day", "5.00")
    await world.book("H1", "9.80", center_number="4711", card_number="4711")
    month = await world.month()
    assert month.charges["H1"].chargee.card_id == "k4711"
    assert (await world.usage("L1-2026-10-12")).amount == 980


async def test_a_booking_that_is_heard_twice_counts_once(world: World) -> None:
    await world.furnish()
    await world.hold("H1", "9.80")
    await world.book("H1", "9.80")
    await world.book("H1", "9.80", booking={"delivery": "2"})
    assert (await world.month()).charged == 980


async def test_what_does_not_fit_is_refused_with_what_would(world: World) -> None:
    await world.furnish()
    await world.limit("L1", "center", "c4711", "month", "500.00")
    await world.pay("H1", "492.40")
    with pytest.raises(LimitExceeded) as refused:
        await world.hold("H2", "9.80")
    assert refused.value.extra["available"] == {"amount": 760, "currency": "EUR"}


async def test_as_much_as_fits_is_held_where_that_is_asked(world: World) -> None:
    await world.furnish()
    await world.limit("L1", "center", "c4711", "month", "500.00")
    await world.pay("H1", "492.40")
    placed = await world.hold("H2", "9.80", mode="up_to")
    assert placed.charge.amount == euro("7.60")
    assert placed.remaining[0].left == euro("0.00")


async def test_a_manager_lets_it_pass_and_the_account_is_overdrawn(world: World) -> None:
    await world.furnish()
    await world.limit("L1", "center", "c4711", "day", "5.00")
    await world.hold("H1", "9.80", override=Overriding(by="m1", reason="Vorstand"))
    assert (await world.usage("L1-2026-10-12")).amount == 980
    held = (await world.store.load("month-c4711-2026-10"))[-1].event
    assert held.override.limit_ids == ("L1",)  # type: ignore[attr-defined]  # ChargeHeld.


async def test_a_warning_limit_never_refuses_and_says_so(world: World) -> None:
    await world.furnish()
    await world.limit("L1", "center", "c4711", "day", "5.00", on_exceed="warn")
    placed = await world.hold("H1", "9.80")
    assert placed.charge.warnings[0].used == euro("9.80")


async def test_a_lapsed_hold_leaves_no_room_unused(world: World) -> None:
    await world.furnish()
    await world.limit("L1", "center", "c4711", "day", "10.00")
    await world.hold("H1", "9.80")
    world.clock.advance(seconds=121)
    assert (await world.hold("H2", "10.00")).charge.amount == euro("10.00")


async def test_a_refusal_is_followed_by_a_later_hold_of_another_id(world: World) -> None:
    await world.furnish()
    await world.limit("L1", "center", "c4711", "day", "10.00")
    await world.hold("H1", "9.80")
    with pytest.raises(LimitExceeded):
        await world.hold("H2", "1.00")
    await world.let_go("H1")
    await world.hold("H3", "1.00")


async def test_many_tills_at_once_never_exceed_a_limit(world: World) -> None:
    await world.furnish()
    await world.limit("L1", "center", "c4711", "day", "10.00")
    await world.limit("L2", "card", "k4711", "week", None, count=8)
    done = await asyncio.gather(
        *(world.hold(f"H{n}", "1.00") for n in range(20)), return_exceptions=True
    )
    assert sum(not isinstance(one, BaseException) for one in done) == 8
    assert (await world.usage("L2-2026-W42")).count == 8
    assert (await world.usage("L1-2026-10-12")).amount == 800


async def test_a_hold_that_is_asked_again_answers_the_same_whatever_has_changed_since(
    world: World,
) -> None:
    await world.furnish()
    await world.limit("L1", "center", "c4711", "day", "10.00")
    first = await world.hold("H1", "12.00", mode="up_to")
    await world.card("4712", "4711")  # Now the number alone would mean two cards.
    again = await world.hold("H1", "12.00", mode="up_to")
    assert (again.charge, again.remaining) == (first.charge, first.remaining)
    await world.centers.block(world.ask(), center_id="c4711", reason="Umzug")
    assert (await world.hold("H1", "12.00", mode="up_to")).charge == first.charge


async def test_a_block_counts_at_once_in_another_process(world: World) -> None:
    await world.furnish()
    other = world.another(world.store.another_process())  # type: ignore[attr-defined]  # In memory.
    await other.hold("H1", "1.00")
    await world.cards.block(world.ask(), card_id="k4711", reason="verloren")
    with pytest.raises(CardNotUsable):
        await other.hold("H2", "1.00")
    await world.cards.unblock(world.ask(), card_id="k4711")
    await other.hold("H3", "1.00")


async def test_a_limit_binds_at_once_in_another_process(world: World) -> None:
    await world.furnish()
    other = world.another(world.store.another_process())  # type: ignore[attr-defined]  # In memory.
    await other.hold("H1", "1.00")
    await world.limit("L1", "user_group", "1-4", "month", "5.00")
    with pytest.raises(LimitExceeded):
        await other.hold("H2", "6.00")
    await other.hold("H3", "5.00")


async def test_a_lost_answer_is_asked_again_and_holds_once(world: World) -> None:
    await world.furnish()
    await world.limit("L1", "center", "c4711", "day", "10.00")
    store: Any = world.store
    store.lose_answer = True
    await world.hold("H1", "9.80")
    assert (await world.usage("L1-2026-10-12")).amount == 980


async def test_a_closed_company_stops_its_centers(world: World) -> None:
    await world.company("a", "Firma A")
    await world.group(1, "Firma A", company_id="a")
    await world.center("4711", company_id="a")
    await world.card("4711", "4711")
    await world.hold("H1", "1.00")
    await world.groups.close_company(world.ask(), company_id="a", reason="insolvent")
    with pytest.raises(CenterNotUsable) as refused:
        await world.hold("H2", "1.00")
    assert refused.value.extra == {"reason": "company_closed"}


async def test_a_center_is_charged_on_its_days_only(world: World) -> None:
    await world.group(1, "Firma A")
    await world.center("4711", valid_from=date(2026, 10, 13), valid_until=date(2026, 10, 13))
    await world.card("4711", "4711")
    for reason in ("not_yet_valid", None, "no_longer_valid"):
        if reason is None:
            await world.hold("H1", "1.00")
        else:
            with pytest.raises(CenterNotUsable) as refused:
                await world.hold(f"H-{reason}", "1.00")
            assert refused.value.extra == {"reason": reason}
        world.clock.advance(days=1)


async def test_a_limit_for_some_goods_counts_their_share(world: World) -> None:
    await world.furnish()
    await world.limit("L1", "center", "c4711", "day", "2.00", article_groups=("wine",))
    basket = [good("10.00", group="food"), good("5.00", group="wine")]
    placed = await world.hold("H1", "15.00", mode="up_to", basket=basket)
    assert placed.charge.amount == euro("6.00")
    assert (await world.usage("L1-2026-10-12")).amount == 200
    await world.hold("H2", "10.00", basket=[good("10.00", group="food")])
    with pytest.raises(BasketNeeded):
        await world.hold("H3", "1.00", basket=[])
