"""Delivered on account: signed as a receivable, and on a slip that the customer signs."""

from __future__ import annotations

from typing import Any

import pytest_asyncio

from kassenverbund.chain_file import load_chain
from kassenverbund.kit.chain import Chain
from tests.support.counter import Counter, article, cash, eur, open_counter
from tests.support.program import ROOT

MEAL = [article(980, vat="reduced")]


def owed(minor: int | None = None, kind: str = "customer") -> dict[str, Any]:
    paid: dict[str, Any] = {
        "kind": "on_account",
        "payer": {"id": "kunde-17", "kind": kind, "reference": "Bestellung 7"},
    }
    return paid if minor is None else {**paid, "amount": eur(minor)}


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def office() -> Counter:
    said = load_chain(ROOT / "chain.yaml").model_dump(mode="json", by_alias=True)
    said["cost_centers"]["slip"] = True
    return await open_counter(Chain.model_validate(said))


async def test_a_delivery_on_account_is_signed_without_a_payment(office: Counter) -> None:
    await office.sell(MEAL, owed())
    assert office.process_data() == "Beleg^0.00_0.00_0.00_0.00_0.00^"
    assert office.vat() == {"reduced": (980, 64)}


async def test_cash_pays_what_a_third_party_does_not(office: Counter) -> None:
    await office.sell(MEAL, owed(700, "third_party"), cash(280))
    assert office.process_data() == "Beleg^0.00_2.80_0.00_0.00_0.00^2.80:Bar"


async def test_a_delivery_that_comes_back_is_signed_with_the_opposite_sign(
    office: Counter,
) -> None:
    sold = await office.sell(MEAL, owed(700), cash(280))
    line = {"booking_id": sold["booking_id"], "line_id": "1", "quantity": "1", "reason": "kalt"}
    await office.book(returns=[line], finish=True)
    assert office.process_data() == "Beleg^0.00_-2.80_0.00_0.00_0.00^-2.80:Bar"


async def test_the_customer_signs_a_slip_beside_the_receipt(office: Counter) -> None:
    sold = await office.sell(MEAL, owed())
    await office.print(sold["booking_id"])
    slip = office.paper("center_slip").text
    for said in (
        "Auf Rechnung geliefert",
        "Kunde kunde-17",
        "Bestellung 7",
        "9,80",
        "Unterschrift",
    ):
        assert said in slip
    receipt = office.paper("receipt").text
    assert "Auf Rechnung" in receipt
    assert "Unterschrift" not in receipt
