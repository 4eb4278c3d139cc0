"""A recorded booking is taken back as a whole: once, with reversed signs, by the same means."""

from __future__ import annotations

from typing import Any

from tests.support.counter import (
    Answer,
    Counter,
    article,
    article_voucher,
    by_voucher,
    card,
    cash,
    eur,
    on_center,
    single_purpose,
    top_up,
    voucher_sale,
)


async def cancelled(counter: Counter, sold: Answer, status: int = 200, **more: Any) -> Answer:
    path = f"/{sold['booking_id']}/cancellation"
    return await counter.book(status, path, reason="Irrtum", **more)


async def test_all_signs_are_reversed_and_the_money_goes_back_as_it_came(counter: Counter) -> None:
    sold = await counter.sell(
        [article(1190), article(250, vat="reduced", quantity="2")], cash(1000), card(690)
    )
    before = counter.process_data()
    await cancelled(counter, sold, cashier="p-7")
    assert before == "Beleg^11.90_5.00_0.00_0.00_0.00^10.00:Bar_6.90:Unbar"
    assert counter.process_data() == "Beleg^-11.90_-5.00_0.00_0.00_0.00^-10.00:Bar_-6.90:Unbar"
    event = counter.published()
    assert (event["kind"], event["cashier_id"]) == ("cancellation", "p-7")
    assert {line["reason"] for line in event["lines"]} == {"Irrtum"}
    assert event["references"][0]["id"] == sold["booking_id"]
    assert counter.vat() == {"standard": (-1190, -190), "reduced": (-500, -33)}


async def test_a_booking_is_cancelled_once(counter: Counter) -> None:
    sold = await counter.sell([article(500)], cash(500))
    first = await cancelled(counter, sold)
    no = await cancelled(counter, sold, 409)
    assert (no["code"], no["by"]) == ("cancellation.done", first["booking_id"])


async def test_a_repeat_of_the_request_is_the_same_cancellation(counter: Counter) -> None:
    sold = await counter.sell([article(500)], cash(500))
    path, body = f"/{sold['booking_id']}/cancellation", {"reason": "Irrtum"}
    first = await counter.ask(path, body, key="once")
    again = await counter.ask(path, body, key="once")
    assert again.json()["booking_id"] == first.json()["booking_id"]
    other = await counter.ask(path, {"reason": "anders"}, key="once")
    assert other.json()["code"] == "idempotency_key.reused"


async def test_what_came_back_in_part_is_not_cancelled(counter: Counter) -> None:
    sold = await counter.sell([article(500, quantity="2")], cash(1000))
    line = {"booking_id": sold["booking_id"], "line_id": "1", "quantity": "1", "reason": "x"}
    await counter.book(returns=[line], finish=True)
    assert (await cancelled(counter, sold, 409))["code"] == "cancellation.returned_in_part"


async def test_of_a_cancelled_booking_nothing_is_returned(counter: Counter) -> None:
    sold = await counter.sell([article(500)], cash(500))
    await cancelled(counter, sold)
    line = {"booking_id": sold["booking_id"], "line_id": "1", "quantity": "1", "reason": "x"}
    no = await counter.book(409, returns=[line])
    assert (no["code"], no["reason"]) == ("return.not_possible", "cancelled")


async def test_a_cancellation_is_not_cancelled(counter: Counter) -> None:
    sold = await counter.sell([article(500)], cash(500))
    no = await cancelled(counter, await cancelled(counter, sold), 409)
    assert (no["code"], no["reason"]) == ("cancellation.not_possible", "kind")


async def test_vouchers_gifts_and_centers_get_back_what_they_gave(counter: Counter) -> None:
    bought = await counter.sell([single_purpose(300, "reduced")], cash(300))
    single, multi = bought["vouchers"][0]["code"], await counter.bought(400)
    gift = await counter.donated("2.00")
    await counter.centers.usable("4711")
    sold = await counter.sell(
        [article(900, vat="reduced"), article(1000)],
        by_voucher(gift), by_voucher(single), by_voucher(multi), on_center(500, number="4711"),
        cash(500),
    )  # fmt: skip
    signed = counter.process_data()
    assert signed.endswith("^5.00:Bar")
    await cancelled(counter, sold)
    assert counter.process_data() == _negated(signed)
    assert [await counter.balance(code) for code in (gift, single, multi)] == [200, 300, 400]
    assert sum(each.amount.amount for each in counter.centers.reversed()) == 500


