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
