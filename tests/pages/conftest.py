"""A till's page at a counter of its own: gateway, vouchers and cost centers over memory stores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from device_gateway.testing.window import Window
from tests.support.counter import Counter, eur, open_counter

ARTICLES: dict[str, dict[str, Any]] = {
    "buch": {"name": "Buch", "price": eur(1999), "vat": "reduced"},
    "heft": {"name": "Heft", "price": eur(1700), "vat": "standard"},
    "pfand": {"name": "Pfand Flasche", "price": eur(25), "vat": "standard", "kind": "deposit"},
    "abholen": {"name": "Abholung", "price": None, "vat": "zero", "kind": "function",
                "function": "order_pickup"},
}  # fmt: skip


@pytest_asyncio.fixture(loop_scope="session")
async def counter() -> AsyncIterator[Counter]:
    opened = await open_counter()
    for sku, body in ARTICLES.items():
        answer = await opened.office("PUT", f"articles/{sku}", body)
        assert answer.status_code == 200, answer.text
    yield opened
    await opened.client.aclose()


@pytest_asyncio.fixture(loop_scope="session")
async def window(counter: Counter) -> Window:
    return await Window(counter.client, counter.token).load()
