"""C05: the user group says how its cards pay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from costcenter.decider.refusals import GroupMode
from money import euro

if TYPE_CHECKING:
    from services.costcenter.tests.conftest import World


@pytest.fixture
async def cards(world: World) -> None:
    await world.furnish()
    await world.card("1002", "4711", group=(1, 2), code="04A10002")
    await world.card("1006", "4711", group=(1, 6), code="04A10006")


@pytest.mark.usefixtures("cards")
async def test_c05_a_prepaid_card_of_group_1_2_does_not_charge(world: World) -> None:
    with pytest.raises(GroupMode) as refused:
        await world.hold("H1", "9.80", code="04A10002")
    assert refused.value.extra == {"mode": "prepaid"}


@pytest.mark.usefixtures("cards")
async def test_c05_a_guest_of_group_1_6_pays_at_once(world: World) -> None:
    with pytest.raises(GroupMode) as refused:
        await world.hold("H1", "9.80", code="04A10006")
    assert refused.value.extra == {"mode": "cash"}


@pytest.mark.usefixtures("cards")
async def test_c05_a_card_of_group_1_4_charges(world: World) -> None:
    assert (await world.hold("H1", "9.80")).charge.amount == euro("9.80")


@pytest.mark.usefixtures("cards")
async def test_c05_another_mode_holds_from_the_next_charge_on(world: World) -> None:
    await world.hold("H1", "9.80")
    await world.groups.set_user_group(
        world.ask(), main_group=1, number=4, name="Kostenstellen", mode="cash", new=False
    )
    with pytest.raises(GroupMode):
        await world.hold("H2", "9.80")
