"""C20, the till's half: what others pay of a meal stands in the booking as a subsidy."""

from __future__ import annotations

from money import euro
from tests.support.counter import Counter, article, cash, eur, on_center

DISH = [article(720, vat="reduced")]


async def test_c20_a_dish_of_seven_twenty_leaves_four_ten_for_the_guest(counter: Counter) -> None:
    await counter.centers.usable("4711")
    await counter.centers.subsidy("3.10", own_share="other_payment")
    begun = await counter.sell(DISH, on_center(center_number="4711"), finish=False)
    assert begun["open_amount"] == eur(410)
    booking = f"/{begun['booking_id']}"
    await counter.ask(f"{booking}/payments", {"payments": [cash(410)]})
    await counter.ask(f"{booking}/finish")
    await counter.spread()
    assert counter.process_data() == "Beleg^0.00_4.10_0.00_0.00_0.00^4.10:Bar"
    assert [each.amount for each in counter.centers.granted()] == [euro("3.10")]


async def test_c20_the_center_pays_the_rest_where_the_rule_says_so(counter: Counter) -> None:
    await counter.centers.usable("4711")
    await counter.centers.subsidy("3.10", own_share="center")
    done = await counter.sell(DISH, on_center(center_number="4711"))
    assert [(paid["kind"], paid["amount"]) for paid in done["payments"]] == [
        ("cost_center", eur(410)), ("subsidy", eur(310)),
    ]  # fmt: skip
    assert counter.centers.booked()[0].amount == euro("4.10")


async def test_c20_a_second_dish_on_the_same_day_is_paid_in_full(counter: Counter) -> None:
    await counter.centers.usable("4711")
    await counter.centers.subsidy("3.10", own_share="center")
    await counter.sell(DISH, on_center(center_number="4711"))
    second = await counter.sell(DISH, on_center(center_number="4711"))
    assert [paid["amount"] for paid in second["payments"]] == [eur(720)]


async def test_c20_an_aborted_meal_is_still_to_be_had(counter: Counter) -> None:
    await counter.centers.usable("4711")
    await counter.centers.subsidy("3.10", own_share="center")
    begun = await counter.sell(DISH, on_center(center_number="4711"), finish=False)
    await counter.ask(f"/{begun['booking_id']}/abort")
    await counter.spread()
    again = await counter.sell(DISH, on_center(center_number="4711"))
    assert [paid["kind"] for paid in again["payments"]] == ["cost_center", "subsidy"]


async def test_c20_the_receipt_names_the_subsidy_and_its_case(counter: Counter) -> None:
    await counter.centers.usable("4711")
    await counter.centers.subsidy("3.10", own_share="center", tax_case="unreal")
    done = await counter.sell(DISH, on_center(center_number="4711"))
    await counter.print(done["booking_id"])
    text = counter.paper("receipt").text
    assert "Essenszuschuss" in text
    assert "unechter Zuschuss" in text
