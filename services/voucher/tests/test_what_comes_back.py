"""Reversals, payouts, returned vouchers, captures in parts: money in the other direction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from events.reaction import Incoming
from money import euro
from voucher.commands import Goods
from voucher.decider import (
    BasketNeeded,
    PayoutNotAllowed,
    RedemptionUnknown,
    ReversalReused,
    ReversalTooLarge,
    SaleNotReversible,
    VoucherHeldNow,
    VoucherInsufficient,
    VoucherNotUsable,
)
from voucher.events import (
    VoucherCaptureFailed,
    VoucherPaidOut,
    VoucherRedemptionReversed,
    VoucherSaleReversed,
    VoucherToppedUp,
    VoucherTransferredIn,
    VoucherTransferredOut,
)

if TYPE_CHECKING:
    from services.voucher.tests.conftest import World

Make = Callable[..., Incoming]


async def facts(world: World, kind: type[Any]) -> list[Any]:
    log = await world.store.read(after=0, records_max=10_000)
    return [entry.event for entry in log if isinstance(entry.event, kind)]


# Reversals


async def test_goods_that_come_back_put_their_price_back(world: World) -> None:
    sold = await world.sell("v1", "50.00")
    await world.pay(sold.code, "20.00", "H1")
    await world.refund("H1", "8.00", "X1")
    assert (await world.issued("v1")).balance == euro("38.00")


async def test_refunds_of_one_redemption_never_exceed_it(world: World) -> None:
    """eventyay #2824: refunds without a lock gave back more than was paid."""
    sold = await world.sell("v1", "50.00")
    await world.pay(sold.code, "20.00", "H1")
    reverse = world.vouchers.moves.reverse
    outcomes = await asyncio.gather(
        *(
            reverse(world.ask(), reversal_id=f"X{n}", hold_id="H1", amount=euro("15.00"),
                    store_id="koeln")
            for n in range(4)
        ),
        return_exceptions=True,
    )  # fmt: skip
    assert sum(isinstance(outcome, ReversalTooLarge) for outcome in outcomes) == 3
    assert (await world.issued("v1")).balance == euro("45.00")


async def test_the_same_refund_again_changes_nothing(world: World, recorded: Make) -> None:
    sold = await world.sell("v1", "50.00")
    await world.pay(sold.code, "20.00", "H1")
    line = {"kind": "voucher_redemption_reversal", "hold_id": "H1", "reversal_id": "X1",
            "amount": "20.00"}  # fmt: skip
    for delivery in "112":
        await world.hear(recorded("B-X1", lines=[line], delivery=delivery))
    assert (await world.issued("v1")).balance == euro("50.00")
    with pytest.raises(ReversalReused):
        await world.vouchers.moves.reverse(
            world.ask(), reversal_id="X1", hold_id="H1", amount=euro("1.00"), store_id="koeln"
        )


async def test_what_a_recorded_refund_gave_too_much_is_shown_and_not_credited(
    world: World,
) -> None:
    sold = await world.sell("v1", "50.00")
    await world.pay(sold.code, "20.00", "H1")
    await world.refund("H1", "25.00", "X1")
    (fact,) = await facts(world, VoucherRedemptionReversed)
    assert (fact.amount, fact.refused) == (euro("20.00"), euro("5.00"))


async def test_a_refund_of_what_was_never_redeemed_waits(world: World) -> None:
    await world.sell("v1", "50.00")
    with pytest.raises(RedemptionUnknown):
        await world.refund("H1", "5.00", "X1", voucher_id="v1")


async def test_a_refund_to_a_voucher_that_is_past_its_day_revives_it(world: World) -> None:
    sold = await world.sell("v1", "50.00")
    await world.pay(sold.code, "50.00", "H1")
    world.clock.advance(days=1500)  # 31 December 2030.
    await world.refund("H1", "8.00", "X1")
    voucher = await world.issued("v1")
    assert voucher.valid_until == date(2031, 12, 31)
    await world.pay(sold.code, "8.00", "H2")