def _negated(process_data: str) -> str:
    kind, slots, paid = process_data.split("^")
    turned = ["0.00" if each == "0.00" else each.lstrip("-") if each[0] == "-" else f"-{each}"
              for each in slots.split("_")]  # fmt: skip
    return f"{kind}^{'_'.join(turned)}^-{paid}"


async def test_a_sold_voucher_comes_back_with_its_code_and_ends(counter: Counter) -> None:
    sold = await counter.sell([voucher_sale(2500), article(500)], cash(3000))
    no = await cancelled(counter, sold, 422)
    assert (no["code"], no["lines"]) == ("cancellation.needs_codes", ["1"])
    code = sold["vouchers"][0]["code"]
    await cancelled(counter, sold, codes=[{"line_id": "1", "code": code}])
    assert counter.process_data() == "Beleg^-5.00_0.00_0.00_0.00_-25.00^-30.00:Bar"
    assert await counter.balance(code) == 0
    assert counter.published()["lines"][0]["case"] == "MehrzweckgutscheinKauf"


async def test_a_spent_voucher_keeps_its_sale(counter: Counter) -> None:
    sold = await counter.sell([voucher_sale(2500)], cash(2500))
    code = sold["vouchers"][0]["code"]
    await counter.sell([article(500)], by_voucher(code))
    stored = len(counter.log.log)
    no = await cancelled(counter, sold, 409, codes=[{"line_id": "1", "code": code}])
    assert no["code"] == "voucher.sale_not_reversible"
    assert len(counter.log.log) == stored


async def test_another_voucher_does_not_stand_in_for_the_sold_one(counter: Counter) -> None:
    sold = await counter.sell([voucher_sale(2500)], cash(2500))
    other = await counter.bought(2500)
    no = await cancelled(counter, sold, 409, codes=[{"line_id": "1", "code": other}])
    assert no["code"] == "voucher.differs"
    assert await counter.balance(other) == 2500
    await counter.sell([article(2500)], by_voucher(other))


async def test_what_the_voucher_service_cannot_undo_is_refused_first(counter: Counter) -> None:
    code = await counter.bought(1000)
    topped = await counter.sell([top_up(code, 500)], cash(500))
    cheap = await counter.sell([voucher_sale(4500, value=eur(5000))], cash(4500))
    stored = len(counter.log.log)
    reasons = [(await cancelled(counter, sold, 409))["reason"] for sold in (topped, cheap)]
    assert reasons == ["top_up", "voucher_value"]
    assert len(counter.log.log) == stored


async def test_a_capture_that_has_not_arrived_is_waited_for(counter: Counter) -> None:
    code = await counter.bought(1000)
    body = {"lines": [article(1000)], "payments": [by_voucher(code)], "finish": True}
    sold = (await counter.ask("", body)).json()
    answer = await counter.ask(f"/{sold['booking_id']}/cancellation", {"reason": "x"})
    assert answer.json()["code"] == "voucher.not_restorable"
    await counter.spread()
    await cancelled(counter, sold)
    assert await counter.balance(code) == 1000


async def test_article_vouchers_come_back_as_they_were_booked(counter: Counter) -> None:
    sold = await counter.sell([article(1000), article_voucher(400, "GS-EINLOESEN")], cash(600))
    await cancelled(counter, sold)
    assert counter.process_data() == "Beleg^-10.00_0.00_0.00_0.00_4.00^-6.00:Bar"


async def test_a_cancellation_whose_answer_was_lost_ends_with_its_repeat(
    counter: Counter,
) -> None:
    sold = await counter.sell([voucher_sale(2500)], cash(2500))
    code = sold["vouchers"][0]["code"]
    counter.line.loses = 2  # The answers to hold and look-up; what was asked is done.
    path = f"/{sold['booking_id']}/cancellation"
    body = {"reason": "x", "codes": [{"line_id": "1", "code": code}]}
    answer = await counter.ask(path, body, key="once")
    assert answer.status_code in (200, 503), answer.text
    await counter.spread()
    done = await counter.ask(path, body, key="once")
    assert done.status_code == 200, done.text
    await counter.spread()
    assert await counter.balance(code) == 0
