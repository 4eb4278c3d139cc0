"""C11: card numbers are free and unique: card 4711 for center 4711 is fine, a second one is not."""

from __future__ import annotations

from costcenter.testing.office import Office
from costcenter.testing.shop import problem

MODES = {4: ("Kostenstellen", "cost_center")}


async def test_the_center_and_its_card_may_have_one_number(office: Office) -> None:
    await office.groups(1, MODES)
    center = await office.center("4711")
    await office.card("4711", center)
    shown = await office.get(f"/centers/{center}")
    assert [card["number"] for card in shown["cards"]] == [shown["center"]["number"]]


async def test_a_second_card_of_one_number_is_refused(office: Office) -> None:
    await office.groups(1, MODES)
    center, other = await office.center("4711"), await office.center("4800")
    await office.card("4711", center)
    body = {
        "number": office.number("4711"), "kind": "virtual", "center_id": other,
        "main_group": office.group(1), "user_group": 4,
    }  # fmt: skip
    refused = await office.send("PUT", f"/cards/second{office.prefix}", body)
    assert problem(refused) == (409, "card.number_taken")
