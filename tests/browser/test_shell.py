"""The shell of the web till: pairing, languages, status, keys, revocation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from tests.browser.harness import Shop, Till

Tills = Callable[..., Awaitable[Till]]


async def test_a_browser_becomes_a_till_by_a_code_and_stays_one(shop: Shop) -> None:
    screen = await shop.screen()
    await screen.go()
    assert screen.page.url.endswith("/till/pair")
    await screen.shot("pair")
    await screen.accessible()
    await screen.page.fill("#code", "BBBB-BBBB")
    await screen.page.keyboard.press("Enter")
    await screen.page.wait_for_selector("[data-code='pairing.unknown']")
    await screen.shot("pair-refused")
    code = await shop.pairing_code()
    await screen.page.fill("#code", f"{code[:4].lower()}-{code[4:]}")
    await screen.page.keyboard.press("Enter")
    await screen.page.wait_for_selector("[data-page='shift']")
    await screen.page.reload()
    await screen.page.wait_for_selector("[data-page='shift']")
    cookie = next(c for c in await screen.context.cookies() if c["name"] == "kv_till")
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Strict")
    assert cookie["path"] == "/stores/berlin"
    await screen.close()


async def test_a_shift_is_opened_counted_blindly_and_closed_by_keyboard_alone(
    tills: Tills,
) -> None:
    till = await tills()
    page = till.page
    await till.shot("shift-closed")
    await till.accessible()
    await page.keyboard.type("150,00")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".state.ok")
    await till.shot("shift-open")
    await till.accessible()

    await page.keyboard.press("F2")
    await page.wait_for_selector("[data-page='cash']")
    await till.shot("cash")
    await till.accessible()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Tab")
    await page.keyboard.type("12.50")
    await page.keyboard.press("Tab")
    await page.keyboard.type("Briefmarken")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".paper pre")
    assert "12,50" in await till.text(".paper")
    await till.settled()
    await till.shot("cash-slip")
    await till.accessible()

    await till.go("shift/x")
    assert "Zwischenstand" in await till.text(".paper")
    await till.shot("x-report")
    await till.accessible()

    await till.go("shift/close")
    await till.settled()
    assert "137,50" not in await till.text("main")
    for pieces in ("", "", "1", "", "1", "1"):
        await page.keyboard.type(pieces)
        await page.keyboard.press("Enter")
    await till.shot("close")
    await till.accessible()
    assert "130,00\u00a0€" in await till.text(".sum")
    await page.focus("#skim")
    await page.keyboard.type("30")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("[data-page='closed']")
    assert "-7,50\u00a0€" in await till.text(".figures .bad")
    await page.wait_for_selector(".paper svg")
    await till.settled()
    await till.shot("closed")
    await till.accessible()
