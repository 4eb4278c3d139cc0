"""A refusal says which sale stays open, so that its till can pay otherwise or abort it."""

from __future__ import annotations

from typing import Any

import pytest

from device_gateway.decider.refusals import CashShort


async def test_a_finish_that_is_refused_names_the_sale(till: Any, words: Any) -> None:
    begun = (await till.post("", {"lines": [words.article(500)]})).json()
    refused = await till.post(f"/{begun['booking_id']}/finish")
    assert (refused.status_code, refused.json()["code"]) == (409, "booking.open_amount")
    assert refused.json()["booking_id"] == begun["booking_id"]
    assert refused.json()["open_amount"] == words.eur(500)


async def test_an_abort_that_is_refused_names_the_sale(till: Any, words: Any) -> None:
    sold = (await till.post("", words.sale([words.article(500)], words.cash(500)))).json()
    refused = (await till.post(f"/{sold['booking_id']}/abort")).json()
    assert (refused["booking_id"], refused["state"]) == (sold["booking_id"], "closed")


async def test_a_repeat_that_is_refused_before_it_goes_on_names_the_sale(
    rig: Any, till: Any, words: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.vouchers.sell("A", 1000)
    rig.vouchers.failing = ["", *["away"] * 10]
    sale = words.sale([words.article(1000)], words.voucher("A"))
    begun = (await till.post("", sale, key="K")).json()

    async def short(*_: Any, **__: Any) -> None:
        raise CashShort(in_drawer=words.eur(0))

    monkeypatch.setattr("device_gateway.api.bookings.may_settle", short)
    refused = (await till.post("", sale, key="K")).json()
    assert (refused["code"], refused["booking_id"]) == ("till.cash_short", begun["booking_id"])


async def test_a_refusal_that_leaves_nothing_behind_names_nothing(till: Any, words: Any) -> None:
    refused = await till.post("", words.sale([words.article(500)], words.card(900)))
    assert refused.status_code in (409, 422)
    assert "booking_id" not in refused.json()


async def test_what_is_held_and_not_confirmed_can_be_taken_back_and_paid_in_cash(
    rig: Any, till: Any, words: Any
) -> None:
    rig.vouchers.sell("A", 1000)
    rig.vouchers.failing = ["", *["away"] * 10]
    refused = (await till.post("", words.sale([words.article(1000)], words.voucher("A")))).json()
    path = f"/{refused['booking_id']}"
    assert (refused["code"], refused["open_amount"]) == ("voucher.unavailable", words.eur(0))
    for held in refused["held"]:
        await till.post(f"{path}/payments/{held}/release")
    await till.post(f"{path}/payments", {"payments": [words.cash(1000)]})
    assert (await till.post(f"{path}/finish")).json()["state"] == "recorded"
    assert [each.kind for each in rig.events("booking.recorded")[0].payments] == ["cash"]
