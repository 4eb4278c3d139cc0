"""A cashier's ten most frequent acts, with the number of key presses that each takes, and of taps
for those that are done by touch. What a scanner types is pressed by nobody.

The numbers stand in `docs/web-till.md`, from which these tests take them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

import pytest_asyncio

from device_gateway.testing.terminal import TerminalSimulator
from tests.browser.harness import ROOT, Shop, Till
from tests.browser.sale_world import (
    BOOK,
    CARD,
    CENTER,
    PEN,
    Counting,
    stocked,
    terminal,
    voucher,
)
from tests.support.office import Office

ROW = re.compile(r"^\| (?P<act>[^|]+) \| (?P<keys>[0-9]+)[^|]*\| (?P<taps>[0-9–]+)[^|]*\|", re.M)


def promised(act: str) -> tuple[str, str]:
    """(key presses, taps) as the page for cashiers says."""
    page = (ROOT / "docs" / "web-till.md").read_text(encoding="utf-8")
    return {row["act"].strip(): (row["keys"], row["taps"].strip()) for row in ROW.finditer(page)}[
        act
    ]


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
    assert str(hand.presses) == promised("Scan and pay cash exactly")[0]


async def test_cash_with_change(hand: Counting) -> None:
    await hand.scan(BOOK)
    await hand.shows("#open", "19,99 €")
    await hand.write("50")
    await hand.press("F1")
    await hand.shows("#change", "30,01 €")
    assert str(hand.presses) == promised("Cash with change")[0]


async def test_three_of_one_article(hand: Counting) -> None:
    await hand.write("3*")
    await hand.scan(PEN)
    await hand.shows("#open", "9,99 €")
    assert str(hand.presses) == promised("Three of one article")[0]


async def test_search_and_sell(hand: Counting) -> None:
    await hand.write("/str")
    await hand.shows("#found", "Straßenkarte „Köln“")
    await hand.press("Enter")
    await hand.shows("#open", "8,90 €")
    assert str(hand.presses) == promised("Search and sell")[0]


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
    await hand.shows(".balance strong", "noch 0,00 €")
    assert str(hand.presses) == promised("A voucher in part, cash the rest")[0]


async def test_a_cost_center_by_card_is_read_back_before_it_pays(hand: Counting) -> None:
    await hand.scan(PEN)
    await hand.shows("#open", "3,33 €")
    await hand.press("F5")
    await hand.page.wait_for_selector("#dialog[open] input[name=code]")
    await hand.scan(CARD)
    await hand.shows(".payment .who", "Empfang (4711)")
    await hand.shows(".payment small", "Monatsbudget: noch 496,67 €")
    await hand.press("Enter")
    await hand.page.wait_for_selector("[data-ended]")
    assert str(hand.presses) == promised("Cost center by card")[0]


async def test_a_voucher_is_sold(hand: Counting) -> None:
    await hand.press("F10", "6")
    await hand.page.wait_for_selector("#dialog[open] input[name=value]")
    await hand.write("25")
    await hand.press("Enter")
    await hand.shows("#open", "25,00 €")
    await hand.press("F1")
    await hand.page.wait_for_selector("[data-ended]")
    assert str(hand.presses) == promised("Sell a voucher")[0]


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
    assert str(hand.presses - len(number) + 1) == promised("Goods back by their receipt")[0]


async def test_a_line_is_voided(hand: Counting) -> None:
    await hand.scan(BOOK)
    await hand.shows("#open", "19,99 €")
    await hand.scan(PEN)
    await hand.shows("#open", "23,32 €")
    await hand.press("Delete")
    await hand.shows("#open", "19,99 €")
    assert str(hand.presses) == promised("Void a line")[0]


async def test_a_card_pays_at_the_terminal(hand: Counting) -> None:
    async with TerminalSimulator() as simulator:
        await terminal(hand.till, simulator.address)
        async with asyncio.timeout(10):
            while not await hand.page.locator("form[action$='/sale/terminal']").count():
                await hand.till.go("sale")
        await hand.scan(BOOK)
        await hand.shows("#open", "19,99 €")
        await hand.press("F2")
        await hand.page.wait_for_selector("[data-ended]")
        assert simulator.debits == [1999]
    assert str(hand.presses) == promised("Card terminal")[0]


async def test_the_same_by_touch(world: Shop, tills: Tills) -> None:
    """A tablet, no keyboard: keys of the screen and the number pad."""
    till = await tills(size="tablet", touch=True)
    await till.go("sale")
    await till.page.wait_for_selector("#touch .keys")
    hand, counted = Counting(till), dict[str, str]()

    async def done(act: str) -> None:
        counted[act], hand.taps = str(hand.taps), 0

    await hand.scan(BOOK)
    await hand.shows("#open", "19,99 €")
    await hand.tap("text=Bar >> nth=0")
    await hand.page.wait_for_selector("[data-ended]")
    await done("Scan and pay cash exactly")
    await hand.scan(BOOK)
    await hand.shows("#open", "19,99 €")
    await hand.tap(".note-key:has-text('50,00')")
    await hand.shows("#change", "30,01 €")
    await done("Cash with change")
    for typed in ("3", "*"):
        await hand.tap(f"[data-type='{typed}']")
    await hand.scan(PEN)
    await hand.shows("#open", "9,99 €")
    await done("Three of one article")
    await hand.tap("[data-line][aria-current] [data-on-line='Delete']")
    await hand.shows("#open", "0,00 €")
    await done("Void a line")
    await hand.tap(".key:has-text('Kaffee')")
    await hand.shows("#open", "2,90 €")
    await hand.tap("[data-shortcut='F5']")
    await hand.page.wait_for_selector("#dialog[open] input[name=code]")
    await hand.scan(CARD)
    await hand.shows(".payment .who", "Empfang (4711)")
    hand.taps -= 1  # The coffee is another act.
    await hand.tap("[data-enter]")
    await hand.page.wait_for_selector("[data-ended]")
    await done("Cost center by card")
    assert counted == {act: promised(act)[1] for act in counted}
