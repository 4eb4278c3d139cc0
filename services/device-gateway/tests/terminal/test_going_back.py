"""Money goes back to a card: cancellations, returns, sales that are given up; the end of day."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

REVERSAL, REFUND = 0x0630, 0x0631


def kinds(counter: Any) -> list[tuple[str, int]]:
    return [(each.kind, each.amount) for each in counter.terminal.journal]


async def cancel(counter: Any, booking_id: str, key: str | None = None) -> Any:
    return await counter.till.post(
        f"/{booking_id}/cancellation", {"reason": "falsch"}, key=key or uuid4().hex
    )


async def with_cash(counter: Any) -> None:
    """So much cash that a sale can be given back."""
    body = counter.sale()
    body["payments"] = [{"kind": "cash", "amount": {"amount": 2889, "currency": "EUR"}}]
    assert (await counter.till.post("", body)).json()["state"] == "recorded"


async def test_the_newest_payment_is_reversed_when_its_sale_is_cancelled(counter: Any) -> None:
    sold = (await counter.sell()).json()
    told = (await cancel(counter, sold["booking_id"])).json()
    assert (told["state"], told["kind"], told["open_amount"]["amount"]) == (
        "recorded", "cancellation", 0,
    )  # fmt: skip
    assert kinds(counter) == [("payment", 2889), ("reversal", 2889)]
    back = counter.recorded()[-1].payments[0]
    assert (back.kind, back.amount.amount, back.terminal.trace) == ("card", -2889, "000078")


async def test_an_older_payment_is_refunded_when_its_sale_is_cancelled(counter: Any) -> None:
    sold = (await counter.sell()).json()
    await counter.sell(500)
    await cancel(counter, sold["booking_id"])
    assert kinds(counter)[-1] == ("refund", 2889)


async def test_after_an_end_of_day_nothing_is_reversed(counter: Any) -> None:
    sold = (await counter.sell()).json()
    await counter.rig.http.post(
        f"/stores/berlin/v1/terminals/{counter.terminal_id}/end-of-day",
        headers={"authorization": "Bearer manager", "idempotency-key": uuid4().hex},
    )
    await cancel(counter, sold["booking_id"])
    assert kinds(counter) == [("refund", 2889)]


async def test_a_refused_reversal_pays_nothing_out_and_cash_may_go_instead(counter: Any) -> None:
    sold = (await counter.sell()).json()
    counter.acts("decline")
    refused = await cancel(counter, sold["booking_id"], key=f"{counter.terminal_id}-c")
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (409, "card.declined")
    assert len(counter.recorded()) == 1
    await with_cash(counter)
    told = (await counter.till.post(f"/{problem['booking_id']}/finish", {"refund": "cash"})).json()
    assert told["state"] == "recorded"
    assert [(paid.kind, paid.amount.amount) for paid in counter.recorded()[-1].payments] == [
        ("cash", -2889)
    ]


async def give_back(counter: Any, sold: Any, **more: Any) -> Any:
    line = {"booking_id": sold["booking_id"], "line_id": "1", "quantity": "1", "reason": "defekt"}
    return await counter.till.post("", {"returns": [line], "finish": True} | more)


async def test_goods_that_come_back_are_refunded_to_the_card(counter: Any) -> None:
    sold = (await counter.sell()).json()
    told = (await give_back(counter, sold, refund="card")).json()
    assert (told["state"], told["kind"]) == ("recorded", "return")
    assert kinds(counter) == [("payment", 2889), ("refund", 2889)]
    assert counter.recorded()[-1].payments[0].terminal.receipt_number == "0043"


async def test_a_refund_that_is_unknown_is_no_second_one(counter: Any) -> None:
    sold = (await counter.sell()).json()
    counter.acts("drop_before")
    counter.terminal.repeats = "empty"
    problem = (await give_back(counter, sold, refund="card")).json()
    assert problem["code"] == "payment.unknown"
    again = await counter.till.post(f"/{problem['booking_id']}/finish", {"refund": "card"})
    assert again.json()["code"] == "payment.at_terminal"
    assert kinds(counter) == [("payment", 2889), ("refund", 2889)]


async def test_what_was_paid_in_cash_never_goes_to_a_terminal(counter: Any) -> None:
    body = counter.sale()
    body["payments"] = [{"kind": "cash", "amount": {"amount": 2889, "currency": "EUR"}}]
    sold = (await counter.till.post("", body)).json()
    told = (await give_back(counter, sold, refund="card")).json()
    assert told["state"] == "recorded"
    assert counter.terminal.heard == []


async def test_a_sale_that_is_given_up_gives_the_card_its_money_back_first(counter: Any) -> None:
    open_ = (await counter.sell(finish=False)).json()
    aborted = (await counter.till.post(f"/{open_['booking_id']}/abort")).json()
    assert aborted["state"] == "aborted"
    assert kinds(counter) == [("payment", 2889), ("reversal", 2889)]


async def test_a_sale_whose_card_cannot_get_its_money_back_stays_open(counter: Any) -> None:
    open_ = (await counter.sell(finish=False)).json()
    counter.acts("decline")
    refused = await counter.till.post(f"/{open_['booking_id']}/abort")
    assert refused.json()["code"] == "card.declined"
    assert (await counter.told(open_["booking_id"]))["state"] == "open"
    again = await counter.till.post(f"/{open_['booking_id']}/abort")
    assert again.json()["state"] == "aborted"


async def test_giving_up_a_sale_aborts_at_the_terminal_first(counter: Any) -> None:
    counter.acts("wait")
    key = uuid4().hex
    selling = asyncio.create_task(counter.sell(key=key))
    await counter.terminal.began.wait()
    [booking_id] = {
        entry.event.booking_id
        for entry in counter.rig.store.log[counter.begin :]
        if entry.name == "booking.started"
    }
    aborted = (await counter.till.post(f"/{booking_id}/abort")).json()
    assert aborted["state"] == "aborted"
    assert (await selling).status_code == 409
    assert kinds(counter) == []


async def test_an_end_of_day_keeps_the_terminals_totals(counter: Any) -> None:
    await counter.sell()
    headers = {"authorization": "Bearer manager", "idempotency-key": uuid4().hex}
    path = f"/stores/berlin/v1/terminals/{counter.terminal_id}/end-of-day"
    told = (await counter.rig.http.post(path, headers=headers)).json()
    assert told["total"]["amount"] == 2889
    assert [(row["card_type"], row["count"]) for row in told["totals"]] == [("girocard", 1)]
    assert told["text"] == ["Kassenschnitt", "girocard"]
    assert (await counter.rig.http.post(path, headers=headers)).json() == told
    assert counter.names().count("terminal.reconciled") == 1


async def test_a_card_of_a_terminal_of_its_own_has_its_receipt_number(counter: Any) -> None:
    paid = {
        "terminal": None,
        "receipt_number": "4711",
        "amount": {"amount": 2889, "currency": "EUR"},
    }
    told = (await counter.sell(**paid)).json()
    assert told["state"] == "recorded"
    assert counter.recorded()[-1].payments[0].receipt_number == "4711"
    assert counter.terminal.heard == []