async def test_a_refund_to_a_merged_voucher_goes_on_to_its_successor(world: World) -> None:
    one, two = await world.sell("v1", "50.00"), await world.sell("v2", "10.00")
    await world.pay(one.code, "20.00", "H1")
    await world.move(one.code, two.code, None, "M1")
    await world.refund("H1", "20.00", "X1")
    first, second = await world.issued("v1"), await world.issued("v2")
    assert (first.balance, first.status) == (euro("0.00"), "replaced")
    assert second.balance == euro("60.00")


async def test_a_refund_follows_several_merges(world: World) -> None:
    sold = [await world.sell(f"v{n}", "10.00") for n in range(4)]
    await world.pay(sold[0].code, "5.00", "H1")
    for n in range(3):
        await world.move(sold[n].code, sold[n + 1].code, None, f"M{n}")
    await world.refund("H1", "5.00", "X1")
    await world.refund("H1", "5.00", "X1")
    assert (await world.issued("v3")).balance == euro("40.00")


# Top-ups that arrive when the voucher has ended


async def late_top_up(world: World, voucher_id: str, value: str = "5.00") -> None:
    """The till had prepared it, and its booking arrives long after the cancel."""
    line = {"kind": "voucher_top_up", "voucher_id": voucher_id, "top_up_id": "T1", "amount": value}
    await world.book("b-T1", lines=[line])


async def test_a_recorded_top_up_of_a_merged_voucher_goes_on_to_its_successor(
    world: World,
) -> None:
    one, two = await world.sell("v1", "50.00"), await world.sell("v2", "10.00")
    await world.move(one.code, two.code, None, "M1")
    await late_top_up(world, "v1")
    first, second = await world.issued("v1"), await world.issued("v2")
    assert (first.balance, first.status) == (euro("0.00"), "replaced")
    assert second.balance == euro("65.00")


async def test_both_vouchers_say_that_a_top_up_went_on(world: World) -> None:
    one, two = await world.sell("v1", "50.00"), await world.sell("v2", "10.00")
    await world.move(one.code, two.code, None, "M1")
    await late_top_up(world, "v1")
    (topped,) = await facts(world, VoucherToppedUp)
    assert (topped.voucher_id, topped.value) == ("v1", euro("5.00"))
    out = (await facts(world, VoucherTransferredOut))[-1]
    into = (await facts(world, VoucherTransferredIn))[-1]
    assert out.top_up_id == into.top_up_id == "T1"
    assert (out.voucher_id, into.voucher_id, into.amount) == ("v1", "v2", euro("5.00"))
    assert into.lots[0].consideration == euro("5.00")


async def test_a_top_up_follows_several_merges_and_counts_once(
    world: World, recorded: Make
) -> None:
    sold = [await world.sell(f"v{n}", "10.00") for n in range(4)]
    for n in range(3):
        await world.move(sold[n].code, sold[n + 1].code, None, f"M{n}")
    line = {"kind": "voucher_top_up", "voucher_id": "v0", "top_up_id": "T1", "amount": "5.00"}
    for delivery in "112":
        await world.hear(recorded("b-T1", lines=[line], delivery=delivery))
    assert (await world.issued("v3")).balance == euro("45.00")
    ended = [await world.issued(f"v{n}") for n in range(3)]
    assert [voucher.balance for voucher in ended] == [euro("0.00")] * 3


async def test_a_cancelled_top_up_that_was_recorded_goes_on_too(
    world: World, aborted: Make
) -> None:
    one, two = await world.sell("v1", "50.00"), await world.sell("v2", "10.00")
    await world.prepare_top_up(one.code, "5.00", "T1")
    await world.hear(aborted("b-T1", top_ups=["T1"]))
    await world.move(one.code, two.code, None, "M1")
    await late_top_up(world, "v1")
    assert (await world.issued("v2")).balance == euro("65.00")


async def test_a_top_up_of_a_voucher_that_ended_without_successor_is_on_the_voucher(
    world: World,
) -> None:
    """As with a refund: the customer has the paper, and it pays again."""
    sold = await world.sell("v1", "50.00")
    await world.hold(sold.code, "50.00", "H9", purpose="sale_reversal")
    line = {"kind": "voucher_sale_reversal", "hold_id": "H9", "amount": "-50.00"}
    await world.book("B9", lines=[line])
    await late_top_up(world, "v1")
    assert (await world.issued("v1")).balance == euro("5.00")
    await world.pay(sold.code, "5.00", "H1")


