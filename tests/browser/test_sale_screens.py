"""What the sale looks like: looked at by axe-core and kept as pictures, in both languages, at the
counter and on a tablet; and sold on without a mouse where a window or an answer was lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import pytest_asyncio

from tests.browser.harness import Shop, Till
from tests.browser.sale_world import BOOK, CARD, CENTER, PEN, Counting, stocked
from tests.support.office import Office

Tills = Callable[..., Awaitable[Till]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(shop: Shop) -> Shop:
    await stocked(shop)
    office = Office(shop.whole.client, shop.whole.token("back_office"))
    await office.center(CENTER, limit=50_000, code=CARD)
    return shop


@pytest.mark.parametrize(("language", "size"), [("de", "desk"), ("en", "tablet")])
async def test_every_screen_of_the_sale_is_accessible(
    world: Shop, tills: Tills, language: str, size: str
) -> None:
    till = await tills(language=language, size=size)
    hand = Counting(till)
    await till.go("sale")
    await till.page.wait_for_selector("#touch .keys")

    async def look(name: str) -> None:
        await till.shot(f"sale-{name}-{size}")
        await till.accessible()
        await till.whole_width()

    await look("empty")
    for count, code in enumerate((BOOK, BOOK, PEN), start=1):
        await hand.scan(code)
        await hand.page.wait_for_selector(f"[data-line]:nth-of-type({count})")
    await look("lines")
    await hand.press("F9")
    await hand.page.wait_for_selector("#dialog[open] [name=discount]")
    await look("line")
    await hand.press("Escape", "F4")
    await hand.page.wait_for_selector("#dialog[open] [name=code]")
    await hand.write("NICHTS-1")
    await hand.press("Enter")
    await hand.page.wait_for_selector("#dialog[open] [aria-invalid]")
    await look("voucher-refused")
    await hand.press("Escape", "F10")
    await hand.page.wait_for_selector("#dialog[open] .menu")
    await look("more")
    await hand.press("Escape")
    await hand.write("10")
    await hand.press("F1")
    await hand.page.wait_for_selector(".payment")
    await look("split")
    await hand.press("F5")
    await hand.page.wait_for_selector("#dialog[open] [name=number]")
    await hand.scan(CARD)
    await hand.page.wait_for_selector(".payment .who")
    await look("read-back")
    await hand.press("Enter")
    await hand.page.wait_for_selector("[data-ended] .paper pre")
    await look("ended")
    await hand.page.keyboard.press("Control+p")
    await hand.page.wait_for_selector(".cart .note")
    await look("copy")
    await hand.scan(PEN)
    await hand.page.wait_for_selector("[data-line]")
    await hand.write("5")
    await hand.press("F1")
    await hand.page.wait_for_selector("[data-ended] .paper svg")
    await look("change")


async def test_a_dead_line_to_the_till_server_loses_no_scan(world: Shop, tills: Tills) -> None:
    """The answer is lost on its way: the same request goes out again, and is one line."""
    till = await tills()
    await till.go("sale")
    hand, lost = Counting(till), 0

    async def lose(route: object) -> None:
        nonlocal lost
        lost += 1
        if lost == 1:
            await route.fetch()  # type: ignore[attr-defined]  # a route of Playwright
            await route.abort()  # type: ignore[attr-defined]
        else:
            await route.continue_()  # type: ignore[attr-defined]

    await till.page.route("**/sale/scan", lose)
    await till.page.route("**/sale/enter", lose)
    await hand.scan(BOOK)
    await hand.shows("#open", "19,99 €")
    assert await till.page.locator("[data-line]").count() == 1
    assert lost == 2
