"""C13: any number of cards per center, all of them booking to one receivable."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.costcenter.tests.conftest import World

CARDS = 250


async def test_c13_250_cards_of_4711_book_to_one_receivable(world: World) -> None:
    await world.group(1, "Firma A")
    await world.center("4711")
    for number in range(CARDS):
        await world.card(f"5{number:03d}", "4711", code=f"04A1B2C3D4E5{number:02X}")
        await world.pay(f"H{number}", "1.00", code=f"04A1B2C3D4E5{number:02X}")
    month = await world.month()
    assert month.charged == CARDS * 100
    assert len({charge.chargee.card_id for charge in month.charges.values()}) == CARDS
