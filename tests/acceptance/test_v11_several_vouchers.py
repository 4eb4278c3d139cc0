"""V11: several vouchers in one payment. At most one keeps a rest; never are all of them emptied."""

from __future__ import annotations

from tests.support.counter import (
    Counter,
    article,
    by_voucher,
    cash,
    eur,
    single_purpose,
)


async def of(counter: Counter, code: str) -> int:
    found, _ = await counter.vouchers.vouchers.look_up(code, source="test")
    return found.available(counter.clock()).amount


async def test_v11_sixteen_with_two_of_ten_leaves_four_on_one(counter: Counter) -> None:
    codes = [await counter.bought(1000), await counter.bought(1000)]
    paid = await counter.sell([article(1600)], by_voucher(*codes))
    assert sorted([await of(counter, code) for code in codes]) == [0, 400]
    assert sorted(part["amount"]["amount"] for part in paid["payments"]) == [600, 1000]
    assert counter.process_data() == "Beleg^16.00_0.00_0.00_0.00_-16.00^"


async def test_v11_each_voucher_is_a_payment_of_its_own(counter: Counter) -> None:
    codes = [await counter.bought(1000), await counter.bought(1000)]
    await counter.sell([article(1600)], by_voucher(*codes))
    paid = counter.published()["payments"]
    assert len({part["hold_id"] for part in paid}) == len({p["payment_id"] for p in paid}) == 2


async def test_v11_what_they_do_not_cover_stays_open(counter: Counter) -> None:
    codes = [await counter.bought(500), await counter.bought(700)]
    begun = await counter.sell([article(1600)], by_voucher(*codes), finish=False)
    assert begun["open_amount"] == eur(400)


async def test_v11_one_that_cannot_be_used_holds_none(counter: Counter) -> None:
    good, spent = await counter.bought(1000), await counter.bought(500)
    await counter.sell([article(500)], by_voucher(spent))
    no = await counter.refused([article(1600)], by_voucher(good, spent))
    assert no["code"] == "voucher.not_usable"
    assert await of(counter, good) == 1000


async def test_v11_a_repeat_of_the_request_holds_nothing_twice(counter: Counter) -> None:
    codes = [await counter.bought(1000), await counter.bought(1000)]
    first = await counter.sell([article(1600)], by_voucher(*codes), key="again")
    second = await counter.sell([article(1600)], by_voucher(*codes), key="again")
    assert first["booking_id"] == second["booking_id"]
    assert sum([await of(counter, code) for code in codes]) == 400


async def test_v11_an_answer_that_is_lost_is_asked_for_again(counter: Counter) -> None:
    codes = [await counter.bought(1000), await counter.bought(1000)]
    counter.line.loses = 1
    paid = await counter.sell([article(1600)], by_voucher(*codes))
    assert paid["open_amount"] == eur(0)


async def test_v11_a_group_of_which_nothing_was_heard_is_released(counter: Counter) -> None:
    codes = [await counter.bought(1000), await counter.bought(1000)]
    counter.line.loses = 3
    no = await counter.refused([article(1600)], by_voucher(*codes))
    assert no["code"] == "voucher.unavailable"
    assert sum([await of(counter, code) for code in codes]) == 400
    await counter.recover(no["booking_id"])
    assert sum([await of(counter, code) for code in codes]) == 2000


async def test_v11_an_abort_ends_a_group_of_which_nothing_was_heard(counter: Counter) -> None:
    codes = [await counter.bought(1000), await counter.bought(1000)]
    counter.line.loses = 3
    no = await counter.refused([article(1600)], by_voucher(*codes))
    await counter.ask(f"/{no['booking_id']}/abort")
    await counter.spread()
    assert sum([await of(counter, code) for code in codes]) == 2000


async def test_v11_an_abort_ends_every_leg(counter: Counter) -> None:
    codes = [await counter.bought(1000), await counter.bought(1000)]
    begun = await counter.sell([article(1600)], by_voucher(*codes), finish=False)
    await counter.ask(f"/{begun['booking_id']}/abort")
    await counter.spread()
    assert sum([await of(counter, code) for code in codes]) == 2000


async def test_v11_one_of_each_kind_pays_for_what_it_may(counter: Counter) -> None:
    sold = await counter.sell([single_purpose(5000, "standard")], cash(5000))
    codes = [sold["vouchers"][0]["code"], await counter.bought(5000)]
    await counter.sell([article(3000), article(2000, "reduced")], by_voucher(*codes))
    assert counter.vat() == {"standard": (0, 0), "reduced": (2000, 131)}
    assert counter.process_data() == "Beleg^0.00_20.00_0.00_0.00_-20.00^"


async def test_v11_the_same_code_twice_is_refused(counter: Counter) -> None:
    code = await counter.bought(1000)
    no = await counter.refused([article(1600)], by_voucher(code, code))
    assert no["status"] == 422
