"""V02: a multi-purpose voucher is taxed when it pays, a single-purpose one when it is sold."""

from __future__ import annotations

from tests.support.counter import (
    Counter,
    article,
    by_voucher,
    cash,
    eur,
    single_purpose,
    voucher_sale,
)

BOOK_AND_PEN = [article(2000, "reduced"), article(3000)]


async def test_v02_a_multi_purpose_voucher_is_sold_without_vat(counter: Counter) -> None:
    await counter.sell([voucher_sale(5000)], cash(5000))
    assert counter.vat() == {"zero": (5000, 0)}
    assert counter.process_data() == "Beleg^0.00_0.00_0.00_0.00_50.00^50.00:Bar"


async def test_v02_its_redemption_is_taxed_by_what_it_buys(counter: Counter) -> None:
    code = await counter.bought(5000)
    await counter.sell(BOOK_AND_PEN, by_voucher(code))
    assert counter.vat() == {"standard": (3000, 479), "reduced": (2000, 131)}
    assert counter.process_data() == "Beleg^30.00_20.00_0.00_0.00_-50.00^"


async def test_v02_a_single_purpose_voucher_is_taxed_when_it_is_sold(counter: Counter) -> None:
    await counter.sell([single_purpose(5000, "standard")], cash(5000))
    assert counter.vat() == {"standard": (5000, 798)}
    assert counter.published()["lines"][0]["case"] == "EinzweckgutscheinKauf"
    assert counter.process_data() == "Beleg^50.00_0.00_0.00_0.00_0.00^50.00:Bar"


async def test_v02_its_redemption_is_not_taxed_again(counter: Counter) -> None:
    sold = await counter.sell([single_purpose(5000, "standard")], cash(5000))
    paid = await counter.sell([article(5000)], by_voucher(sold["vouchers"][0]["code"]))
    assert paid["total"] == eur(5000)
    assert counter.vat() == {"standard": (0, 0)}
    assert counter.published()["payments"][0]["case"] == "EinzweckgutscheinEinloesung"
    assert counter.process_data() == "Beleg^0.00_0.00_0.00_0.00_0.00^"


async def test_v02_a_single_purpose_voucher_of_seven_per_cent_as_in_the_fiscal_patterns(
    counter: Counter,
) -> None:
    sold = await counter.sell([single_purpose(2000, "reduced")], cash(2000))
    assert counter.process_data() == "Beleg^0.00_20.00_0.00_0.00_0.00^20.00:Bar"
    await counter.sell([article(2000, "reduced")], by_voucher(sold["vouchers"][0]["code"]))
    assert counter.process_data() == "Beleg^0.00_0.00_0.00_0.00_0.00^"


async def test_v02_it_pays_for_goods_of_its_vat_only(counter: Counter) -> None:
    sold = await counter.sell([single_purpose(5000, "standard")], cash(5000))
    code = sold["vouchers"][0]["code"]
    await counter.sell(BOOK_AND_PEN, by_voucher(code), cash(2000))
    paid = counter.published()["payments"]
    assert [payment["amount"] for payment in paid] == [eur(3000), eur(2000)]
    assert counter.vat() == {"standard": (0, 0), "reduced": (2000, 131)}
    assert counter.process_data() == "Beleg^0.00_20.00_0.00_0.00_0.00^20.00:Bar"


async def test_v02_two_of_them_never_pay_for_more_than_the_goods_of_their_vat(
    counter: Counter,
) -> None:
    first = await counter.sell([single_purpose(2000, "standard")], cash(2000))
    second = await counter.sell([single_purpose(2000, "standard")], cash(2000))
    codes = [sold["vouchers"][0]["code"] for sold in (first, second)]
    await counter.sell(BOOK_AND_PEN, by_voucher(codes[0]), by_voucher(codes[1]), cash(2000))
    assert counter.vat() == {"standard": (0, 0), "reduced": (2000, 131)}


async def test_v02_where_there_is_nothing_of_its_vat_it_is_refused(counter: Counter) -> None:
    sold = await counter.sell([single_purpose(5000, "standard")], cash(5000))
    no = await counter.refused([article(2000, "reduced")], by_voucher(sold["vouchers"][0]["code"]))
    assert no["code"] == "voucher.not_usable"


async def test_v02_a_single_purpose_voucher_without_vat_is_refused(counter: Counter) -> None:
    no = await counter.refused([single_purpose(5000, "zero")], cash(5000))
    assert no["code"] == "line.refused"


async def test_v02_a_multi_purpose_voucher_with_vat_is_refused(counter: Counter) -> None:
    no = await counter.refused([voucher_sale(5000, "standard")], cash(5000))
    assert no["code"] == "line.refused"


async def test_v02_the_receipt_says_why_the_vat_is_not_there(counter: Counter) -> None:
    sold = await counter.sell([single_purpose(5000, "standard")], cash(5000))
    paid = await counter.sell([article(5000)], by_voucher(sold["vouchers"][0]["code"]))
    await counter.print(paid["booking_id"])
    text = counter.paper("receipt").text
    assert "Einzweck-Gutschein, beim Kauf mit 19% versteuert" in " ".join(text.split())


async def test_v02_the_slip_names_goods_and_vat(counter: Counter) -> None:
    sold = await counter.sell([single_purpose(2000, "reduced", "Bücher")], cash(2000))
    await counter.print(sold["booking_id"])
    slip = counter.paper("voucher_slips").text
    for words in ("Einzweck-Gutschein", "für Bücher", "inkl. 7% MwSt.", "31.12.2029"):
        assert words in slip
