"""V01: a voucher as two plain articles. Nobody keeps a balance, and no voucher record exists."""

from __future__ import annotations

from tests.support.counter import Counter, article, article_voucher, cash, eur


async def test_v01_twenty_five_sold_is_a_line_without_tax(counter: Counter) -> None:
    sold = await counter.sell([article_voucher(2500, "GS-VERKAUF")], cash(2500))
    assert sold["total"] == eur(2500)
    assert counter.vat() == {"zero": (2500, 0)}
    assert counter.published()["lines"][0]["case"] == "MehrzweckgutscheinKauf"
    assert counter.process_data() == "Beleg^0.00_0.00_0.00_0.00_25.00^25.00:Bar"


async def test_v01_thirty_of_goods_less_twenty_five_cost_five_and_tax_on_thirty(
    counter: Counter,
) -> None:
    lines = [article(3000), article_voucher(2500, "GS-EINLOESEN")]
    paid = await counter.sell(lines, cash(500))
    assert paid["total"] == eur(500)
    assert counter.vat() == {"standard": (3000, 479), "zero": (-2500, 0)}
    redemption = counter.published()["lines"][1]
    assert (redemption["amount"], redemption["case"]) == (
        eur(-2500), "MehrzweckgutscheinEinloesung",
    )  # fmt: skip
    assert counter.process_data() == "Beleg^30.00_0.00_0.00_0.00_-25.00^5.00:Bar"


async def test_v01_no_voucher_record_exists(counter: Counter) -> None:
    await counter.sell([article_voucher(2500, "GS-VERKAUF")], cash(2500))
    assert await counter.vouchers.names() == []


async def test_v01_a_taxed_pair_is_single_purpose(counter: Counter) -> None:
    await counter.sell([article_voucher(2000, "GS-BUCH-VERKAUF", "reduced")], cash(2000))
    assert counter.published()["lines"][0]["case"] == "EinzweckgutscheinKauf"
    assert counter.vat() == {"reduced": (2000, 131)}


async def test_v01_a_taxed_pair_is_taxed_once(counter: Counter) -> None:
    lines = [article(2000, "reduced"), article_voucher(2000, "GS-BUCH-EINLOESEN", "reduced")]
    await counter.sell(lines)
    assert counter.vat() == {"reduced": (0, 0)}
    assert counter.process_data() == "Beleg^0.00_0.00_0.00_0.00_0.00^"


async def test_v01_a_total_below_zero_is_refused_and_nothing_is_stored(counter: Counter) -> None:
    before = len(counter.log.log)
    lines = [article(2000), article_voucher(2500, "GS-EINLOESEN")]
    assert (await counter.refused(lines))["code"] == "booking.negative"
    assert len(counter.log.log) == before


async def test_v01_no_article_voucher_pays_for_a_voucher(counter: Counter) -> None:
    lines = [article_voucher(2500, "GS-VERKAUF"), article_voucher(2500, "GS-EINLOESEN")]
    assert (await counter.refused(lines))["code"] == "payment.voucher_buys_voucher"


async def test_v01_an_article_that_the_chain_does_not_declare_is_refused(counter: Counter) -> None:
    lines = [article_voucher(2500, "GS-IRGENDWAS")]
    assert (await counter.refused(lines, cash(2500)))["code"] == "line.refused"


async def test_v01_another_vat_than_declared_is_refused(counter: Counter) -> None:
    lines = [article_voucher(2500, "GS-VERKAUF", "standard")]
    assert (await counter.refused(lines, cash(2500)))["code"] == "line.refused"


async def test_v01_a_taxed_article_voucher_pays_for_goods_of_its_vat_only(
    counter: Counter,
) -> None:
    lines = [article(2000), article_voucher(2000, "GS-BUCH-EINLOESEN", "reduced")]
    assert (await counter.refused(lines))["code"] == "booking.negative"
