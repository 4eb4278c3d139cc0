"""V10: a voucher that is worth less than the sale is used up, and the rest stays open."""

from __future__ import annotations

from tests.support.counter import Counter, article, by_voucher, card, eur


async def test_v10_sixteen_with_a_voucher_of_ten_leaves_six_for_a_card(counter: Counter) -> None:
    code = await counter.bought(1000)
    begun = await counter.sell([article(1600)], by_voucher(code), finish=False)
    assert (begun["payments"][0]["amount"], begun["open_amount"]) == (eur(1000), eur(600))
    booking = f"/{begun['booking_id']}"
    paid = await counter.ask(f"{booking}/payments", {"payments": [card(600)]})
    assert paid.json()["open_amount"] == eur(0)
    done = await counter.ask(f"{booking}/finish")
    assert done.json()["state"] == "recorded"
    assert counter.process_data() == "Beleg^16.00_0.00_0.00_0.00_-10.00^6.00:Unbar"


async def test_v10_the_rest_can_be_paid_by_another_voucher(counter: Counter) -> None:
    small, large = await counter.bought(1000), await counter.bought(5000)
    paid = await counter.sell([article(1600)], by_voucher(small), by_voucher(large))
    left = [payment["voucher_remaining"] for payment in paid["payments"]]
    assert left == [eur(0), eur(4400)]
