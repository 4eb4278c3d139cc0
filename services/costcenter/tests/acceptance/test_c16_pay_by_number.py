"""C16: pay by the number of a center. The till's half: `tests/acceptance`."""

from __future__ import annotations

from costcenter.testing.shop import Shop, eur, problem


async def test_c16_4711_settles_the_sale(shop: Shop, unique: str) -> None:
    answer = await shop.hold(unique, {"center_number": "4711"}, "9.80")
    assert (answer.status_code, answer.json()["amount"]) == (200, eur("9.80"))


async def test_c16_9999_is_refused(shop: Shop, unique: str) -> None:
    answer = await shop.hold(unique, {"center_number": "9999"}, "9.80")
    assert problem(answer) == (404, "center.unknown")
