"""V16 and V19, at the till: a voucher that was given away is no money. It lowers the price."""

from __future__ import annotations

from money import euro
from tests.support.counter import Counter, article, by_voucher, cash, eur, voucher_sale


async def test_v19_fees_of_twelve_and_a_voucher_of_ten_are_two_in_cash(counter: Counter) -> None:
    code = await counter.donated("10.00")
    paid = await counter.sell([article(1200)], by_voucher(code), cash(200))
    assert paid["total"] == eur(200)
    assert [each["amount"] for each in counter.published()["payments"]] == [eur(200)]
    assert counter.process_data() == "Beleg^2.00_0.00_0.00_0.00_0.00^2.00:Bar"


async def test_v16_its_use_adds_nothing_to_the_cash_report(counter: Counter) -> None:
    code = await counter.donated("10.00")
    await counter.sell([article(1000)], by_voucher(code))
    assert counter.published()["payments"] == []
    assert counter.process_data() == "Beleg^0.00_0.00_0.00_0.00_0.00^"


async def test_v16_the_discount_has_the_reason_and_the_serial(counter: Counter) -> None:
    code = await counter.donated("10.00", "Jubiläum")
    await counter.sell([article(1200)], by_voucher(code), cash(200))
    line = counter.published()["lines"][-1]
    assert (line["kind"], line["case"], line["reason"]) == ("discount", "Rabatt", "Jubiläum")
    assert line["voucher_serial"] == counter.published()["waivers"][0]["serial"]


async def test_v16_it_is_split_over_the_rates_of_the_goods_to_the_cent(counter: Counter) -> None:
    code = await counter.donated("10.00")
    await counter.sell([article(1000), article(500, "reduced")], by_voucher(code), cash(500))
    assert counter.vat() == {"standard": (333, 53), "reduced": (167, 11)}
    assert counter.process_data() == "Beleg^3.33_1.67_0.00_0.00_0.00^5.00:Bar"


async def test_v16_the_voucher_is_used_up_as_a_waiver(counter: Counter) -> None:
    code = await counter.donated("10.00", "Jubiläum")
    await counter.sell([article(400)], by_voucher(code))
    found, _ = await counter.vouchers.vouchers.look_up(code, source="test")
    assert found.balance == euro("6.00")
    log = await counter.vouchers.store.read(after=0, records_max=100)
    redeemed = [entry.event for entry in log if entry.name == "voucher.redeemed"]
    assert [event.waiver for event in redeemed] == ["Jubiläum"]  # type: ignore[attr-defined]  # by its name it is VoucherRedeemed


async def test_v16_beside_a_bought_one_only_the_bought_one_is_a_payment(counter: Counter) -> None:
    given, bought = await counter.donated("10.00"), await counter.bought(5000)
    paid = await counter.sell([article(3000)], by_voucher(given, bought))
    assert paid["total"] == eur(2000)
    assert counter.process_data() == "Beleg^20.00_0.00_0.00_0.00_-20.00^"


async def test_v16_it_never_lowers_the_price_of_a_voucher(counter: Counter) -> None:
    code = await counter.donated("10.00")
    no = await counter.refused([voucher_sale(1000)], by_voucher(code))
    assert no["code"] == "payment.voucher_buys_voucher"


async def test_v16_an_abort_gives_it_back(counter: Counter) -> None:
    code = await counter.donated("10.00")
    begun = await counter.sell([article(400)], by_voucher(code), finish=False)
    await counter.ask(f"/{begun['booking_id']}/abort")
    await counter.spread()
    found, now = await counter.vouchers.vouchers.look_up(code, source="test")
    assert found.available(now) == euro("10.00")


async def test_v16_the_receipt_shows_the_discount_and_no_payment(counter: Counter) -> None:
    code = await counter.donated("10.00", "Jubiläum")
    paid = await counter.sell([article(1200)], by_voucher(code), cash(200))
    await counter.print(paid["booking_id"])
    text = counter.paper("receipt").text
    for words in ("Rabatt", "-10,00 A", "Jubiläum", "Geschenkter Gutschein ****"):
        assert words in text
    assert "Restguthaben" not in text
