"""V08: a voucher that is worth more than the payment keeps the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from money import euro

if TYPE_CHECKING:
    from services.voucher.tests.conftest import World


async def test_v08_five_of_fifty_leaves_forty_five(either: World, unique: str) -> None:
    sold = await either.sell(unique, "50.00")
    await either.pay(sold.code, "5.00", f"{unique}-H")
    voucher = await either.issued(unique)
    assert voucher.closed[f"{unique}-H"].amount == euro("5.00")
    assert voucher.balance == euro("45.00")
