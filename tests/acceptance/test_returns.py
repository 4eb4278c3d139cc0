"""Goods come back at their price, never more than were sold; who had paid gets it back."""

from __future__ import annotations

from typing import Any

from tests.support.counter import (
    Answer,
    Counter,
    article,
    by_voucher,
    card,
    cash,
    eur,
    on_center,
    single_purpose,
)


def back(sold: Answer, line_id: str = "1", quantity: str = "1") -> Answer:
    return {"booking_id": sold["booking_id"], "line_id": line_id, "quantity": quantity,
            "reason": "gefällt nicht"}  # fmt: skip


async def returned(counter: Counter, *returns: Answer, **more: Any) -> Answer:
    return await counter.book(returns=list(returns), finish=True, **more)


async def test_a_returned_line_goes_out_in_cash_at_its_price(counter: Counter) -> None:
    sold = await counter.sell([article(410, vat="reduced", quantity="3")], cash(1230))
    await returned(counter, back(sold, quantity="2"))
    event = counter.published()
    line, paid = event["lines"][0], event["payments"][0]
    assert (event["kind"], event["total"]) == ("return", eur(-820))
    assert (line["kind"], line["amount"], line["reason"]) == ("return", eur(-820), "gefällt nicht")
    assert (paid["kind"], paid["amount"], paid["payment_type"]) == ("cash", eur(-820), "Bar")
    assert counter.process_data() == "Beleg^0.00_-8.20_0.00_0.00_0.00^-8.20:Bar"


async def test_a_return_refers_to_the_booking_and_the_line_that_sold_it(counter: Counter) -> None:
    sold = await counter.sell([article(410), article(500)], cash(910))
    await returned(counter, back(sold, "2"))
    event = counter.published()
    assert event["lines"][0]["reference"] == {
        "type": "Transaktion", "id": sold["booking_id"], "line_id": "2", "number": 1
    }  # fmt: skip
    (reference,) = event["references"]
    assert (reference["id"], reference["number"], reference["till_id"], reference["z_number"]) == (
        sold["booking_id"], sold["number"], "till-1", 1
    )  # fmt: skip


async def test_no_line_comes_back_more_often_than_it_was_sold(counter: Counter) -> None:
    sold = await counter.sell([article(410, quantity="3")], cash(1230))
    await returned(counter, back(sold, quantity="2"))
    no = await counter.book(409, returns=[back(sold, quantity="2")], finish=True)
    assert (no["code"], no["returnable"]) == ("return.too_much", "1")
    await returned(counter, back(sold))
    assert (await counter.book(409, returns=[back(sold)]))["code"] == "return.too_much"


async def test_two_tills_that_return_the_last_one_at_once_get_one(counter: Counter) -> None:
    sold = await counter.sell([article(410)], cash(410))
    first = await counter.book(returns=[back(sold)])
    await returned(counter, back(sold))
    no = await counter.book(409, f"/{first['booking_id']}/finish")
    assert no["code"] == "return.too_much"


async def test_however_a_line_is_returned_its_parts_are_what_it_cost(counter: Counter) -> None:
    sold = await counter.sell([article(999, quantity="0.335")], cash(335))
    parts = []
    for quantity in ("0.111", "0.111", "0.113"):
        told = await returned(counter, back(sold, quantity=quantity))
        parts.append(told["total"]["amount"])
    assert sum(parts) == -335


async def test_a_repeated_return_is_the_same_return(counter: Counter) -> None:
    sold = await counter.sell([article(410)], cash(410))
    body = {"returns": [back(sold)], "finish": True}
    first = await counter.ask("", body, key="once")
    again = await counter.ask("", body, key="once")
    assert first.json()["booking_id"] == again.json()["booking_id"]
    assert again.status_code == 200


async def test_an_exchange_pays_the_difference(counter: Counter) -> None:
    sold = await counter.sell([article(1000)], cash(1000))
    await counter.book(
        lines=[article(1500, vat="reduced")], returns=[back(sold)], payments=[card(500)],
        finish=True,
    )  # fmt: skip
    assert counter.published()["kind"] == "return"
    assert counter.process_data() == "Beleg^-10.00_15.00_0.00_0.00_0.00^5.00:Unbar"


async def test_an_exchange_for_less_pays_out_the_difference(counter: Counter) -> None:
    sold = await counter.sell([article(1000)], card(1000))
    await counter.book(lines=[article(400)], returns=[back(sold)], refund="card", finish=True)
    assert counter.process_data() == "Beleg^-6.00_0.00_0.00_0.00_0.00^-6.00:Unbar"


