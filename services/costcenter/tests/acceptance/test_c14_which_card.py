"""C14: which card booked stays visible. The report itself: `tests/statements`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.costcenter.tests.conftest import World


async def test_c14_of_20_50_card_4711_charged_12_40_and_card_4712_8_10(world: World) -> None:
    await world.furnish()
    await world.card("4712", "4711", code="04A1B2C3D4E5F6")
    await world.pay("H1", "12.40", number="4711")
    await world.pay("H2", "8.10", code="04A1B2C3D4E5F6")
    month = await world.month()
    by_card = {c.chargee.card_number: c.amount.amount for c in month.charges.values()}
    assert by_card == {"4711": 1240, "4712": 810}
    assert month.charged == 2050
