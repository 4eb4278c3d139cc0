"""V04: the list of a till's vouchers: serial, amount, rest, and the journal's reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voucher.testing.reports import Office
    from voucher.testing.world import World


async def test_v04_a_sale_stands_in_the_list_of_its_store(world: World, office: Office) -> None:
    sold = await world.sell("v1", "50.00")
    await office.follow(world.store)
    (row,) = await office.rows("/v1/vouchers", store="berlin")
    assert row["serial"] == sold.voucher.serial
    assert (row["value"], row["balance"]) == ("50.00", "50.00")
    assert row["booking_id"] == "sale-v1"


async def test_v04_the_list_shows_what_is_left_wherever_it_was_spent(
    world: World, office: Office
) -> None:
    sold = await world.sell("v1", "50.00")
    await world.pay(sold.code, "5.00", "H1")
    await office.follow(world.store)
    (row,) = await office.rows("/v1/vouchers", store="berlin")
    assert (row["value"], row["balance"], row["last_store_id"]) == ("50.00", "45.00", "koeln")
