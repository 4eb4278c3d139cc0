"""An expiry run over HTTP and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from events.reaction import Incoming
from voucher.testing.shop import eur

if TYPE_CHECKING:
    from services.voucher.tests.conftest import Clock, Shop


async def test_a_run_takes_what_is_past_its_day_page_by_page(
    shop: Shop, clock: Clock, recorded: Callable[..., Incoming]
) -> None:
    for number in range(3):
        await shop.prepare(f"v{number}", 1000)
        await shop.hear(recorded(f"sale-v{number}", sells=[(f"v{number}", "10.00")]))
    await shop.catch_up()
    path, body = "/voucher/v1/expiry-runs/R1", {"legal_entity_id": "kette", "limit": 2}
    assert (await shop.send("POST", path, body, by="office")).json()["looked_at"] == 0
    clock.advance(days=1500)
    first = (await shop.send("POST", path, body, by="office")).json()
    assert (first["expired"], first["amount"], first["next_cursor"]) == (2, eur(2000), "v1")
    rest = {**body, "cursor": first["next_cursor"]}
    last = (await shop.send("POST", path, rest, by="office")).json()
    assert (last["expired"], last["amount"], last["next_cursor"]) == (1, eur(1000), None)