async def test_a_refund_of_a_single_purpose_voucher_brings_its_tax_back(world: World) -> None:
    sold = await world.sell("v1", "50.00", kind="single_purpose", vat="standard")
    pens = (Goods(gross=euro("50.00"), vat="standard", dsfinvk_key=1),)
    await world.pay(sold.code, "20.00", "H1", basket=pens)
    await world.refund("H1", "20.00", "X1")
    (fact,) = await facts(world, VoucherRedemptionReversed)
    spent = (await world.issued("v1")).closed["H1"].uses
    assert [use.tax for use in fact.uses] == [use.tax for use in spent] == [euro("3.19")]


# Payouts


async def pay_out(world: World, code: str, amount: str, **asked: Any) -> None:
    await world.hold(code, amount, "H9", purpose="payout", **asked)
    await world.vouchers.confirm(world.ask(), hold_id="H9")
    line = {"kind": "voucher_payout", "hold_id": "H9", "amount": f"-{amount}"}
    await world.book("B9", lines=[line])


async def test_a_rest_below_the_minimum_is_paid_out_and_the_voucher_ends(world: World) -> None:
    sold = await world.sell("v1", "20.00", template_id="rest")
    await world.pay(sold.code, "17.00", "H1")
    await pay_out(world, sold.code, "3.00")
    assert (await world.issued("v1")).status == "paid_out"
    (fact,) = await facts(world, VoucherPaidOut)
    assert (fact.amount, fact.remaining) == (euro("3.00"), euro("0.00"))


@pytest.mark.parametrize(
    ("template", "rest", "asked"),
    [
        (None, "3.00", "3.00"),  # The usual terms pay nothing out.
        ("rest", "5.00", "5.00"),  # Not below five.
        ("rest", "3.00", "2.00"),  # The whole rest or nothing.
        ("kulanz", "3.00", "3.00"),  # Nobody has allowed it.
    ],
)
async def test_what_the_terms_do_not_allow_is_not_paid_out(
    world: World, template: str | None, rest: str, asked: str
) -> None:
    sold = await world.sell("v1", rest, template_id=template)
    with pytest.raises(PayoutNotAllowed):
        await pay_out(world, sold.code, asked)


async def test_a_manager_allows_a_payout_by_goodwill_up_to_fifty(world: World) -> None:
    sold, large = (
        await world.sell("v1", "50.00", template_id="kulanz"),
        await world.sell("v2", "50.01", template_id="kulanz"),
    )
    await pay_out(world, sold.code, "50.00", approved_by="m.meier")
    with pytest.raises(PayoutNotAllowed):
        await world.hold(large.code, "50.01", "H8", purpose="payout", approved_by="m.meier")


async def test_a_voucher_that_a_payment_holds_is_not_paid_out(world: World) -> None:
    sold = await world.sell("v1", "4.00", template_id="rest")
    await world.hold(sold.code, "1.00", "H1")
    with pytest.raises(VoucherHeldNow):
        await pay_out(world, sold.code, "4.00")


# The sale of the voucher itself


async def test_a_returned_voucher_gives_back_what_is_left_of_it(world: World) -> None:
    sold = await world.sell("v1", "50.00")
    await world.pay(sold.code, "20.00", "H1")
    await world.hold(sold.code, "50.00", "H9", "up_to", purpose="sale_reversal")
    await world.vouchers.confirm(world.ask(), hold_id="H9")
    line = {"kind": "voucher_sale_reversal", "hold_id": "H9", "amount": "-30.00"}
    await world.book("B9", lines=[line])
    (fact,) = await facts(world, VoucherSaleReversed)
    assert (fact.refunded, fact.spent) == (euro("30.00"), euro("20.00"))
    assert (await world.issued("v1")).status == "cancelled"
    with pytest.raises(VoucherNotUsable):
        await world.hold(sold.code, "1.00", "H10")


async def test_a_redelivered_sale_does_not_bring_a_returned_voucher_back(
    world: World, recorded: Make
) -> None:
    sold = await world.sell("v1", "50.00")
    await world.hold(sold.code, "50.00", "H9", purpose="sale_reversal")
    line = {"kind": "voucher_sale_reversal", "hold_id": "H9", "amount": "-50.00"}
    await world.book("B9", lines=[line])
    await world.hear(recorded("sale-v1", sells=[("v1", "50.00")], delivery="late"))
    assert (await world.issued("v1")).balance == euro("0.00")


