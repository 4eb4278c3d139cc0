"""V07: paying by voucher with an unknown code leaves the open amount, and the error says nothing
about the code."""

from __future__ import annotations

from tests.support.counter import Counter, article, by_voucher, cash, eur
from tests.support.library import fee, owes, waiver

UNKNOWN = "V3CB-R5FN-E5GG-YHT8"


async def test_v07_the_open_amount_stays_and_the_sale_goes_on(counter: Counter) -> None:
    problem = await counter.refused([article(1990)], by_voucher(UNKNOWN), cash(1990))
    assert (problem["open_amount"], problem["state"]) == (eur(1990), "open")
    path = f"/{problem['booking_id']}"
    await counter.book(200, f"{path}/payments", payments=[cash(1990)])
    assert (await counter.book(200, f"{path}/finish"))["state"] == "recorded"


async def test_v07_unknown_and_spent_are_refused_in_the_same_words(counter: Counter) -> None:
    spent = await counter.bought(500)
    await counter.sell([article(500)], by_voucher(spent))
    told = []
    for code in (UNKNOWN, spent):
        problem = await counter.refused([article(1990)], by_voucher(code))
        told.append((problem["status"], problem["code"], problem["detail"]))
    assert told[0] == told[1]
    assert UNKNOWN not in str(told)


async def test_v07_a_fee_is_not_waived_by_an_unknown_code_either(counter: Counter) -> None:
    await owes(counter, F1="15.00")
    problem = await counter.refused([fee()], waiver(UNKNOWN))
    assert (problem["open_amount"], problem["code"]) == (eur(1500), "voucher.not_usable")
