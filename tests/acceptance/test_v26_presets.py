"""V26: central values 10/25/50 are on the keys of all tills without a restart; a store may have its
own."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from tests.support.counter import Answer, Counter, cash, eur

KEYS = {
    "pages": [
        {
            "label": "Gutscheine",
            "keys": [
                {"label": "Klein", "position": 0, "preset": 0},
                {"label": "Mittel", "position": 1, "preset": 1},
                {"label": "Groß", "position": 2, "preset": 2},
            ],
        }
    ]
}


async def preset(counter: Counter, scope: str, *values: int) -> None:
    answer = await counter.behind.put(
        f"/voucher/v1/presets/{scope}",
        json={"values": [eur(value) for value in values]},
        headers={"authorization": "Bearer office", "idempotency-key": uuid4().hex},
    )
    assert answer.status_code == 200, answer.text


async def shown(counter: Counter, store: str = "berlin") -> list[int]:
    """The values on the keys of a store's tills."""
    answer = await counter.client.get(
        f"/stores/{store}/v1/touch-keys", headers={"authorization": "Bearer office"}
    )
    told: Any = answer.json()
    return [key["price"]["amount"] for page in told["pages"] for key in page["keys"]]


async def test_v26_a_changed_value_is_on_the_key_when_it_is_looked_at(counter: Counter) -> None:
    assert (await counter.office("PUT", "touch-keys/chain", KEYS)).status_code == 200
    await preset(counter, "chain", 1000, 2500, 5000)
    assert [await shown(counter), await shown(counter, "koeln")] == [[1000, 2500, 5000]] * 2
    await preset(counter, "chain", 2000, 4000)
    assert await shown(counter) == [2000, 4000]


async def test_v26_a_store_has_values_and_keys_of_its_own(counter: Counter) -> None:
    await counter.office("PUT", "touch-keys/chain", KEYS)
    await preset(counter, "chain", 1000, 2500, 5000)
    await preset(counter, "berlin", 1500)
    assert [await shown(counter), await shown(counter, "koeln")] == [[1500], [1000, 2500, 5000]]
    one = {"pages": [{"label": "A", "keys": [{"label": "B", "position": 0, "preset": 0}]}]}
    own = await counter.office("PUT", "touch-keys", one, token="manager")
    assert (own.json()["scope"], [len(page["keys"]) for page in own.json()["pages"]]) == (
        "berlin", [1],
    )  # fmt: skip
    back = await counter.office("PUT", "touch-keys", {"pages": []}, token="manager")
    assert back.json()["scope"] == "chain"


async def test_v26_a_key_sells_a_voucher_of_its_value(counter: Counter) -> None:
    await counter.office("PUT", "touch-keys/chain", KEYS)
    await preset(counter, "chain", 1000, 2500, 5000)
    key: Answer = (await counter.office("GET", "touch-keys")).json()["pages"][0]["keys"][1]
    line = {"kind": key["kind"], "name": key["label"], "unit_price": key["price"]}
    done = await counter.sell([{**line, "vat": key["vat"]}], cash(2500))
    assert done["vouchers"][0]["value"] == eur(2500)


async def test_v26_without_the_voucher_service_the_other_keys_are_shown(counter: Counter) -> None:
    await counter.office("PUT", "touch-keys/chain", KEYS)
    counter.line.down = True
    answer = await counter.office("GET", "touch-keys")
    assert (answer.status_code, answer.json()["presets"]) == (200, [])
