"""Goods delivered on account: the receivable in the books, its slip, and what comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from device_gateway.handlers.paper import queue_papers
from device_gateway.handlers.stores import declare_stores
from kassenverbund.kit.chain import Chain

MEANS = {"kind": "on_account", "name": "Auf Rechnung", "fiscal": "Keine"}
PAYER = {"id": "kunde-17", "kind": "customer", "reference": "Bestellung 7"}


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def office(make_rig: Any, chain: Chain) -> AsyncIterator[Any]:
    """A store that delivers on account, and gives a slip for it."""
    rig = make_rig()
    said = chain.model_dump(mode="json", by_alias=True)
    said["means_of_payment"].append(MEANS)
    said["cost_centers"]["slip"] = True
    await declare_stores(rig.gateway, Chain.model_validate(said))
    yield rig
    await rig.http.aclose()


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def desk(office: Any) -> Any:
    return await office.paired("berlin", "till-1")


def owed(minor: int | None = None, **payer: str) -> dict[str, Any]:
    paid: dict[str, Any] = {"kind": "on_account", "payer": {**PAYER, **payer}}
    return paid if minor is None else {**paid, "amount": {"amount": minor, "currency": "EUR"}}


def recorded(office: Any) -> Any:
    return office.events("booking.recorded")[-1]


async def test_what_is_delivered_on_account_is_a_receivable_over_the_vat_of_its_goods(
    office: Any, desk: Any, words: Any
) -> None:
    lines = [words.article(1000), words.article(500, vat="reduced")]
    told = (await desk.post("", words.sale(lines, owed()))).json()
    assert (told["state"], told["open_amount"]["amount"]) == ("recorded", 0)
    paid = recorded(office).payments[0]
    assert (paid.kind, paid.fiscal, paid.case, paid.case_name) == (
        "on_account", "Keine", "Forderungsentstehung", "Kunde",
    )  # fmt: skip
    assert [(part.dsfinvk_key, part.rate, part.gross.amount) for part in paid.parts] == [
        (1, 1900, 1000), (2, 700, 500),
    ]  # fmt: skip
    assert (paid.payer.id, paid.payer.kind, paid.payer.reference) == (
        "kunde-17", "customer", "Bestellung 7",
    )  # fmt: skip
    number = office.events("till.number_given")[-1]
    assert number.payments == ()
    assert sum(total.gross.amount for total in number.totals) == 0


async def test_a_third_party_owes_under_a_name_of_its_own(
    office: Any, desk: Any, words: Any
) -> None:
    sale = words.sale([words.article(1000)], owed(400, kind="third_party"), words.cash(600))
    assert (await desk.post("", sale)).json()["state"] == "recorded"
    assert recorded(office).payments[0].case_name == "Kostenträger"


async def test_a_voucher_is_not_sold_on_account(office: Any, desk: Any, words: Any) -> None:
    refused = await desk.post("", words.sale([words.voucher_sale(1000)], owed()))
    assert (refused.status_code, refused.json()["code"]) == (409, "payment.account_buys_voucher")


async def test_a_store_that_does_not_deliver_on_account_says_so(
    office: Any, till: Any, words: Any
) -> None:
    refused = await till.post("", words.sale([words.article(1000)], owed()))
    assert refused.json()["code"] == "payment.kind_unknown"


async def test_a_payer_belongs_to_what_is_on_account_alone(desk: Any, words: Any) -> None:
    sale = words.sale([words.article(1000)], {**words.cash(1000), "payer": PAYER})
    assert (await desk.post("", sale)).status_code == 422


async def test_goods_that_come_back_are_taken_off_what_is_owed(
    office: Any, desk: Any, words: Any
) -> None:
    sold = (await desk.post("", words.sale([words.article(1000)], owed()))).json()
    line = {"booking_id": sold["booking_id"], "line_id": "1", "quantity": "1", "reason": "defekt"}
    told = (await desk.post("", {"returns": [line], "finish": True})).json()
    assert told["kind"] == "return"
    [back] = recorded(office).payments
    assert (back.kind, back.amount.amount, back.payer.id) == ("on_account", -1000, "kunde-17")
    assert [part.gross.amount for part in back.parts] == [-1000]
    totals = {total.case: total for total in office.events("till.number_given")[-1].totals}
    assert totals["Umsatz"].tax.amount == -160
    assert totals["Forderungsentstehung"].tax.amount == 160


async def test_what_a_cost_center_gets_back_has_the_tax_of_its_goods(
    office: Any, desk: Any, words: Any
) -> None:
    office.centers.limits["4711"] = 50_000
    office.centers.cards["4711"] = "4711"
    sale = words.sale([words.article(1000)], words.center(center_number="4711"))
    sold = (await desk.post("", sale)).json()
    line = {"booking_id": sold["booking_id"], "line_id": "1", "quantity": "1", "reason": "defekt"}
    await desk.post("", {"returns": [line], "finish": True})
    totals = {total.case: total for total in office.events("till.number_given")[-1].totals}
    assert totals["Umsatz"].tax.amount == -160
    assert totals["Forderungsentstehung"].tax.amount == 160


async def test_a_cancelled_sale_is_owed_by_nobody(office: Any, desk: Any, words: Any) -> None:
    sold = (await desk.post("", words.sale([words.article(1000)], owed()))).json()
    await desk.post(f"/{sold['booking_id']}/cancellation", {"reason": "falsch"})
    assert [(paid.kind, paid.amount.amount) for paid in recorded(office).payments] == [
        ("on_account", -1000)
    ]


async def test_its_slip_is_a_paper_of_its_own(office: Any, desk: Any, words: Any) -> None:
    sold = (await desk.post("", words.sale([words.article(1000)], owed()))).json()
    await office.sign(sold["booking_id"])
    booking = await office.gateway.booking(sold["booking_id"])
    await queue_papers(office.gateway, booking, note=True)
    papers = [
        event.document
        for event in office.events("receipt.queued")
        if event.booking_id == sold["booking_id"]
    ]
    assert papers == ["receipt", "center_slip"]
    assert (await desk.get(f"/{sold['booking_id']}/center-slip.txt")).status_code == 200


async def test_a_booking_without_a_charge_has_no_slip(desk: Any, words: Any) -> None:
    sold = (await desk.post("", words.sale([words.article(100)], words.cash(100)))).json()
    refused = await desk.get(f"/{sold['booking_id']}/center-slip.txt")
    assert (refused.status_code, refused.json()["code"]) == (404, "slip.none")
