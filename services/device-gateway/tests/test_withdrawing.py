"""A payment is taken back before the sale is recorded."""

from __future__ import annotations

from typing import Any


async def _open(till: Any, words: Any, *payments: Any) -> tuple[str, Any]:
    begun = (await till.post("", {"lines": [words.article(1600)]})).json()
    path = f"/{begun['booking_id']}"
    told = begun
    for paid in payments:
        told = (await till.post(f"{path}/payments", {"payments": [paid]})).json()
    return path, told


async def test_cash_that_is_taken_back_is_open_again_and_is_not_recorded(
    rig: Any, till: Any, words: Any
) -> None:
    path, told = await _open(till, words, words.cash(600))
    paid = told["payments"][0]["payment_id"]
    back = await till.post(f"{path}/payments/{paid}/release")
    assert (back.status_code, back.json()["open_amount"]) == (200, words.eur(1600)), back.text
    await till.post(f"{path}/payments", {"payments": [words.card(1600)]})
    await till.post(f"{path}/finish")
    assert [each.kind for each in rig.events("booking.recorded")[0].payments] == ["card"]


async def test_a_voucher_that_is_taken_back_can_be_spent_again_at_once(
    rig: Any, till: Any, words: Any
) -> None:
    rig.vouchers.sell("A", 1000)
    path, told = await _open(till, words, words.voucher("A"))
    paid = told["payments"][0]["payment_id"]
    await till.post(f"{path}/payments/{paid}/release")
    assert rig.vouchers.available("A") == 1000
    again = await till.post(f"{path}/payments", {"payments": [words.voucher("A")]})
    assert again.json()["open_amount"] == words.eur(600)


async def test_a_release_that_gets_no_answer_stays_due(rig: Any, till: Any, words: Any) -> None:
    rig.vouchers.sell("A", 1000)
    path, told = await _open(till, words, words.voucher("A"))
    rig.vouchers.failing = ["away"] * 10
    paid = told["payments"][0]["payment_id"]
    back = await till.post(f"{path}/payments/{paid}/release")
    assert back.json()["open_amount"] == words.eur(1600)
    booking = await rig.gateway.booking(path.strip("/"))
    assert [each.payment_id for each in booking.releases_due] == [paid]


async def test_what_was_never_paid_cannot_be_taken_back(till: Any, words: Any) -> None:
    path, _ = await _open(till, words)
    answer = await till.post(f"{path}/payments/nothing/release")
    assert (answer.status_code, answer.json()["code"]) == (404, "payment.not_there")
