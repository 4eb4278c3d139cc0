"""V19, the voucher's half: fees of 12.00, a donated voucher of 10.00, 2.00 in cash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from money import euro
from voucher.events import VoucherRedeemed

if TYPE_CHECKING:
    from services.voucher.tests.conftest import World


async def test_v19_ten_are_waived_and_two_are_left_to_pay(world: World) -> None:
    given = await world.give_away("v1", "10.00", reason="Foerderverein")
    done = await world.hold(given.code, "12.00", "H1", "up_to")
    waived = done.state.hold("H1").amount
    assert (waived, euro("12.00") - waived) == (euro("10.00"), euro("2.00"))
    await world.book("B2", paid=[("H1", "10.00", "v1")])
    log = await world.store.read(after=0, records_max=20)
    (spent,) = [entry.event for entry in log if isinstance(entry.event, VoucherRedeemed)]
    assert (spent.amount, spent.remaining, spent.waiver) == (
        euro("10.00"), euro("0.00"), "Foerderverein",
    )  # fmt: skip
