"""The shell of the web till: pairing, languages, status, keys, revocation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from tests.browser.harness import AWAY, SCREENS, Shop, Till

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
    await screen.page.wait_for_selector("[data-page='sale']")
    await screen.page.reload()
    await screen.page.wait_for_selector("[data-page='sale']")
    cookie = next(c for c in await screen.context.cookies() if c["name"] == "kv_till")
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Strict")
    assert cookie["path"] == "/stores/berlin"
    await screen.close()


async def test_a_shift_is_opened_counted_blindly_and_closed_by_keyboard_alone(
    tills: Tills,
) -> None:
    till = await tills()
    page = await till.go("shift")
    await till.shot("shift-closed")
    await till.accessible()
    await page.keyboard.type("150,00")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("[data-page='sale']")
    await page.keyboard.press("Alt+3")
    await page.wait_for_selector(".state.ok")
    await page.keyboard.press("F5")
    await page.wait_for_selector("p.training")
    await till.shot("shift-training")
    await page.keyboard.press("F5")
    await page.wait_for_selector("p.training", state="detached")
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


async def test_a_cashier_signs_in_by_pin_by_pad_and_by_card(shop: Shop, tills: Tills) -> None:
    await shop.enrolled("7", "Ada Beispiel", pin="2468", card="CARD-ADA-0815")
    till = await tills()
    page = till.page
    await till.go("shift")
    await page.keyboard.press("Alt+l")
    await page.wait_for_selector("[data-page='cashier']")
    await till.settled()
    await till.shot("cashier")
    await till.accessible()
    await page.fill("#cashier", "7")
    await page.press("#cashier", "Enter")
    await page.keyboard.type("1111")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("[data-code='cashier.not_recognized']")
    await page.fill("#pin", "2468")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("[data-cashier='7']")
    assert await till.text("[data-cashier]") == "Ada Beispiel"
    await page.click(".who form:has(button[data-shortcut='Alt+L']) button")
    await page.wait_for_selector("[data-page='cashier']")

    await page.click(".people button >> text=Ada Beispiel")
    for digit in "2468":
        await page.click(f".pad button >> text='{digit}'")
    await page.click("main form button[type=submit]")
    await page.wait_for_selector("[data-cashier='7']")
    await page.keyboard.press("Alt+l")
    await page.wait_for_selector("[data-page='cashier']")

    await page.keyboard.type("CARD-ADA-0815\n")
    await page.wait_for_selector("[data-cashier='7']")


async def test_a_second_person_lends_a_right_for_one_act(shop: Shop, tills: Tills) -> None:
    await shop.enrolled("8", "Chefin", role="manager", pin="9753")
    till = await tills()
    page = await till.go("shift")
    await page.evaluate(
        "() => kv.approve('discount', 'Rabatt geben', (approval) => { window.lent = approval; })"
    )
    await till.shot("approval")
    await till.accessible()
    await page.keyboard.type("8")
    await page.keyboard.press("Tab")
    await page.keyboard.type("0000")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#approval .refusal:visible")
    await page.keyboard.type("9753")
    await page.keyboard.press("Enter")
    await page.wait_for_function("() => window.lent")
    assert not await page.locator("#approval").is_visible()


@pytest.mark.parametrize("language", ["de", "en"])
async def test_pages_fit_every_screen_and_are_accessible_in_both_languages(
    tills: Tills, language: str
) -> None:
    till = await tills(language=language)
    for path in ("shift", "cashier", "shift/cash", "receipts", "devices"):
        await till.go(path)
        await till.accessible()
        for size, (width, height) in SCREENS.items():
            await till.page.set_viewport_size({"width": width, "height": height})
            await till.whole_width()
            await till.shot(f"{path.replace('/', '-')}-{size}")
        assert await till.page.evaluate(SMALL) == []


SMALL = """() => [...document.querySelectorAll("button, a[role=button], input, select, nav a")]
    .filter((each) => each.checkVisibility() && each.type !== "hidden")
    .filter((each) => !["radio", "checkbox"].includes(each.type))
    .filter((each) => each.getBoundingClientRect().height < 44)
    .map((each) => each.outerHTML.slice(0, 100))"""
"""What a finger may miss: lower than 44 px."""


async def test_the_language_is_changed_on_the_page(tills: Tills) -> None:
    till = await tills(language="de")
    await till.go("shift")
    assert await till.text("h1") == "Schicht"
    await till.page.click(".language button")
    await till.page.wait_for_selector("html[lang=en]")
    assert await till.text("h1") == "Shift"


async def test_the_keys_of_a_page_are_listed(tills: Tills) -> None:
    till = await tills()
    await till.go("devices")
    await till.page.focus("#main")
    await till.page.keyboard.press("?")
    assert "Alt+3" in await till.text("#keys dl")
    await till.shot("keys")
    await till.accessible()
    await till.page.keyboard.press("Escape")
    assert not await till.page.locator("#keys").is_visible()


async def test_a_revoked_till_stops_at_once(shop: Shop, tills: Tills) -> None:
    till = await tills()
    await till.page.wait_for_selector("[data-status='tse']")
    await shop.whole.ask(
        "POST", f"/stores/berlin/v1/tills/{await till.till_id()}/revoke", {},
        token=shop.whole.token("manager"), key="revoke-it",
    )  # fmt: skip
    await till.page.wait_for_selector("[data-page='revoked']")
    await till.shot("revoked")
    await till.accessible()


async def test_a_cut_line_is_shown_with_what_to_do(tills: Tills) -> None:
    till = await tills()
    await till.page.wait_for_selector("[data-status='line'][data-level='ok']")
    AWAY.add("voucher")
    try:
        await till.page.wait_for_selector("[data-status='voucher'][data-level='bad']")
    finally:
        AWAY.clear()
    assert "Bar und Karte gehen weiter" in await till.text("#status")
    await till.shot("status-offline")
    await till.accessible()
