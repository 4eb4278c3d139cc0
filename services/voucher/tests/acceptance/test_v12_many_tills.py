"""V12: sold at one till, redeemed at another; the first one sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from money import euro

if TYPE_CHECKING:
    from services.voucher.tests.conftest import World


async def test_v12_fifty_sold_in_berlin_and_twenty_spent_in_cologne_leave_thirty(
    either: World, unique: str
) -> None:
    sold = await either.sell(unique, "50.00")  # Till t1, Berlin.
    await either.pay(sold.code, "20.00", f"{unique}-H", store_id="koeln", till_id="t7")
    voucher, _ = await either.vouchers.look_up(sold.code, source="till:berlin/t1")
    assert voucher.balance == euro("30.00")
