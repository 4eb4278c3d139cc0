"""The read models against the decider: both fold the same facts, made by real commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voucher.queries import Queries

if TYPE_CHECKING:
    from voucher.testing.reports import Office
    from voucher.testing.world import World


async def test_lots_balances_and_states_are_those_of_the_decider(
    world: World, office: Office
) -> None:
    one = await world.sell("v1", "50.00")
    two = await world.sell("v2", "20.00")
    three = await world.sell("v3", "30.00")
    await world.top_up(one.code, "25.00", "T1")
    await world.pay(one.code, "60.00", "H1")
    await world.refund("H1", "12.00", "R1", voucher_id="v1")
    await world.move(one.code, two.code, "7.00", "M1")
    await world.move(three.code, two.code, None, "M2")
    given = await world.give_away("v4", "10.00")
    await world.pay(given.code, "4.00", "H2")
    await world.prepare("v5", "9.00")
    await world.hold(two.code, "5.00", "H3")
    await office.follow(world.store)
    await office.get("/v1/vouchers")
    for voucher_id in ("v1", "v2", "v3", "v4", "v5"):
        voucher = await world.issued(voucher_id)
        shown = await Queries(office.engine).voucher(voucher.serial, now=world.clock.now)
        assert shown.balanced
        assert shown.balance == voucher.balance
        assert shown.state == voucher.shown_state(world.clock.now)
        assert shown.held == voucher.balance - voucher.available(world.clock.now)
        assert shown.valid_until == voucher.valid_until
        if voucher_id != "v5":  # Prepared only: its lot opens with the sale.
            assert {(lot.lot_id, lot.left, lot.valid_until) for lot in shown.lots} == {
                (lot.lot_id, lot.left, lot.valid_until) for lot in voucher.lots
            }
