"""V22: the sale of a voucher is money in, and the same amount is owed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from money import euro

if TYPE_CHECKING:
    from services.voucher.tests.conftest import World


async def test_v22_ten_in_cash_are_ten_owed(world: World) -> None:
    await world.sell("v1", "10.00")
    voucher = await world.issued("v1")
    (issue,) = voucher.lots
    assert (issue.consideration, voucher.balance) == (euro("10.00"), euro("10.00"))
    assert voucher.waiver is None


async def test_v22_a_voucher_sold_below_its_face_value_owes_all_of_it(world: World) -> None:
    await world.sell("v1", "50.00", template_id="winter-50")
    voucher = await world.issued("v1")
    assert (voucher.lots[0].consideration, voucher.balance) == (euro("45.00"), euro("50.00"))
