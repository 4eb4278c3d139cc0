"""C01: charge now, invoice later. The till's half (revenue, VAT, cash 0.00) is told in
`tests/acceptance`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costcenter.events import ChargeBooked
from money import euro

if TYPE_CHECKING:
    from services.costcenter.tests.conftest import World


async def test_c01_a_sale_of_9_80_to_4711_is_a_receivable_of_9_80(world: World) -> None:
    await world.furnish()
    await world.pay("H1", "9.80")
    booked = (await world.store.load("month-c4711-2026-10"))[-1].event
    assert isinstance(booked, ChargeBooked)
    assert (booked.chargee.center_number, booked.amount) == ("4711", euro("9.80"))
    assert [part.gross for part in booked.parts] == [euro("9.80")]
    assert (await world.month()).charged == 980
