"""C12: the type of a card is `customer` unless somebody says otherwise."""

from __future__ import annotations

from costcenter.testing.office import Office


async def test_a_card_is_a_customers_card_by_default(office: Office) -> None:
    await office.groups(1, {4: ("Kostenstellen", "cost_center")})
    center = await office.center("4711")
    card = await office.card("4711", center)
    special = await office.card("4712", center, type="service")
    types = [(await office.done("GET", f"/cards/{one}"))["card"]["type"] for one in (card, special)]
    assert types == ["customer", "service"]
