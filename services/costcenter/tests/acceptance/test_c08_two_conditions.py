"""C08: a center needs a card, and the card's user group the mode of cost centers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from costcenter.decider.refusals import NoCard
from money import euro

if TYPE_CHECKING:
    from services.costcenter.tests.conftest import World


async def test_c08_a_center_without_a_card_is_incomplete_and_refused(world: World) -> None:
    await world.group(1, "Firma A")
    await world.center("4711")
    with pytest.raises(NoCard) as refused:
        await world.hold("H1", "9.80")
    assert refused.value.code == "charge.no_card"
    assert refused.value.extra == {"state": "incomplete", "reason": "no_card"}


async def test_c08_with_a_card_it_can_be_charged(world: World) -> None:
    await world.group(1, "Firma A")
    await world.center("4711")
    with pytest.raises(NoCard):
        await world.hold("H1", "9.80")
    await world.card("4711", "4711")
    assert (await world.hold("H1", "9.80")).charge.amount == euro("9.80")
