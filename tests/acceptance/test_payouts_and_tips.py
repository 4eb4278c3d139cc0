"""The rest of a voucher in cash, tips, and web orders that were paid before."""

from __future__ import annotations

import pytest

from tests.support.counter import (
    Answer,
    Counter,
    article,
    by_voucher,
    card,
    cash,
    eur,
    on_center,
    voucher_sale,
)


def tip(minor: int, vat: str = "zero", **more: str) -> Answer:
    return {"kind": "tip", "name": "Trinkgeld", "unit_price": eur(minor), "vat": vat, **more}


async def with_a_rest(counter: Counter, template: str) -> str:
    """The code of a voucher of 20.00 with 3.00 left."""
    sold = await counter.sell([voucher_sale(2000, template=template, value=eur(2000))], cash(2000))
    code: str = sold["vouchers"][0]["code"]
    await counter.sell([article(1700)], by_voucher(code))
    return code


def payout(code: str) -> Answer:
    return {"code": code, "reason": "Rest unter 5 Euro"}


async def test_the_rest_of_a_voucher_is_paid_out_in_cash(counter: Counter) -> None:
    code = await with_a_rest(counter, "rest")
    told = await counter.book(payouts=[payout(code)], finish=True)
    event = counter.published()
    line = event["lines"][0]
    assert (event["kind"], told["total"]) == ("payout", eur(-300))
    assert (line["kind"], line["case"]) == ("voucher_payout", "MehrzweckgutscheinEinloesung")
    assert counter.process_data() == "Beleg^0.00_0.00_0.00_0.00_-3.00^-3.00:Bar"
    assert await counter.balance(code) == 0


async def test_a_payout_that_the_terms_forbid_stores_nothing(counter: Counter) -> None:
    code, stored = await counter.bought(300), len(counter.log.log)
    no = await counter.book(409, payouts=[payout(code)], finish=True)
    assert no["code"] == "voucher.no_payout"
    assert len(counter.log.log) == stored
    await counter.sell([article(300)], by_voucher(code))


async def test_by_goodwill_a_manager_pays_out(counter: Counter) -> None:
    code = await with_a_rest(counter, "kulanz")
    body = {"payouts": [payout(code)], "finish": True}
    assert (await counter.ask("", body)).json()["code"] == "voucher.no_payout"
    allowed = {"override-authorization": "Bearer manager"}
    assert (await counter.ask("", body, **allowed)).status_code == 200
    await counter.spread()
    assert await counter.balance(code) == 0


async def test_a_repeated_payout_goes_out_once(counter: Counter) -> None:
    code = await with_a_rest(counter, "rest")
    body = {"payouts": [payout(code)], "finish": True}
    counter.line.loses = 1
    first = await counter.ask("", body, key="once")
    again = await counter.ask("", body, key="once")
    await counter.spread()
    assert again.status_code == 200, (first.text, again.text)
    third = await counter.ask("", body, key="once")
    assert third.json()["number"] == again.json()["number"]
    assert await counter.balance(code) == 0


async def test_an_aborted_payout_leaves_the_rest(counter: Counter) -> None:
    code = await with_a_rest(counter, "rest")
    begun = await counter.book(payouts=[payout(code)])
    await counter.book(200, f"/{begun['booking_id']}/abort")
    assert await counter.balance(code) == 300
    await counter.book(payouts=[payout(code)], finish=True)
    assert await counter.balance(code) == 0


@pytest.mark.parametrize(
    ("line", "signed", "case"),
    [
        (tip(400), "Beleg^62.00_0.00_0.00_0.00_4.00^66.00:Bar", "TrinkgeldAN"),
        (tip(400, "standard", tip_to="owner"), "Beleg^66.00_0.00_0.00_0.00_0.00^66.00:Bar",
         "TrinkgeldAG"),
    ],
)  # fmt: skip
async def test_a_tip_is_the_staffs_or_the_owners(
    counter: Counter, line: Answer, signed: str, case: str
) -> None:
    await counter.sell([article(6200), line], cash(6600))
    assert counter.process_data() == signed
    assert counter.published()["lines"][1]["case"] == case


async def test_neither_vouchers_nor_cost_centers_pay_a_tip(counter: Counter) -> None:
    code = await counter.bought(1000)
    await counter.centers.usable("4711")
    sold = await counter.sell([article(500), tip(100)], by_voucher(code), cash(100))
    assert [paid["amount"] for paid in sold["payments"]] == [eur(500), eur(100)]
    no = await counter.refused([tip(100)], on_center(number="4711"))
    assert no["code"] == "charge.buys_voucher"


async def test_a_tip_with_the_wrong_vat_is_refused(counter: Counter) -> None:
    assert (await counter.refused([tip(400, "standard")], cash(400)))["code"] == "line.refused"
    assert (await counter.refused([tip(0)], cash(0)))["status"] == 422


async def test_a_voucher_and_a_center_pay_the_deposit_of_their_goods(counter: Counter) -> None:
    bottle = {"kind": "deposit", "name": "Pfand", "unit_price": eur(25), "vat": "reduced"}
    gift = await counter.donated("10.00")
    await counter.sell([article(200, vat="reduced"), bottle], by_voucher(gift))
    assert counter.process_data() == "Beleg^0.00_0.00_0.00_0.00_0.00^"
    await counter.centers.usable("4711")
    await counter.sell([article(200, vat="reduced"), bottle], on_center(number="4711"))
    assert counter.published()["payments"][0]["amount"] == eur(225)


async def test_a_web_order_was_paid_before(counter: Counter) -> None:
    online = {"kind": "online", "amount": eur(1500), "order": "W-2026-0815"}
    sold = await counter.sell([article(1500), article(250)], online, card(250))
    event = counter.published()
    assert event["references"] == [{"type": "ExterneSonstige", "id": "W-2026-0815"}]
    paid = event["payments"][0]
    assert (paid["fiscal"], paid["payment_type"]) == ("Unbar", "ElZahlungsdienstleister")
    assert counter.process_data() == "Beleg^17.50_0.00_0.00_0.00_0.00^17.50:Unbar"
    await counter.book(200, f"/{sold['booking_id']}/cancellation", reason="Kunde trat zurück")
    kinds = [(each["kind"], each["amount"]) for each in counter.published()["payments"]]
    assert kinds == [("online", eur(-1500)), ("card", eur(-250))]


async def test_what_was_paid_online_names_its_order(counter: Counter) -> None:
    for paid in (
        {"kind": "online", "amount": eur(100)},
        {"kind": "cash", "amount": eur(100), "order": "W-1"},
    ):
        assert (await counter.refused([article(100)], paid))["status"] == 422


async def test_every_line_and_payment_has_its_name_in_the_export(counter: Counter) -> None:
    await counter.centers.usable("4711")
    code = await counter.bought(300)
    await counter.sell(
        [article(1000)], by_voucher(code), on_center(200, number="4711"), cash(300), card(200)
    )
    told = [(paid.get("case"), paid["payment_type"]) for paid in counter.published()["payments"]]
    assert told == [
        ("MehrzweckgutscheinEinloesung", "Keine"), ("Forderungsentstehung", "Keine"),
        (None, "Bar"), (None, "Unbar"),
    ]  # fmt: skip
