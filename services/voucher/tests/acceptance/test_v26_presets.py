"""V26: central presets 10/25/50.00 appear on all tills without restart; a store may override."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voucher.testing.desk import Desk


def eur(*amounts: int) -> list[dict[str, Any]]:
    return [{"amount": amount, "currency": "EUR"} for amount in amounts]


async def shown(desk: Desk, store: str) -> tuple[list[dict[str, Any]], bool]:
    """What a till of the store shows when it asks again: no restart, no waiting."""
    answer = (await desk.get("/v1/presets", by="gateway", store=store)).json()
    return answer["values"], answer["own"]


async def test_central_presets_appear_on_all_tills_and_a_store_may_override(desk: Desk) -> None:
    chain = await desk.send("PUT", "/v1/presets/chain", {"values": eur(1000, 2500, 5000)})
    assert chain.status_code == 200
    for store in ("berlin", "koeln", "hamburg"):
        assert await shown(desk, store) == (eur(1000, 2500, 5000), False)

    await desk.send("PUT", "/v1/presets/koeln", {"values": eur(1500)})
    assert await shown(desk, "koeln") == (eur(1500), True)
    assert await shown(desk, "berlin") == (eur(1000, 2500, 5000), False)

    await desk.send("PUT", "/v1/presets/chain", {"values": eur(2000)})
    assert await shown(desk, "berlin") == (eur(2000), False)
    assert await shown(desk, "koeln") == (eur(1500), True)

    await desk.send("PUT", "/v1/presets/koeln", {"values": []})
    assert await shown(desk, "koeln") == (eur(2000), False)


async def test_back_office_of_one_store_sets_its_own_only(desk: Desk) -> None:
    own = await desk.send("PUT", "/v1/presets/koeln", {"values": eur(700)}, by="store-office")
    other = await desk.send("PUT", "/v1/presets/berlin", {"values": eur(700)}, by="store-office")
    everyone = await desk.send("PUT", "/v1/presets/chain", {"values": eur(700)}, by="store-office")
    assert (own.status_code, other.status_code, everyone.status_code) == (200, 403, 403)
    cashier = (await desk.get("/v1/presets", by="cashier")).json()
    assert (cashier["scope"], cashier["values"]) == ("koeln", eur(700))
    await desk.send("PUT", "/v1/presets/koeln", {"values": []})
