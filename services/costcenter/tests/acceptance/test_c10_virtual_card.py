"""C10: a virtual card exists inside the till system only: nothing to scan, chosen by its number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from costcenter.decider.refusals import CardChoice, CardUnknown

if TYPE_CHECKING:
    from services.costcenter.tests.conftest import World


async def test_c10_card_4711_is_chosen_by_its_number(world: World) -> None:
    await world.furnish()
    for charge_id, typed in (("H1", {"number": "4711"}), ("H2", {"center": "4711"})):
        placed = await world.hold(charge_id, "1.00", **typed)  # type: ignore[arg-type]  # Strings.
        assert placed.charge.chargee.card_id == "k4711"


async def test_c10_its_number_is_no_code_that_could_be_scanned(world: World) -> None:
    await world.furnish()
    with pytest.raises(CardUnknown):
        await world.hold("H1", "1.00", code="4711")


async def test_c10_with_several_the_till_asks_which(world: World) -> None:
    await world.furnish()
    await world.card("4712", "4711")
    with pytest.raises(CardChoice) as refused:
        await world.hold("H1", "1.00")
    assert refused.value.extra == {"cards": ["4711", "4712"]}
    placed = await world.hold("H1", "1.00", center="4711", card_number="4712")
    assert placed.charge.chargee.card_number == "4712"
