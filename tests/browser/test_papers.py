"""Receipts, copies, printers and papers that need somebody, in the browser."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.browser.harness import Till

Tills = Callable[..., Awaitable[Till]]


async def sold(till: Till, key: str = "sale") -> dict[str, Any]:
    """A sale of one book for cash, as another program at the same till would book it."""
    whole, token = till.shop.whole, await till.token()
    base = f"/stores/{till.store}/v1/tills/{await till.till_id()}/bookings"
    line = {"kind": "article", "sku": "b-1", "name": "Straßenkarte Köln", "quantity": "1",
            "unit_price": {"amount": 1999, "currency": "EUR"}, "vat": "reduced"}  # fmt: skip
    begun = await whole.ask("POST", base, {"lines": [line]}, token=token, key=f"{key}-1")
    booking = f"{base}/{begun['booking_id']}"
    cash = {"kind": "cash", "amount": {"amount": 2000, "currency": "EUR"}}
    await whole.ask(
        "POST", f"{booking}/payments", {"payments": [cash]}, token=token, key=f"{key}-2"
    )
    done = await whole.ask("POST", f"{booking}/finish?wait_s=5", {}, token=token, key=f"{key}-3")
    assert isinstance(done, dict)
    return done


@pytest.mark.parametrize("language", ["de", "en"])
async def test_receipts_are_found_shown_and_copied_by_keyboard(tills: Tills, language: str) -> None:
    till = await tills(language=language)
    page = till.page
    done = await sold(till)
    await till.go("receipts")
    await page.wait_for_selector(f"[data-booking='{done['booking_id']}']")
    await till.shot("receipts")
    await till.accessible()
    await page.focus("#number")
    await page.keyboard.type(str(done["number"]))
    await page.keyboard.press("Enter")
    await page.click(f"[data-booking='{done['booking_id']}'] a")
    await page.wait_for_selector(".paper svg")
    assert "Straßenkarte Köln" in await till.text(".paper")
    await till.settled()
    await till.shot("receipt")
    await till.accessible()
    await page.keyboard.press("F2")
    await page.wait_for_selector(".toast")
    await till.shot("receipt-copied")
    await page.wait_for_function(
        """async () => (await (await fetch(location.href)).text()).includes('class="badge"')"""
    )
    await page.reload()
    assert "KOPIE" in await till.text(".paper")
    await till.shot("receipt-copy")


@pytest.mark.parametrize("language", ["de", "en"])
async def test_devices_are_shown_and_a_printer_is_tried(tills: Tills, language: str) -> None:
    till = await tills(language=language)
    page = till.page
    await till.go("devices")
    await page.wait_for_selector("[data-printer='bon-berlin-1']")
    await till.accessible()
    await till.whole_width()
    await page.click("[data-printer='bon-berlin-1'] button")
    await page.wait_for_selector(".toast")
    await till.shot("devices")


@pytest.mark.parametrize("language", ["de", "en"])
async def test_a_paper_that_is_perhaps_there_asks_for_somebody(tills: Tills, language: str) -> None:
    """Its printer's line broke in the middle: it is not repeated by itself."""
    till = await tills(store="hamburg", language=language)
    page = till.page
    await till.go("shift")
    await sold(till)
    await page.wait_for_selector("[data-status='unprinted'][data-level='bad']")
    await till.shot("status-unprinted")
    await page.click("[data-status='unprinted'] a")
    await page.wait_for_selector("[data-job]")
    await till.settled()
    await till.shot("attention")
    await till.accessible()
    await till.whole_width()
    job = await page.get_attribute("[data-job]", "data-job")
    await page.click("[data-job] form.inline button")
    await page.wait_for_selector(f"[data-job='{job}']", state="detached")