async def test_what_a_voucher_paid_goes_back_to_it_and_not_into_cash(counter: Counter) -> None:
    code = await counter.bought(3000)
    sold = await counter.sell([article(2000), article(2500)], by_voucher(code), cash(1500))
    assert await counter.balance(code) == 0
    await returned(counter, back(sold, "1"))
    assert await counter.balance(code) == 2000
    assert counter.process_data() == "Beleg^-20.00_0.00_0.00_0.00_20.00^"
    await returned(counter, back(sold, "2"))
    assert await counter.balance(code) == 3000
    assert counter.process_data() == "Beleg^-25.00_0.00_0.00_0.00_10.00^-15.00:Bar"
    lines = counter.published()["lines"]
    assert lines[1]["case"] == "MehrzweckgutscheinEinloesung"


async def test_a_taxed_voucher_gets_back_what_it_paid_at_its_vat(counter: Counter) -> None:
    bought = await counter.sell([single_purpose(1000, "reduced")], cash(1000))
    code = bought["vouchers"][0]["code"]
    sold = await counter.sell(
        [article(800, vat="reduced"), article(700)], by_voucher(code), cash(700)
    )
    await returned(counter, back(sold, "1"), back(sold, "2"))
    assert await counter.balance(code) == 1000
    assert counter.process_data() == "Beleg^-7.00_0.00_0.00_0.00_0.00^-7.00:Bar"
    assert counter.vat() == {"standard": (-700, -112), "reduced": (0, 0)}


async def test_a_gift_comes_back_as_a_gift(counter: Counter) -> None:
    code = await counter.donated("3.00")
    sold = await counter.sell([article(1000, vat="reduced")], by_voucher(code), cash(700))
    await returned(counter, back(sold))
    assert await counter.balance(code) == 300
    assert counter.process_data() == "Beleg^0.00_-7.00_0.00_0.00_0.00^-7.00:Bar"
    assert [line.get("case") for line in counter.published()["lines"]] == [None, "Rabatt"]


async def test_a_cost_center_owes_that_much_less(counter: Counter) -> None:
    await counter.centers.usable("4711")
    sold = await counter.sell(
        [article(980, vat="reduced")], on_center(760, number="4711"), card(220)
    )
    await returned(counter, back(sold), refund="card")
    assert counter.process_data() == "Beleg^0.00_-2.20_0.00_0.00_0.00^-2.20:Unbar"
    (taken_back,) = counter.centers.reversed()
    assert taken_back.amount.amount == 760
    paid = counter.published()["payments"][0]
    assert (paid["kind"], paid["amount"], paid["fiscal"]) == ("charge_reversal", eur(-760), "Keine")
    assert counter.vat() == {"reduced": (-980, -64)}
    await counter.print(counter.published()["booking_id"])
    paper = counter.paper("receipt").text
    assert "RÜCKNAHME" in paper
    assert "versteuert" not in paper


async def test_only_goods_of_a_sale_come_back_by_lines(counter: Counter) -> None:
    sold = await counter.sell([article(410)], cash(410))
    gone = await returned(counter, back(sold))
    voucher = await counter.sell(
        [{"kind": "voucher_sale", "name": "G", "unit_price": eur(1000), "vat": "zero"}], cash(1000)
    )
    reasons = []
    for wanted in (back(gone), back(voucher), back(sold, "7")):
        no = await counter.book(409, returns=[wanted])
        assert no["code"] == "return.not_possible"
        reasons.append(no["reason"])
    assert reasons == ["no_sale", "line", "line"]


async def test_goods_of_no_booking_of_the_store_are_unknown(counter: Counter) -> None:
    no = await counter.book(
        404, returns=[{"booking_id": "b-1", "line_id": "1", "quantity": "1", "reason": "x"}]
    )
    assert no["code"] == "booking.unknown"


async def test_bottles_come_back_without_a_sale(counter: Counter) -> None:
    bottle = {"name": "Pfand", "unit_price": eur(25), "vat": "standard", "quantity": "4"}
    await counter.sell([{"kind": "deposit", **bottle}], cash(100))
    assert counter.published()["lines"][0]["case"] == "Pfand"
    await counter.book(lines=[{"kind": "deposit_return", **bottle}], finish=True)
    line = counter.published()["lines"][0]
    assert (line["case"], line["amount"]) == ("PfandRueckzahlung", eur(-100))
    assert counter.process_data() == "Beleg^-1.00_0.00_0.00_0.00_0.00^-1.00:Bar"


async def test_cash_that_is_not_there_does_not_go_out(counter: Counter) -> None:
    sold = await counter.sell([article(410)], card(410))
    no = await counter.book(409, returns=[back(sold)], finish=True)
    assert (no["code"], no["in_drawer"]) == ("till.cash_short", eur(0))
    await returned(counter, back(sold), refund="card")
