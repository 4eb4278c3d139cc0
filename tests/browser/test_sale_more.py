"""What comes into the sale otherwise: fees of a library's account, an extension, and scans that
somebody else's device has read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest_asyncio

from device_gateway.dates import shortcut
from tests.browser.harness import Shop, Till
from tests.browser.sale_world import BOOK, Counting, eur, stocked, voucher

Tills = Callable[..., Awaitable[Till]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(shop: Shop) -> Shop:
    await stocked(shop)
    return shop


@pytest_asyncio.fixture(loop_scope="session")
async def hand(world: Shop, tills: Tills) -> Counting:
    till = await tills()
    await till.go("sale")
    await till.page.wait_for_selector("#touch .keys")
    return Counting(till)


async def office(shop: Shop, path: str, body: object, method: str = "PUT") -> dict[str, object]:
    token = shop.whole.token("back_office")
    told: dict[str, object] = await shop.whole.ask(
        method, f"/voucher/v1/{path}", body, token=token, key=uuid4().hex
    )
    return told


async def with_fee(shop: Shop, account: str) -> None:
    await office(shop, f"accounts/{account}", {"legal_entity_id": "kette", "store_id": "berlin"})
    fee = {"kind": "annual", "amount": eur(1500), "due": "2026-01-31", "text": "Jahresgebühr"}
    await office(shop, f"accounts/{account}/fees/F1", fee)


async def fee_in_sale(hand: Counting, account: str) -> None:
    await hand.press("F10", "7")
    await hand.page.wait_for_selector("#dialog[open] [name=account]")
    await hand.write(account)
    await hand.press("Enter")
    await hand.page.wait_for_selector("#dialog[open] [name=fee]")
    await hand.till.shot("sale-fees-desk")
    await hand.till.accessible()
    await hand.press("Enter")
    await hand.shows("#open", "15,00 €")


async def test_a_fee_is_paid(hand: Counting) -> None:
    await with_fee(hand.till.shop, "4711")
    await fee_in_sale(hand, "4711")
    await hand.press("F1")
    await hand.shows("#change", "0,00 €")


async def test_a_fee_is_waived_for_a_reason(hand: Counting) -> None:
    await with_fee(hand.till.shop, "4712")
    await fee_in_sale(hand, "4712")
    await hand.press("F10", "w")
    await hand.page.fill("#dialog[open] [name=reason]", "Kulanz")
    await hand.press("Enter")
    await hand.shows("#change", "0,00 €")
    await hand.shows(".paid", "Summe 0,00 €")


async def test_v18_and_v28_a_voucher_extends_from_a_day_that_is_typed_as_j(hand: Counting) -> None:
    terms = {
        "funding": "donated",
        "reason": "geschenkt",
        "effect": {"entitlement": "library_card", "months": 12},
    }
    shop = hand.till.shop
    await office(shop, "templates/jahreskarte", {"name": "Jahreskarte", "terms": terms})
    body = {
        "voucher_id": f"v-{uuid4().hex[:8]}",
        "legal_entity_id": "kette",
        "store_id": "berlin",
        "template": "jahreskarte",
        "reason": "geschenkt",
        "value": eur(100),
    }
    code = str((await office(shop, "vouchers", body, "POST"))["code"])
    await hand.press("F10", "e")
    await hand.page.wait_for_selector("#dialog[open] [name=old_until]")
    await hand.page.fill("#dialog[open] [name=code]", code)
    await hand.page.fill("#dialog[open] [name=subject]", "reader-7")
    await hand.page.focus("#dialog[open] [name=old_until]")
    await hand.till.shot("sale-extend-desk")
    await hand.write("j")
    await hand.press("Enter")
    await hand.page.wait_for_selector("[data-new-until]")
    paid_until = await hand.page.get_attribute("#dialog [name=old_until]", "value")
    today = datetime.now(ZoneInfo("Europe/Berlin")).date()
    year = shortcut("j", today)
    assert year is not None
    extended = shortcut("j", year)
    assert paid_until == str(year)
    await hand.shows("#dialog .note", "Keine Gebühr wird gebucht.")
    await hand.till.shot("sale-extend-confirm-desk")
    await hand.till.accessible()
    await hand.press("Enter")
    await hand.shows("[data-line] .name", f"{extended:%d.%m.%Y}")
    await hand.press("Enter")
    await hand.page.wait_for_selector("[data-ended]")


async def told(till: Till, text: str) -> None:
    """A device of this till has read something: its screen hears of it by the live line."""
    await till.page.wait_for_function("() => !document.documentElement.matches('.kv-offline')")
    await till.shop.whole.ask(
        "POST", f"/stores/{till.store}/v1/tills/{await till.till_id()}/scans",
        {"text": text, "source": "camera", "tell": True}, token=await till.token(),
    )  # fmt: skip


async def test_a_scan_that_the_live_line_brings_is_sold_and_a_voucher_opens_its_dialog(
    hand: Counting,
) -> None:
    code = await voucher(hand.till.shop, 1000)
    await told(hand.till, BOOK)
    await hand.shows("#open", "19,99 €")
    await told(hand.till, code)
    await hand.page.wait_for_selector("#dialog[open] [name=scan]", state="attached")
    assert code not in await hand.page.content()
    await hand.till.shot("sale-scanned-voucher-desk")
    await hand.press("Enter")
    await hand.shows("#open", "9,99 €")
    await hand.till.shot("sale-voucher-part-desk")


async def test_an_order_cannot_be_looked_up_and_the_page_says_what_to_do(hand: Counting) -> None:
    await hand.press("F10", "8")
    await hand.page.wait_for_selector("#dialog[open] [name=number]")
    await hand.page.fill("#dialog[open] [name=number]", "K-1000")
    await hand.press("Enter")
    await hand.shows("#dialog .refusal", "noch einmal fragen.")
    await hand.till.shot("sale-pickup-desk")
    await hand.till.accessible()
