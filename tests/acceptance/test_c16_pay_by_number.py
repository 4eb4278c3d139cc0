"""C16 (and C08, C10): the number of a center is typed at the till and settles the sale."""

from __future__ import annotations

from tests.support.counter import Answer, Counter, article, on_center

MEAL = [article(980, vat="reduced")]


async def test_c16_a_typed_number_settles_the_sale(counter: Counter) -> None:
    await counter.centers.usable("4711")
    done = await counter.sell(MEAL, on_center(center_number="4711"))
    assert (done["state"], done["payments"][0]["card_number"]) == ("recorded", "4711")


async def test_c16_an_unknown_number_is_refused_and_the_sale_stays_open(counter: Counter) -> None:
    await counter.centers.usable("4711")
    problem = await counter.refused(MEAL, on_center(center_number="9999"))
    assert (problem["status"], problem["code"], problem["state"]) == (404, "center.unknown", "open")


async def test_c16_with_several_virtual_cards_the_till_asks(counter: Counter) -> None:
    await counter.centers.usable("4711")
    await counter.centers.card("4712", "4711")
    problem = await counter.refused(MEAL, on_center(center_number="4711"))
    assert (problem["code"], problem["cards"]) == ("charge.card_choice", ["4711", "4712"])
    chosen = on_center(center_number="4711", card_number="4712")
    booking = f"/{problem['booking_id']}"
    await counter.ask(f"{booking}/payments", {"payments": [chosen]})
    done = (await counter.ask(f"{booking}/finish")).json()
    assert done["payments"][-1]["card_number"] == "4712"


async def test_c08_a_center_without_a_card_is_refused(counter: Counter) -> None:
    await counter.centers.group(1, 4)
    await counter.centers.center("4711", "Empfang")
    problem = await counter.refused(MEAL, on_center(center_number="4711"))
    assert problem["code"] == "charge.no_card"


async def test_c16_the_number_of_a_physical_card_alone_is_not_enough(counter: Counter) -> None:
    await counter.centers.group(1, 4)
    await counter.centers.center("4711", "Empfang")
    await counter.centers.card("4711", "4711", code="04A1B2C3")
    problem = await counter.refused(MEAL, on_center(center_number="4711"))
    assert problem["code"] == "charge.no_card"


async def test_c16_a_lost_answer_is_asked_for_again_and_charged_once(counter: Counter) -> None:
    await counter.centers.usable("4711")
    counter.line.loses = 1
    done = await counter.sell(MEAL, on_center(center_number="4711"))
    assert done["state"] == "recorded"
    assert [len(counter.centers.held()), len(counter.centers.booked())] == [1, 1]


async def test_c16_a_charge_whose_answers_were_all_lost_is_given_back(counter: Counter) -> None:
    center_id = await counter.centers.usable("4711")
    await counter.centers.limit(center_id, "9.80")
    counter.line.loses = 3
    problem = await counter.refused(MEAL, on_center(center_number="4711"))
    assert problem["code"] == "costcenter.unavailable"
    await counter.recover(problem["booking_id"])
    assert [each.reason for each in counter.centers.released()] == ["released"]
    done = await counter.sell(MEAL, on_center(center_number="4711"))
    assert done["state"] == "recorded"


PRESSED = {"name": "Zahlung über Kst-Nr", "vat": "zero", "kind": "function"}


async def pressed(counter: Counter, number: str) -> tuple[int, Answer]:
    """A sale, then the key of the goods group "Cashierfunctions", then the number."""
    function = {"function": "pay_by_center_number", "article_group": "Cashierfunctions"}
    listed = await counter.office("PUT", "articles/KST", {**PRESSED, **function})
    assert listed.status_code == 200
    begun = await counter.sell(MEAL, finish=False)
    body = {"sku": "KST", "entered": number}
    answer = await counter.ask(f"/{begun['booking_id']}/functions", body)
    await counter.spread()
    told: Answer = answer.json()
    return answer.status_code, told


async def test_c16_the_key_asks_for_the_number_and_settles_the_sale(counter: Counter) -> None:
    await counter.centers.usable("4711")
    status, done = await pressed(counter, "4711")
    assert (status, done["state"], done["open_amount"]["amount"]) == (200, "recorded", 0)
    assert [len(counter.centers.held()), len(counter.centers.booked())] == [1, 1]


async def test_c16_after_the_key_an_unknown_number_is_refused_and_the_sale_is_open(
    counter: Counter,
) -> None:
    await counter.centers.usable("4711")
    status, problem = await pressed(counter, "9999")
    assert (status, problem["code"], problem["state"]) == (404, "center.unknown", "open")
    assert problem["open_amount"]["amount"] == 980


async def test_c16_the_key_itself_sells_nothing(counter: Counter) -> None:
    await pressed(counter, "9999")
    problem = await counter.refused([{"kind": "article", "sku": "KST"}])
    assert (problem["code"], problem["function"]) == (
        "article.is_function", "pay_by_center_number",
    )  # fmt: skip
