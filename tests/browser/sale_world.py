"""What the sale's browser tests sell, and with what they are paid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from playwright.async_api import Page, TimeoutError

from tests.browser.harness import Shop, Till

BOOK = "9783161484100"
"""GTIN of an article of 19,99 €."""
PEN = "4006381333931"
"""GTIN of an article of 3,33 €."""
CENTER = "4711"
CARD = "04A1B2C3D4E580"
ARTICLES: dict[str, dict[str, Any]] = {
    "buch": {"name": "Größenwahn: Roman", "price": 1999, "vat": "reduced", "gtins": [BOOK]},
    "stift": {"name": "Bleistift", "price": 333, "vat": "standard", "gtins": [PEN]},
    "karte": {"name": "Straßenkarte „Köln“", "price": 890, "vat": "reduced", "gtins": []},
    "kaffee": {"name": "Kaffee", "price": 290, "vat": "standard", "gtins": []},
    "anti": {"name": "Antiquarisches", "price": None, "vat": "reduced", "open_price": True},
}
KEYS = {
    "pages": [
        {
            "label": "Café",
            "keys": [
                {"label": "Kaffee", "position": 0, "sku": "kaffee", "colour": "brown"},
                {"label": "Antiquariat", "position": 1, "sku": "anti", "colour": "blue"},
                {"label": "Gutschein 25", "position": 2, "preset": 1},
                {"label": "Kostenstelle", "position": 3, "function": "pay_by_center_number"},
            ],
        },
        {"label": "Papier", "keys": [{"label": "Bleistift", "position": 0, "sku": "stift"}]},
    ]
}


def eur(minor: int) -> dict[str, Any]:
    return {"amount": minor, "currency": "EUR"}


@dataclass
class Counting:
    """Presses keys at a till, and counts them. What a scanner types is not pressed by anybody."""

    till: Till
    presses: int = 0
    taps: int = 0

    @property
    def page(self) -> Page:
        return self.till.page

    async def press(self, *keys: str) -> None:
        for key in keys:
            self.presses += 1
            await self.page.keyboard.press(key)

    async def write(self, text: str) -> None:
        """As people type: one key after the other, slower than a scanner."""
        for character in text:
            self.presses += 1
            await self.page.keyboard.press(character, delay=0)
            await self.page.wait_for_timeout(60)

    async def scan(self, text: str) -> None:
        await self.page.keyboard.type(text, delay=0)
        await self.page.keyboard.press("Enter")

    async def tap(self, selector: str) -> None:
        self.taps += 1
        await self.page.locator(selector).first.tap()

    async def shows(self, selector: str, text: str) -> None:
        """Waits until it stands there; the no-break space of money counts as a space."""
        js = (
            "([selector, text]) => [...document.querySelectorAll(selector)].some(each =>"
            " each.checkVisibility() &&"
            " ` ${each.innerText.replace(/\\s+/g, ' ')} `.includes(` ${text} `))"
        )
        try:
            await self.page.wait_for_function(js, arg=[selector, text])
        except TimeoutError as late:
            seen = await self.page.locator("main").inner_text()
            raise AssertionError(f"{text} does not stand in {selector}:\n{seen}") from late

    async def next_sale(self) -> None:
        """Not counted: the next customer's scan would do it too."""
        await self.page.keyboard.press("Enter")
        await self.page.wait_for_selector("#sale:not(:has([data-ended]))")


async def stocked(shop: Shop, store: str = "berlin") -> None:
    """List the articles, set the keys."""
    office = shop.whole.token("back_office")
    for sku, body in ARTICLES.items():
        price = body["price"]
        await shop.whole.ask(
            "PUT", f"/stores/{store}/v1/articles/{sku}",
            {**body, "price": None if price is None else eur(price)}, token=office, key=uuid4().hex,
        )  # fmt: skip
    await shop.whole.ask(
        "PUT", f"/stores/{store}/v1/touch-keys", KEYS, token=shop.whole.token("manager"),
        key=uuid4().hex,
    )  # fmt: skip


async def voucher(shop: Shop, minor: int, store: str = "berlin") -> str:
    """The code of a voucher that another till has just sold."""
    paired = await shop.whole.client.post(
        f"/stores/{store}/v1/pair",
        json={"code": await shop.pairing_code(store, "Nachbarkasse")},
        headers={"idempotency-key": uuid4().hex},
    )
    told = paired.json()
    body = {
        "lines": [{"kind": "voucher_sale", "name": "Gutschein", "quantity": "1",
                   "unit_price": eur(minor), "vat": "zero"}],
        "payments": [{"kind": "cash", "amount": eur(minor)}],
        "finish": True,
    }  # fmt: skip
    sold = await shop.whole.ask(
        "POST", f"/stores/{store}/v1/tills/{told['till_id']}/bookings", body,
        token=told["token"], key=uuid4().hex,
    )  # fmt: skip
    return str(sold["vouchers"][0]["code"])


async def terminal(till: Till, address: str) -> None:
    """A card terminal of this till's own."""
    await till.shop.whole.ask(
        "PUT", f"/stores/{till.store}/v1/devices/terminal-{uuid4().hex[:8]}",
        {"kind": "card_terminal", "name": "Terminal", "till_id": await till.till_id(),
         "address": address},
        token=till.shop.whole.token("manager"), key=uuid4().hex,
    )  # fmt: skip
