"""C01: the sale is the till's revenue; the center owes it and is invoiced later."""

from __future__ import annotations

from money import euro
from tests.support.counter import Counter, article, on_center


async def test_c01_a_meal_on_a_cost_center_is_revenue_with_vat_and_no_cash(
    counter: Counter,
) -> None:
    await counter.centers.usable("4711")
    done = await counter.sell([article(980, vat="reduced")], on_center(center_number="4711"))
    assert done["state"] == "recorded"
    assert counter.vat() == {"reduced": (980, 64)}
    assert counter.process_data() == "Beleg^0.00_0.00_0.00_0.00_0.00^"


async def test_c01_the_center_owes_it_once_the_booking_is_recorded(counter: Counter) -> None:
    center_id = await counter.centers.usable("4711")
    await counter.sell([article(980, vat="reduced")], on_center(center_number="4711"))
    booked = counter.centers.booked()
    assert [(each.chargee.center_id, each.amount) for each in booked] == [(center_id, euro("9.80"))]
    assert (booked[0].booking_number, booked[0].fault) == (1, None)


async def test_c01_an_aborted_sale_leaves_nothing_owed(counter: Counter) -> None:
    center_id = await counter.centers.usable("4711")
    await counter.centers.limit(center_id, "9.80")
    begun = await counter.sell([article(980)], on_center(center_number="4711"), finish=False)
    await counter.ask(f"/{begun['booking_id']}/abort")
    await counter.spread()
    assert [each.reason for each in counter.centers.released()] == ["aborted"]
    again = await counter.sell([article(980)], on_center(center_number="4711"))
    assert again["state"] == "recorded"


async def test_c01_goods_at_two_rates_are_owed_in_proportion(counter: Counter) -> None:
    await counter.centers.usable("4711")
    await counter.sell(
        [article(333), article(667, vat="reduced")],
        on_center(500, number="4711"),
        {"kind": "cash", "amount": {"amount": 500, "currency": "EUR"}},
    )
    parts = counter.centers.booked()[0].parts
    assert [(part.vat, part.gross.amount) for part in parts] == [
        ("standard", 166), ("reduced", 334),
    ]  # fmt: skip
    assert counter.process_data() == "Beleg^1.67_3.33_0.00_0.00_0.00^5.00:Bar"
