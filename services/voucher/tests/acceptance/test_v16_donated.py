"""V16: a donated voucher brings no money in, and its use is a waiver with a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from money import euro
from voucher.events import VoucherIssued, VoucherRedeemed
from voucher.handlers import Wanted
from voucher.handlers.names import NeedsBooking, TermsImpossible

if TYPE_CHECKING:
    from services.voucher.tests.conftest import Shop, World


async def test_v16_nothing_is_paid_for_it_and_it_is_active_at_once(world: World) -> None:
    given = await world.give_away("v1", "10.00", reason="Tombola 2026")
    log = await world.store.read(after=0, records_max=10)
    (issued,) = [entry.event for entry in log if isinstance(entry.event, VoucherIssued)]
    assert (issued.terms.funding, issued.consideration) == ("donated", euro("0.00"))
    assert (issued.status, issued.sold_at) == ("active", None)
    assert given.voucher.balance == euro("10.00")


async def test_v16_its_use_is_a_waiver_with_the_reason(world: World) -> None:
    given = await world.give_away("v1", "10.00", reason="Tombola 2026")
    await world.pay(given.code, "4.00", "H1")
    log = await world.store.read(after=0, records_max=10)
    (spent,) = [entry.event for entry in log if isinstance(entry.event, VoucherRedeemed)]
    assert spent.waiver == "Tombola 2026"
    assert [use.consideration for use in spent.uses] == [euro("0.00")]


async def test_v16_a_voucher_that_is_paid_for_needs_a_booking(world: World) -> None:
    with pytest.raises(NeedsBooking):
        await world.vouchers.selling.give_away(
            world.ask(),
            voucher_id="v1",
            value=euro("10.00"),
            legal_entity_id="kette",
            store_id=None,
            wanted=Wanted(),
        )


async def test_v16_a_gift_names_its_reason(world: World) -> None:
    with pytest.raises(TermsImpossible):
        await world.prepare("v1", "10.00", funding="donated")


async def test_v16_the_till_hears_that_it_is_no_tender(shop: Shop, unique: str) -> None:
    body: dict[str, Any] = {
        "voucher_id": unique,
        "legal_entity_id": "kette",
        "value": {"amount": 1000, "currency": "EUR"},
        "reason": "Tombola 2026",
    }
    issued = await shop.send("POST", "/voucher/v1/vouchers", body, by="office")
    assert issued.status_code == 200
    held = await shop.hold(f"{unique}-H", issued.json()["code"], 400)
    assert held.json()["waiver"] == "Tombola 2026"
    wrong = {**body, "voucher_id": f"{unique}-2", "funding": "purchased", "reason": None}
    refused = await shop.send("POST", "/voucher/v1/vouchers", wrong, by="office")
    assert (refused.status_code, refused.json()["code"]) == (422, "voucher.needs_booking")
