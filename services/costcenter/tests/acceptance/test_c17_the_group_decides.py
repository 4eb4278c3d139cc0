"""C17: a card is scanned like any other; its group's mode makes it a booking on a center."""

from __future__ import annotations

from costcenter.testing.shop import Shop


async def test_c17_a_scan_tells_the_till_how_the_card_pays(shop: Shop, unique: str) -> None:
    physical, prepaid = f"QR-{unique}-4", f"QR-{unique}-2"
    await shop.world.card(f"{unique}-4", "4711", code=physical, medium="qr")
    await shop.world.card(f"{unique}-2", None, group=(1, 2), code=prepaid, medium="qr")
    modes = {}
    for code in (physical, prepaid):
        body = {"card": {"code": code}, "store_id": "berlin"}
        modes[code] = (await shop.send("POST", "/v1/lookups", body)).json()["mode"]
    assert modes == {physical: "cost_center", prepaid: "prepaid"}
    assert (await shop.hold(unique, {"code": physical}, "9.80")).status_code == 200
