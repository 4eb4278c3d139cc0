from __future__ import annotations
from typing import Any
async def test_try(till: Any) -> None:
    page = till.page
    await till.go("sale")
    await page.wait_for_selector("#touch .keys, #touch .hint")
    await till.shot("sale-empty")
    print(await page.inner_text("#touch"))
    await till.accessible()
