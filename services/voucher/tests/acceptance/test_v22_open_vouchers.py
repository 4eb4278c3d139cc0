"""V22 and V16 in the books: what was sold is owed, what was given away is exposure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voucher.testing.reports import Office
    from voucher.testing.world import World

LIABILITY = "/v1/reports/liability"


async def test_v22_ten_sold_for_cash_are_ten_of_open_vouchers(world: World, office: Office) -> None:
    await world.sell("v1", "10.00")
    await office.follow(world.store)
    (row,) = await office.rows(LIABILITY)
    assert (row["issued"], row["liability"], row["exposure"]) == ("10.00", "10.00", "0.00")
    assert (row["legal_entity_id"], row["year"], row["funding"]) == ("kette", 2026, "purchased")


async def test_v16_ten_given_away_are_no_liability_but_exposure(
    world: World, office: Office
) -> None:
    await world.give_away("v1", "10.00", reason="Tombola 2026")
    await office.follow(world.store)
    (row,) = await office.rows(LIABILITY)
    assert (row["liability"], row["exposure"]) == ("0.00", "10.00")


async def test_v22_a_sale_that_is_only_prepared_is_not_owed(world: World, office: Office) -> None:
    await world.prepare("v1", "10.00")
    await office.follow(world.store)
    assert await office.rows(LIABILITY) == []
