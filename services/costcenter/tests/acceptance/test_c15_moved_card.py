"""C15, P20: a card that moves or gets a new medium leaves its past where it was. The lists of both
centers: `tests/office`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.costcenter.tests.conftest import World


async def test_c15_what_a_moved_card_booked_before_stays_with_4711(world: World) -> None:
    await world.furnish()
    await world.center("4800", "Labor")
    card_id = await world.card("4712", "4711", code="04A1B2C3D4E5F6")
    await world.pay("H1", "8.10", code="04A1B2C3D4E5F6")
    await world.cards.move(world.ask(), card_id=card_id, center_id="c4800")
    await world.pay("H2", "5.00", code="04A1B2C3D4E5F6")
    assert (await world.month("4711")).charged == 810
    assert (await world.month("4800")).charged == 500


async def test_p20_a_hold_of_a_card_that_moves_is_booked_where_it_was_held(world: World) -> None:
    await world.furnish()
    await world.center("4800", "Labor")
    card_id = await world.card("4712", "4711", code="04A1B2C3D4E5F6")
    await world.hold("H1", "8.10", code="04A1B2C3D4E5F6")
    await world.cards.move(world.ask(), card_id=card_id, center_id="c4800")
    await world.confirm("H1")
    await world.book("H1", "8.10")
    assert (await world.month("4711")).charged == 810


async def test_p20_regrouping_a_card_changes_no_past_charge(world: World) -> None:
    await world.furnish()
    await world.pay("H1", "8.10")
    before = (await world.month()).charges["H1"].chargee
    await world.cards.regroup(world.ask(), card_id="k4711", main_group=1, user_group=2)
    assert (await world.month()).charges["H1"].chargee == before
    assert before.user_group == 4


async def test_p20_a_repeated_hold_after_the_move_is_still_the_old_one(world: World) -> None:
    await world.furnish()
    await world.center("4800", "Labor")
    card_id = await world.card("4712", "4711", code="04A1B2C3D4E5F6")
    await world.hold("H1", "8.10", code="04A1B2C3D4E5F6")
    await world.cards.move(world.ask(), card_id=card_id, center_id="c4800")
    again = await world.hold("H1", "8.10", code="04A1B2C3D4E5F6")
    assert again.charge.chargee.center_id == "c4711"
    assert (await world.month("4800")).center_id is None
