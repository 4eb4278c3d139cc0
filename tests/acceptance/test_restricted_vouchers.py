"""Vouchers for some goods only pay for those lines, and each line is paid once: what is recorded,
what is signed and what stands on the receipt are the same."""

from __future__ import annotations

from typing import Any

from tests.support.counter import (
    Answer,
    Counter,
    article,
    article_voucher,
    by_voucher,
    cash,
    eur,
    single_purpose,
)

BOOK = article(800, "reduced", article_group="books")
AUDIOBOOK = article(1000, article_group="books")
PEN = article(2000, article_group="pens")


async def for_books(counter: Counter, minor: int) -> str:
    return await counter.bought(minor, template="buecher", value=eur(minor))


async def given_for_books(counter: Counter, value: str = "10.00") -> str:
    return await counter.donated(value, template="buecher-geschenk")


async def single(counter: Counter, minor: int, vat: str = "standard") -> str:
    sold = await counter.sell([single_purpose(minor, vat)], cash(minor))
    code: str = sold["vouchers"][0]["code"]
    return code


async def more(counter: Counter, begun: Answer, *payments: Answer) -> Answer:
    answer = await counter.ask(f"/{begun['booking_id']}/payments", {"payments": list(payments)})
    told: Answer = answer.json()
    return told


def discounts(counter: Counter) -> list[tuple[str, int]]:
    lines = counter.published()["lines"]
    return [(off["vat"], off["amount"]["amount"]) for off in lines if off["kind"] == "discount"]


def covers(counter: Counter) -> list[dict[str, int]]:
    return [
        {cover["line_id"]: cover["amount"]["amount"] for cover in paid.get("covers", ())}
        for paid in counter.published()["payments"]
    ]


def paid_by_vouchers(told: Answer) -> list[int]:
    return [each["amount"]["amount"] for each in told["payments"] if each["kind"] == "voucher"]


async def test_a_donated_voucher_lowers_its_own_goods_and_no_others(counter: Counter) -> None:
    code = await given_for_books(counter)
    paid = await counter.sell([BOOK, PEN], by_voucher(code), cash(2000))
    recorded = counter.published()
    assert [waiver["amount"] for waiver in recorded["waivers"]] == [eur(800)]
    assert discounts(counter) == [("reduced", -800)]
    assert counter.vat() == {"standard": (2000, 319), "reduced": (0, 0)}
    assert counter.process_data() == "Beleg^20.00_0.00_0.00_0.00_0.00^20.00:Bar"
    assert paid["total"] == eur(2000)


async def test_the_receipt_shows_the_same_vat_as_is_signed(counter: Counter) -> None:
    code = await given_for_books(counter, "3.00")
    paid = await counter.sell([BOOK, PEN], by_voucher(code), cash(2500))
    assert counter.vat() == {"standard": (2000, 319), "reduced": (500, 33)}
    assert counter.process_data() == "Beleg^20.00_5.00_0.00_0.00_0.00^25.00:Bar"
    await counter.print(paid["booking_id"])
    text = counter.paper("receipt").text
    for words in ("-3,00 B", "0,33", "3,19", "25,00"):
        assert words in text


async def test_a_donated_voucher_for_goods_of_two_rates_is_split_over_these(
    counter: Counter,
) -> None:
    code = await given_for_books(counter, "9.00")
    await counter.sell([BOOK, AUDIOBOOK, PEN], by_voucher(code), cash(2900))
    assert discounts(counter) == [("standard", -500), ("reduced", -400)]


async def test_two_vouchers_one_after_the_other_count_the_same_goods_once(
    counter: Counter,
) -> None:
    codes = [await for_books(counter, 500), await for_books(counter, 500)]
    paid = await counter.sell([BOOK, PEN], *map(by_voucher, codes), cash(2000))
    assert paid_by_vouchers(paid) == [500, 300]
    assert covers(counter) == [{"1": 500}, {"1": 300}, {}]


async def test_two_vouchers_together_count_the_same_goods_once(counter: Counter) -> None:
    codes = [await for_books(counter, 500), await for_books(counter, 500)]
    paid = await counter.sell([BOOK, PEN], by_voucher(*codes), cash(2000))
    assert sorted(paid_by_vouchers(paid)) == [300, 500]
    assert sorted(sum(each.values()) for each in covers(counter)) == [0, 300, 500]


async def test_a_third_voucher_finds_nothing_left_of_its_goods(counter: Counter) -> None:
    codes = [await for_books(counter, 500), await for_books(counter, 500)]
    begun = await counter.sell([BOOK, PEN], *map(by_voucher, codes), finish=False)
    told = await more(counter, begun, by_voucher(await for_books(counter, 500)))
    assert told["code"] == "voucher.not_usable"
    assert told["open_amount"] == eur(2000)


