"""A cashier's ten most frequent acts, with the number of key presses that each takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest_asyncio

from tests.browser.harness import Shop, Till
from tests.browser.sale_world import BOOK, CARD, CENTER, PEN, Counting, stocked, voucher
from tests.support.office import Office

Tills = Callable[..., Awaitable[Till]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(shop: Shop) -> Shop:
    await stocked(shop)
    office = Office(shop.whole.client, shop.whole.token("back_office"))
    await office.center(CENTER, limit=50_000, code=CARD)
    return shop


@pytest_asyncio.fixture(loop_scope="session")
async def hand(world: Shop, tills: Tills) -> Counting:
    """Somebody at a till, with the sale before them."""
    till = await tills()
    await till.go("sale")
    await till.page.wait_for_selector("#touch .keys")
    return Counting(till)


async def test_scan_and_pay_cash_exactly(hand: Counting) -> None:
    await hand.scan(BOOK)
    await hand.shows("#open", "19,99 €")
    await hand.press("F1")
    await hand.shows("#change", "0,00 €")
    assert hand.presses == 1


async def test_cash_with_change(hand: Counting) -> None:
    await hand.scan(BOOK)
    await hand.shows("#open", "19,99 €")
    await hand.write("50")
    await hand.press("F1")
    await hand.shows("#change", "30,01 €")
    assert hand.presses == 3


async def test_three_of_one_article(hand: Counting) -> None:
    await hand.write("3*")
    await hand.scan(PEN)
    await hand.shows("#open", "9,99 €")
    assert hand.presses == 2


async def test_search_and_sell(hand: Counting) -> None:
    await hand.write("/str")
    await hand.shows("#found", "Straßenkarte „Köln“")
    await hand.press("Enter")
    await hand.shows("#open", "8,90 €")
    assert hand.presses == 5


async def test_a_voucher_pays_in_part_and_cash_the_rest(hand: Counting) -> None:
    code = await voucher(hand.till.shop, 1000)
    await hand.scan(BOOK)
    await hand.shows("#open", "19,99 €")
    await hand.press("F4")
    await hand.page.wait_for_selector("#dialog[open] input[name=code]")
    await hand.scan(code)
    await hand.shows("#open", "9,99 €")
    await hand.press("F1")
    await hand.shows("#change", "0,00 €")
    await hand.shows(".balance strong", "0,00 € left")
    assert hand.presses == 2


async def test_a_cost_center_by_card_is_read_back_before_it_pays(hand: Counting) -> None:
    await hand.scan(PEN)
    await hand.shows("#open", "3,33 €")
    await hand.press("F5")
    await hand.page.wait_for_selector("#dialog[open] input[name=code]")
    await hand.scan(CARD)
    await hand.shows(".payment .who", "Empfang (4711)")
    await hand.shows(".payment small", "Monatsbudget: 496,67 € left")
    await hand.press("Enter")
    await hand.page.wait_for_selector("[data-ended]")
    assert hand.presses == 2


async def test_a_voucher_is_sold(hand: Counting) -> None:
    await hand.press("F10", "6")
    await hand.page.wait_for_selector("#dialog[open] input[name=value]")
    await hand.write("25")
    await hand.press("Enter")
    await hand.shows("#open", "25,00 €")
    await hand.press("F1")
    await hand.page.wait_for_selector("[data-ended]")
    assert hand.presses == 6


async def test_goods_come_back_by_their_receipt(hand: Counting) -> None:
    await hand.scan(BOOK)
    await hand.shows("#open", "19,99 €")
    await hand.press("F1")
    await hand.shows("#change", "0,00 €")
    number = (await hand.till.text(".paid")).split("·")[0].split()[-1]
    hand.presses = 0
    await hand.press("F10", "4")
    await hand.page.wait_for_selector("#dialog[open] input[name=receipt]")
    await hand.write(number)
    await hand.press("Enter")
    await hand.page.wait_for_selector("#dialog[open] input[name=reason]")
    await hand.press("Enter")
    await hand.shows("#open", "19,99 €")
    await hand.press("F1")
    await hand.page.wait_for_selector("[data-ended]")
    assert hand.presses == 5 + len(number)
