"""V06: the code is made at the sale and kept with the amount; the journal has the serial."""

from __future__ import annotations

from typing import TYPE_CHECKING

from money import euro
from voucher.events import VoucherIssued

if TYPE_CHECKING:
    from services.voucher.tests.conftest import World


async def test_v06_a_sale_of_fifty_makes_exactly_one_voucher(world: World) -> None:
    sold = await world.sell("v1", "50.00")
    log = await world.store.read(after=0, records_max=100)
    issued = [entry.event for entry in log if isinstance(entry.event, VoucherIssued)]
    assert [(event.value, event.serial) for event in issued] == [
        (euro("50.00"), sold.voucher.serial)
    ]
    assert (await world.issued("v1")).balance == euro("50.00")


async def test_v06_the_slip_shows_the_code_and_no_event_does(world: World) -> None:
    sold = await world.sell("v1", "50.00")
    assert len(sold.code) == 16
    stored = b"".join(entry.data for entry in await world.store.read(after=0, records_max=100))
    assert sold.code.encode() not in stored
    assert sold.voucher.serial.encode() in stored