async def test_a_donated_and_a_bought_one_for_the_same_goods_share_them(counter: Counter) -> None:
    given, bought = await given_for_books(counter, "5.00"), await for_books(counter, 500)
    await counter.sell([BOOK, PEN], by_voucher(given), by_voucher(bought), cash(2000))
    assert counter.process_data() == "Beleg^20.00_3.00_0.00_0.00_-3.00^20.00:Bar"


async def test_the_same_single_purpose_voucher_twice_pays_all_that_it_can(
    counter: Counter,
) -> None:
    code = await single(counter, 3000)
    first = {**by_voucher(code), "amount": eur(1200)}
    paid = await counter.sell([PEN, AUDIOBOOK], first, by_voucher(code))
    assert paid_by_vouchers(paid) == [1200, 1800]
    assert counter.vat() == {"standard": (0, 0)}
    assert counter.process_data() == "Beleg^0.00_0.00_0.00_0.00_0.00^"


async def test_cash_first_leaves_the_book_to_the_voucher_for_books(counter: Counter) -> None:
    code = await given_for_books(counter)
    await counter.sell([BOOK, PEN], cash(2000), by_voucher(code))
    assert discounts(counter) == [("reduced", -800)]


async def test_a_voucher_for_everything_leaves_the_book_to_the_voucher_for_books(
    counter: Counter,
) -> None:
    everything, books = await counter.bought(2000), await given_for_books(counter)
    await counter.sell([BOOK, PEN], by_voucher(everything), by_voucher(books))
    assert discounts(counter) == [("reduced", -800)]
    assert counter.process_data() == "Beleg^20.00_0.00_0.00_0.00_-20.00^"


async def test_a_gift_for_everything_lowers_what_no_other_voucher_pays(counter: Counter) -> None:
    everything, books = await counter.donated("5.00"), await for_books(counter, 800)
    await counter.sell([BOOK, PEN], by_voucher(everything), by_voucher(books), cash(1500))
    assert discounts(counter) == [("standard", -500)]
    assert counter.process_data() == "Beleg^15.00_8.00_0.00_0.00_-8.00^15.00:Bar"


async def test_a_payment_that_is_open_again_leaves_its_goods_to_the_next(counter: Counter) -> None:
    lapsed, other = await given_for_books(counter), await given_for_books(counter)
    begun = await counter.sell([BOOK, PEN], by_voucher(lapsed), cash(2000), finish=False)
    await block(counter, lapsed)
    refused = await counter.ask(f"/{begun['booking_id']}/finish")
    assert refused.json()["code"] == "booking.open_amount"
    told = await more(counter, begun, by_voucher(other))
    assert [each["state"] for each in told["payments"]] == ["reopened", "settled", "held"]
    assert (await counter.ask(f"/{begun['booking_id']}/finish")).status_code == 200
    assert discounts(counter) == [("reduced", -800)]


async def block(counter: Counter, code: str) -> None:
    found, _ = await counter.vouchers.vouchers.look_up(code, source="test")
    await counter.vouchers.vouchers.office.block(
        counter.vouchers.ask(), serial=found.serial, reason="lost", note=None
    )


async def test_goods_that_come_later_are_open_to_a_second_voucher(counter: Counter) -> None:
    codes = [await for_books(counter, 2000), await for_books(counter, 2000)]
    begun = await counter.sell([BOOK], by_voucher(codes[0]), finish=False)
    await counter.ask(f"/{begun['booking_id']}/lines", {"lines": [AUDIOBOOK]})
    await more(counter, begun, by_voucher(codes[1]))
    assert (await counter.ask(f"/{begun['booking_id']}/finish")).status_code == 200
    assert covers(counter) == [{"1": 800}, {"2": 1000}]


async def test_a_lost_answer_covers_the_same_lines_when_it_is_repeated(counter: Counter) -> None:
    code = await given_for_books(counter, "9.00")
    counter.line.loses = 1
    await counter.sell([BOOK, AUDIOBOOK, PEN], by_voucher(code), cash(2900))
    assert discounts(counter) == [("standard", -500), ("reduced", -400)]


async def test_an_article_voucher_and_a_single_purpose_one_share_the_goods_of_their_vat(
    counter: Counter,
) -> None:
    code = await single(counter, 3000)
    pair: Any = article_voucher(500, "GS-BUCH-EINLOESEN", "reduced")
    paid = await counter.sell([BOOK, PEN, pair], by_voucher(code), cash(300))
    assert paid_by_vouchers(paid) == [2000]
    assert counter.vat() == {"standard": (0, 0), "reduced": (300, 20)}