async def test_a_gift_is_not_taken_back_for_money(world: World) -> None:
    given = await world.give_away("v1", "5.00")
    with pytest.raises(SaleNotReversible):
        await world.hold(given.code, "5.00", "H9", purpose="sale_reversal")


# Captures in parts, baskets


async def capture(world: World, amount: str, booking_id: str, *, final: bool = False) -> Any:
    return await world.vouchers.capture_part(
        world.ask(), hold_id="H1", booking_id=booking_id, amount=euro(amount), final=final
    )


async def test_a_hold_is_captured_in_parts_until_the_last(world: World) -> None:
    sold = await world.sell("v1", "50.00")
    await world.hold(sold.code, "20.00", "H1")
    await capture(world, "8.00", "D1")
    await capture(world, "8.00", "D1")  # The answer was lost.
    voucher = await world.issued("v1")
    assert (voucher.balance, voucher.available(world.clock.now)) == (euro("42.00"), euro("30.00"))
    await capture(world, "5.00", "D2", final=True)
    voucher = await world.issued("v1")
    assert (voucher.balance, voucher.available(world.clock.now)) == (euro("37.00"), euro("37.00"))
    assert voucher.closed["H1"].amount == euro("13.00")


async def test_a_part_is_never_more_than_its_hold(world: World) -> None:
    sold = await world.sell("v1", "50.00")
    await world.hold(sold.code, "20.00", "H1")
    with pytest.raises(VoucherInsufficient):
        await capture(world, "20.01", "D1")


async def test_what_parts_captured_can_be_refunded_as_one(world: World) -> None:
    sold = await world.sell("v1", "50.00")
    await world.hold(sold.code, "20.00", "H1")
    await capture(world, "8.00", "D1")
    await capture(world, "12.00", "D2", final=True)
    await world.refund("H1", "20.00", "X1")
    assert (await world.issued("v1")).balance == euro("50.00")


async def test_a_voucher_for_books_pays_for_books_only(world: World) -> None:
    sold = await world.sell("v1", "50.00", template_id="buecher")
    book = Goods(gross=euro("12.00"), vat="reduced", dsfinvk_key=2, article_group="books")
    pen = Goods(gross=euro("5.00"), vat="standard", dsfinvk_key=1, article_group="pens")
    with pytest.raises(BasketNeeded):
        await world.hold(sold.code, "17.00", "H1", "up_to")
    with pytest.raises(VoucherNotUsable):
        await world.hold(sold.code, "5.00", "H1", "up_to", basket=(pen,))
    done = await world.hold(sold.code, "17.00", "H1", "up_to", basket=(book, pen))
    assert done.state.hold("H1").amount == euro("12.00")
    with pytest.raises(VoucherNotUsable):  # The same book is not paid for twice.
        await world.hold(sold.code, "17.00", "H2", "up_to", basket=(book, pen))


async def test_restrictions_to_stores_and_entities_hold(world: World) -> None:
    berlin = await world.sell("v1", "50.00", template_id="nur-berlin")
    both = await world.sell("v2", "50.00", template_id="beide")
    own = await world.sell("v3", "50.00")
    await world.hold(berlin.code, "1.00", "H1", store_id="berlin")
    for code, store in ((berlin.code, "koeln"), (own.code, "hamburg")):
        with pytest.raises(VoucherNotUsable):
            await world.hold(code, "1.00", "H2", store_id=store)
    await world.hold(both.code, "1.00", "H3", store_id="hamburg")


async def test_a_payment_that_nobody_covers_keeps_what_the_others_hold(world: World) -> None:
    sold = await world.sell("v1", "10.00")
    await world.hold(sold.code, "6.00", "H1")
    await world.book("B2", paid=[("H2", "10.00", "v1")])
    (failed,) = await facts(world, VoucherCaptureFailed)
    assert failed.missing == euro("6.00")
    assert (await world.issued("v1")).open["H1"].amount == euro("6.00")
