"""V25: a fee of 4.00 against a deposit of 10.00: receipt over 4.00, rest 6.00; 5.00 against 4.00 is
refused."""

from __future__ import annotations

from money import euro
from tests.support.counter import Counter, cash, eur
from tests.support.library import credit, fee, left, owes, settled


async def deposited(counter: Counter) -> None:
    await owes(counter, F1="4.00")
    line = {"kind": "account_load", "account_id": "A1", "amount": eur(1000)}
    await counter.sell([line], cash(1000))


async def test_v25_the_fee_is_settled_by_credit_and_the_rest_stays(counter: Counter) -> None:
    await deposited(counter)
    done = await counter.sell([fee()], credit())
    assert (done["total"], done["payments"][0]["amount"]) == (eur(400), eur(400))
    assert (await counter.members.account()).balance == euro("6.00")
    assert [await left(counter), await settled(counter)] == [0, [("credit", 400, None)]]


async def test_v25_the_receipt_is_over_four_and_says_that_six_are_left(counter: Counter) -> None:
    await deposited(counter)
    done = await counter.sell([fee()], credit())
    await counter.print(done["booking_id"])
    text = counter.paper("receipt").text
    assert "4,00" in text
    assert "6,00" in text
    assert counter.process_data() == "Beleg^0.00_0.00_0.00_0.00_0.00^"


async def test_v25_five_against_four_is_refused(counter: Counter) -> None:
    await deposited(counter)
    problem = await counter.refused([fee()], credit(500))
    assert (problem["code"], problem["status"]) == ("payment.exceeds_open", 409)
    problem = await counter.refused([fee(amount=eur(500))], credit(500))
    assert (problem["code"], problem["open"]) == ("fee.over_open", eur(400))
    assert (await counter.members.account()).balance == euro("10.00")


async def test_v25_a_load_is_a_multi_purpose_voucher_sold_and_used(counter: Counter) -> None:
    await deposited(counter)
    assert counter.process_data() == "Beleg^0.00_0.00_0.00_0.00_10.00^10.00:Bar"
    assert counter.published()["lines"][0]["case"] == "MehrzweckgutscheinKauf"
    await counter.sell([fee()], credit())
    assert counter.published()["payments"][0]["case"] == "MehrzweckgutscheinEinloesung"


async def test_v25_credit_that_is_not_there_settles_nothing(counter: Counter) -> None:
    await owes(counter, F1="4.00")
    problem = await counter.refused([fee()], credit())
    assert problem["state"] == "open"
    done = await counter.book(200, f"/{problem['booking_id']}/payments", payments=[cash(400)])
    await counter.book(200, f"/{done['booking_id']}/finish")
    assert await settled(counter) == [("payment", 400, None)]
