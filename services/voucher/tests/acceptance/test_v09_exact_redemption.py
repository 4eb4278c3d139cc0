"""V09: a voucher that is worth exactly the payment is spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from money import euro

if TYPE_CHECKING:
    from services.voucher.tests.conftest import World


async def test_v09_five_of_five_leaves_nothing(either: World, unique: str) -> None:
    sold = await either.sell(unique, "5.00")
    await either.pay(sold.code, "5.00", f"{unique}-H")
    voucher = await either.issued(unique)
    assert voucher.balance == euro("0.00")
    assert voucher.shown_state(either.clock.now) == "spent"
