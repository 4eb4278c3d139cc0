"""What the gateway's bookings lead to: in both orders, and as often as they are delivered."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from events.reaction import Incoming
from money import euro
from voucher.decider import (
    HoldCaptured,
    HoldReleased,
    HoldUnknown,
    VoucherCancelledBefore,
    VoucherNotUsable,
)

if TYPE_CHECKING:
    from services.voucher.tests.conftest import World

Make = Callable[..., Incoming]


async def test_a_recorded_sale_activates_what_it_sold(world: World, recorded: Make) -> None:
    await world.prepare("v1", "50.00")
    await world.hear(recorded("B1", sells=[("v1", "50.00")]))
    assert (await world.issued("v1")).status == "active"


async def test_a_recorded_booking_spends_what_it_was_paid_with(
    world: World, recorded: Make
) -> None:
    sold = await world.sell("v1", "50.00")
    await world.hold(sold.code, "5.00", "H1")
    await world.vouchers.confirm(world.ask(), hold_id="H1")
    await world.hear(recorded("B2", paid=[("H1", "5.00", "v1")]))
    assert (await world.issued("v1")).balance == euro("45.00")


async def test_deliveries_repeated_with_the_same_or_another_id_change_nothing(
    world: World, recorded: Make
) -> None:
    sold = await world.sell("v1", "50.00")
    await world.hold(sold.code, "5.00", "H1")
    booking = recorded("B2", sells=[("v1", "50.00")], paid=[("H1", "5.00", "v1")])
    await world.hear(booking)
    names = await world.names()
    await world.hear(booking, booking)
    again = recorded("B2", sells=[("v1", "50.00")], paid=[("H1", "5.00", "v1")], delivery="2")
    await world.hear(again)
    assert await world.names() == names


async def test_an_aborted_booking_cancels_and_releases(world: World, aborted: Make) -> None:
    await world.prepare("v2", "20.00", booking_id="B2")
    sold = await world.sell("v1", "50.00")
    await world.hold(sold.code, "5.00", "H1")
    await world.vouchers.confirm(world.ask(), hold_id="H1")
    gone = aborted("B2", vouchers=["v2"], holds=["H1"])
    await world.hear(gone, gone)
    assert (await world.issued("v2")).status == "cancelled"
    voucher = await world.issued("v1")
    assert voucher.available(world.clock.now) == euro("50.00")


async def test_an_abort_before_the_hold_and_the_preparation_forbids_both(
    world: World, aborted: Make
) -> None:
    sold = await world.sell("v1", "50.00")
    await world.hear(aborted("B2", vouchers=["v2"], holds=["H1"]))
    with pytest.raises(HoldReleased):
        await world.hold(sold.code, "5.00", "H1")
    with pytest.raises(VoucherCancelledBefore):
        await world.prepare("v2", "20.00", booking_id="B2")
    assert "v2" not in world.deliveries.rows


async def test_a_recorded_sale_wins_over_an_abort_in_either_order(
    world: World, recorded: Make, aborted: Make
) -> None:
    await world.prepare("v1", "50.00")
    await world.prepare("v2", "50.00")
    sale = recorded("B1", sells=[("v1", "50.00"), ("v2", "50.00")])
    await world.hear(aborted("B1", vouchers=["v1"]), sale, aborted("B1", vouchers=["v2"]))
    for voucher_id in ("v1", "v2"):
        voucher = await world.issued(voucher_id)
        assert (voucher.status, voucher.balance) == ("active", euro("50.00"))


async def test_a_capture_without_a_hold_is_an_event_that_operators_see(
    world: World, recorded: Make
) -> None:
    await world.hear(recorded("B2", paid=[("H9", "5.00", None)]))
    await world.hear(recorded("B2", paid=[("H9", "5.00", None)], delivery="2"))
    assert await world.names() == ["voucher.capture_failed", "overdraft.booked"]


async def test_a_capture_that_finds_its_hold_released_still_takes_what_is_there(
    world: World, recorded: Make
) -> None:
    sold = await world.sell("v1", "5.00")
    await world.vouchers.let_go(world.ask(), hold_id="H1")
    await world.hear(recorded("B2", paid=[("H1", "7.00", "v1")]))
    assert (await world.names())[-3:] == [
        "voucher.redeemed",
        "voucher.capture_failed",
        "overdraft.booked",
    ]
    with pytest.raises(VoucherNotUsable):
        await world.hold(sold.code, "0.01", "H2")


async def test_a_captured_hold_is_not_released_by_a_late_till(world: World, recorded: Make) -> None:
    sold = await world.sell("v1", "5.00")
    await world.hold(sold.code, "5.00", "H1")
    await world.hear(recorded("B2", paid=[("H1", "5.00", "v1")]))
    with pytest.raises(HoldCaptured):
        await world.vouchers.let_go(world.ask(), hold_id="H1")


async def test_an_unknown_hold_is_not_confirmed(world: World) -> None:
    with pytest.raises(HoldUnknown):
        await world.vouchers.confirm(world.ask(), hold_id="H1")
    await world.vouchers.let_go(world.ask(), hold_id="H1")
    with pytest.raises(HoldReleased):
        await world.vouchers.confirm(world.ask(), hold_id="H1")


async def test_a_payment_by_voucher_without_a_hold_is_poison(world: World, recorded: Make) -> None:
    good = recorded("B2", paid=[("H1", "5.00", "v1")])
    bad = Incoming(**{**{name: getattr(good, name) for name in good.__slots__},
                      "data": good.data.replace(b'"hold_id": "H1", ', b"")})  # fmt: skip
    with pytest.raises(ValidationError):
        await world.hear(bad)
    assert await world.names() == []


async def test_a_lost_answer_of_the_store_is_repeated_to_one_effect(
    world: World, recorded: Make
) -> None:
    sold = await world.sell("v1", "50.00")
    world.store.lose_answer = True  # type: ignore[attr-defined]  # Only the memory store can.
    await world.hold(sold.code, "5.00", "H1")
    world.store.lose_answer = True  # type: ignore[attr-defined]
    await world.hear(recorded("B2", paid=[("H1", "5.00", "v1")]))
    assert (await world.issued("v1")).balance == euro("45.00")
    assert (await world.names()).count("voucher.held") == 1
