"""V10: a voucher that is worth less than the payment is used up, the rest is paid otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from money import euro

if TYPE_CHECKING:
    from services.voucher.tests.conftest import World


async def test_v10_ten_of_sixteen_leaves_six_to_pay(either: World, unique: str) -> None:
    sold = await either.sell(unique, "10.00")
    done = await either.hold(sold.code, "16.00", f"{unique}-H", "up_to")
    held = done.state.hold(f"{unique}-H").amount
    assert (held, euro("16.00") - held) == (euro("10.00"), euro("6.00"))
    await either.book(f"{unique}-b", paid=[(f"{unique}-H", "10.00", unique)])
    assert (await either.issued(unique)).balance == euro("0.00")


async def test_v10_the_rest_may_come_from_another_voucher(either: World, unique: str) -> None:
    one, two = await either.sell(f"{unique}-1", "10.00"), await either.sell(f"{unique}-2", "10.00")
    await either.pay(one.code, "10.00", f"{unique}-H1", "up_to", booking_id="B")
    await either.pay(two.code, "6.00", f"{unique}-H2", "up_to", booking_id="B")
    assert (await either.issued(f"{unique}-2")).balance == euro("4.00")
