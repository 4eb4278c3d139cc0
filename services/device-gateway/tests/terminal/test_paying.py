"""Card payments through a terminal: taken, refused, aborted, lost and resolved."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from device_gateway.adapters.zvt.session import ZvtLink
from device_gateway.testing.terminals import IMPATIENT, QUICK


async def test_a_card_pays_what_is_open_and_the_receipt_keeps_what_the_terminal_said(
    counter: Any,
) -> None:
    told = (await counter.sell()).json()
    assert (told["state"], told["payments"][0]["amount"]["amount"]) == ("recorded", 2889)
    paid = counter.recorded()[-1].payments[0]
    assert (paid.kind, paid.fiscal, paid.terminal.terminal_id) == (
        "card", "Unbar", counter.terminal_id,
    )  # fmt: skip
    assert (paid.terminal.trace, paid.terminal.receipt_number) == ("000077", "0042")
    assert (paid.terminal.masked_pan, paid.terminal.card_type) == ("1234", "girocard")
    assert paid.terminal.at == counter.rig.clock()
    assert paid.terminal.text == ("** Kundenbeleg **", "Betrag 28.89 EUR")
    assert counter.terminal.debits == [2889]


async def test_the_intent_is_stored_before_the_terminal_is_asked_and_its_status_before_the_end(
    counter: Any,
) -> None:
    await counter.sell()
    assert counter.names() == [
        "payment.requested", "terminal.asked", "terminal.told", "payment.accepted",
        "terminal.answered",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("act", "code"),
    [("decline", "card.declined"), ("busy", "card.declined")],
)
async def test_a_card_that_is_declined_leaves_the_amount_open(
    counter: Any, act: str, code: str
) -> None:
    counter.acts(act)
    refused = await counter.sell()
    problem = refused.json()
    assert (refused.status_code, problem["code"], problem["state"]) == (409, code, "open")
    assert problem["open_amount"]["amount"] == 2889
    again = await counter.till.post(
        f"/{problem['booking_id']}/payments", {"payments": [{"kind": "card", "terminal": True}]}
    )
    assert again.json()["open_amount"]["amount"] == 0
    assert counter.terminal.debits == [2889]


async def test_a_terminal_that_is_away_was_asked_for_nothing(counter: Any) -> None:
    counter.terminal.away = True
    refused = await counter.sell()
    assert (refused.status_code, refused.json()["code"]) == (503, "terminal.away")
    assert counter.names() == ["payment.requested", "payment.refused"]


async def test_a_till_without_a_terminal_says_so_and_stores_nothing(counter: Any) -> None:
    counter.rig.gateway.terminals.devices.known.clear()
    refused = await counter.sell()
    assert (refused.status_code, refused.json()["code"]) == (404, "terminal.unknown")
    assert len(counter.rig.store.log) == counter.begin


async def test_a_slow_terminal_may_take_its_time(counter: Any) -> None:
    counter.acts("slow")
    assert (await counter.sell()).json()["state"] == "recorded"


@pytest.mark.parametrize("act", ["drop_unbooked", "mute", "garbage"])
async def test_what_cannot_be_found_out_is_unknown_and_nothing_is_asked_twice(
    counter: Any, act: str
) -> None:
    counter.acts(act)
    counter.rig.gateway.terminals.link = ZvtLink(patience=IMPATIENT if act == "mute" else QUICK)
    answer = await counter.sell(key=counter.terminal_id)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "payment.unknown")
    again = await counter.sell(key=counter.terminal_id)
    assert again.json()["code"] == "payment.unknown"
    assert counter.terminal.heard.count(0x0601) == 1
    assert counter.terminal.debits == []
    told = await counter.told(problem["booking_id"])
    assert (told["state"], told["payments"][0]["state"]) == ("open", "unknown")


@pytest.mark.parametrize("act", ["drop_before", "drop_after", "no_status"])
async def test_a_payment_whose_answer_was_lost_is_found_in_the_terminals_newest_receipt(
    counter: Any, act: str
) -> None:
    counter.acts(act)
    assert (await counter.sell()).json()["state"] == "recorded"
    assert counter.terminal.debits == [2889]


async def test_a_terminal_that_cannot_repeat_a_receipt_leaves_it_unknown(counter: Any) -> None:
    counter.acts("drop_after")
    counter.terminal.repeats = "empty"
    assert (await counter.sell()).json()["code"] == "payment.unknown"
    assert counter.terminal.debits == [2889]


async def test_an_older_payment_of_the_same_amount_is_not_taken_for_this_one(
    counter: Any,
) -> None:
    await counter.sell()
    counter.acts("drop_unbooked")
    assert (await counter.sell()).json()["code"] == "payment.unknown"
    assert counter.terminal.debits == [2889]


async def test_an_amount_that_differs_is_no_approval(counter: Any) -> None:
    counter.acts("wrong_amount")
    problem = (await counter.sell()).json()
    assert (problem["code"], problem["reason"]) == ("payment.unknown", "amount")


async def test_while_a_payment_is_unknown_nothing_else_ends_the_sale(counter: Any) -> None:
    counter.acts("drop_unbooked")
    booking = (await counter.sell()).json()["booking_id"]
    for path in ("/finish", "/abort"):
        refused = await counter.till.post(f"/{booking}{path}", {})
        assert refused.json()["code"] == "payment.at_terminal"
    cash = {"payments": [{"kind": "cash", "amount": {"amount": 2889, "currency": "EUR"}}]}
    assert (await counter.till.post(f"/{booking}/payments", cash)).json()["code"] == (
        "payment.nothing_open"
    )


@pytest.mark.parametrize(("outcome", "left"), [("approved", 0), ("not_taken", 2889)])
async def test_a_person_resolves_what_is_unknown(counter: Any, outcome: str, left: int) -> None:
    counter.acts("drop_unbooked")
    problem = (await counter.sell()).json()
    path = f"/{problem['booking_id']}/payments/{problem['payment_id']}/resolve"
    said = {"outcome": outcome, "reason": "Journal geprüft", "receipt_number": "0043"}
    told = (await counter.till.post(path, said)).json()
    assert told["open_amount"]["amount"] == left
    again = await counter.till.post(path, said)
    assert (again.status_code, again.json()["code"]) == (409, "payment.not_unknown")
    if outcome == "approved":
        await counter.till.post(f"/{problem['booking_id']}/finish")
        assert counter.recorded()[0].payments[0].receipt_number == "0043"


async def test_a_till_aborts_at_its_terminal(counter: Any) -> None:
    counter.acts("wait")
    selling = asyncio.create_task(counter.sell())
    await counter.terminal.began.wait()
    aborted = await counter.rig.http.post(
        f"/stores/berlin/v1/tills/{counter.till.till_id}/terminal/abort",
        headers={"authorization": f"Bearer {counter.till.token}", "idempotency-key": uuid4().hex},
    )
    assert aborted.status_code == 200, aborted.text
    assert (await selling).json()["code"] == "card.aborted"
    assert counter.terminal.debits == []


async def test_two_tills_share_a_terminal_one_after_the_other(counter: Any) -> None:
    other = await counter.rig.paired("berlin", f"{counter.till.till_id}-b")
    counter.acts("hold")
    first = asyncio.create_task(counter.sell())
    await counter.terminal.began.wait()
    refused = await other.post("", counter.sale(500))
    assert (refused.status_code, refused.json()["code"]) == (409, "terminal.busy")
    counter.terminal.let_go.set()
    assert (await first).json()["state"] == "recorded"
    assert counter.terminal.debits == [2889]


async def test_status_texts_go_to_the_till(counter: Any) -> None:
    listener = counter.rig.gateway.live.listen("berlin", counter.till.till_id, None)
    await counter.sell()
    states = []
    while (event := await listener.next(0.2)) is not None:
        if event[1].kind == "terminal":
            states.append((event[1].data["state"], event[1].data["text"]))
        if states and states[-1][0] == "approved":
            break
    listener.close()
    assert states == [
        ("asked", ""), ("working", "Karte einstecken oder vorhalten"), ("approved", "")
    ]  # fmt: skip


async def test_a_training_asks_no_terminal(counter: Any) -> None:
    sale = {**counter.sale(), "training": True}
    assert (await counter.till.post("", sale)).json()["code"] == "training.refused"
    assert counter.terminal.heard == []


async def test_no_event_has_more_of_a_card_than_four_digits(counter: Any) -> None:
    counter.terminal.pan = bytes.fromhex("4557123456781234")
    await counter.sell()
    everything = b"".join(entry.data for entry in counter.rig.store.log[counter.begin :])
    assert b"1234" in everything
    assert b"45571234" not in everything
    assert b"56781234" not in everything


async def test_a_payment_waits_for_who_only_looks_whether_the_terminal_is_there(
    counter: Any, both: Any
) -> None:
    desk = counter.rig.gateway.terminals
    looking = desk.leased(counter.terminal_id, asyncio.Event())
    await looking.__aenter__()

    async def look_away() -> None:
        await counter.leases.refused.wait()
        await looking.__aexit__(None, None, None)

    answer, _ = await both(counter.sell(), look_away())
    assert (answer.status_code, counter.terminal.debits) == (200, [2889]), answer.text
