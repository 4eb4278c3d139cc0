"""A till's shift from its opening to its closing, over the API."""

from __future__ import annotations

import asyncio
from datetime import time
from typing import Any
from uuid import uuid4

import httpx
import pytest

from device_gateway.events import BookingStarted, NumberGiven
from device_gateway.handlers.automatic import close_due
from device_gateway.handlers.recovery import OPEN_IDLE_MAX_S, sweep
from device_gateway.handlers.stores import declare_stores
from events.store.contract import AppendRequest, NewEvents
from events.version import Exact
from kassenverbund.kit.auth import Caller


async def ask(till: Any, path: str, body: Any = None, *, key: str | None = None) -> httpx.Response:
    """A write of the till, beside its bookings."""
    answer: httpx.Response = await till.rig.http.post(
        till.base.removesuffix("/bookings") + path,
        json=body if body is not None else {},
        headers={"authorization": f"Bearer {till.token}", "idempotency-key": key or uuid4().hex},
    )
    return answer


async def look(till: Any, path: str) -> Any:
    answer = await till.rig.http.get(
        till.base.removesuffix("/bookings") + path,
        headers={"authorization": f"Bearer {till.token}"},
    )
    return answer.json()


async def close(till: Any, **body: Any) -> Any:
    answer = await ask(till, "/shift/close", body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_first_process_opens_the_shift(rig: Any, till: Any, words: Any) -> None:
    assert (await look(till, "/shift"))["state"] == "none"
    await till.post("", words.sale([words.article(500)], words.cash(500)))
    opened = rig.events("till.opened")[0]
    assert (opened.shift, opened.opened_by, opened.numbers) == (1, "automatic", 0)
    names = [entry.name for entry in rig.store.log if entry.stream.startswith("till-till-1/1")]
    assert names == ["till.opened", "till.number_given"]
    assert len({entry.idempotency_key for entry in rig.store.log[-7:]}) == 1


async def test_a_float_is_the_first_process_of_its_shift(rig: Any, till: Any, words: Any) -> None:
    told = (await ask(till, "/shift/open", {"float": words.eur(10000), "cashier": "p-7"})).json()
    assert (told["shift"], told["state"], told["opened_by"]) == (1, "open", "p-7")
    assert "report" not in told or told["report"] is None
    moved = rig.events("cash.moved")[0]
    assert (moved.kind, moved.case, moved.amount.amount, moved.number) == (
        "opening_float", "Anfangsbestand", 10000, 1,
    )  # fmt: skip
    report = (await look(till, "/shift?report=x"))["report"]
    assert report["cash"] == words.eur(10000)


async def test_an_open_shift_cannot_be_opened(till: Any) -> None:
    assert (await ask(till, "/shift/open", key="K")).status_code == 200
    assert (await ask(till, "/shift/open")).json()["code"] == "till.open_already"
    assert (await ask(till, "/shift/open", key="K")).status_code == 200


async def test_a_closing_holds_what_was_numbered_and_says_what_is_missing(
    rig: Any, till: Any, words: Any
) -> None:
    await ask(till, "/shift/open", {"float": words.eur(10000)})
    await till.post("", words.sale([words.article(1190)], words.cash(2000)))
    await till.post("", words.sale([words.article(1070, vat="reduced")], words.card(1070)))
    moved = await ask(
        till, "/cash-moves", {"kind": "paid_out", "amount": words.eur(190), "reason": "Porto"}
    )
    assert moved.json()["amount"] == words.eur(-190)
    told = await close(till, counted=words.eur(10990), skim=words.eur(990), cashier="p-7")
    assert told["z_number"] == 1
    assert told["cash"] == {
        "expected": words.eur(11000), "counted": words.eur(10990), "difference": words.eur(-10),
        "counted_by": "p-7", "skimmed": words.eur(990), "left": words.eur(10000),
    }  # fmt: skip
    gross = {(each["case"], each["dsfinvk_key"]): each["gross"]["amount"] for each in told["cases"]}
    assert gross == {
        ("Anfangsbestand", 5): 10000, ("Umsatz", 1): 1190, ("Umsatz", 2): 1070,
        ("Auszahlung", 5): -190, ("DifferenzSollIst", 5): -10, ("Geldtransit", 5): -990,
    }  # fmt: skip
    paid = {each["type"]: each["amount"]["amount"] for each in told["payments"]}
    assert paid == {"Bar": 10000, "Unbar": 1070}
    assert told["counts"] == {"cash": 4, "closing": 1, "sale": 2}
    assert (told["number"], told["grand_total"]) == (7, words.eur(2260))
    appended = {entry.idempotency_key for entry in rig.store.log if entry.name == "till.closed"}
    once = [entry.name for entry in rig.store.log if entry.idempotency_key in appended]
    assert once.count("cash.moved") == 2


async def test_the_next_shift_goes_on_where_the_last_one_ended(
    rig: Any, till: Any, words: Any
) -> None:
    await till.post("", words.sale([words.article(500)], words.cash(500)))
    first = await close(till)
    told = (await till.post("", words.sale([words.article(300)], words.cash(300)))).json()
    opened = rig.events("till.opened")[1]
    assert (opened.shift, opened.numbers, opened.float_.amount) == (2, first["number"], 500)
    assert told["number"] == first["number"] + 1
    listed = await rig.http.get(
        "/stores/berlin/v1/tills", headers={"authorization": "Bearer manager"}
    )
    assert listed.json()["tills"][0]["number"] == told["number"]
    second = await close(till)
    assert (second["z_number"], second["grand_total"]) == (2, words.eur(800))
    assert second["cash"]["left"] == words.eur(800)


async def test_a_float_that_is_not_what_was_left_is_a_difference(
    rig: Any, till: Any, words: Any
) -> None:
    await till.post("", words.sale([words.article(500)], words.cash(500)))
    await close(till)
    await ask(till, "/shift/open", {"float": words.eur(480)})
    moved = rig.events("cash.moved")[0]
    assert (moved.kind, moved.amount.amount) == ("difference", -20)


async def test_open_bookings_keep_a_shift_open_until_they_are_aborted(
    rig: Any, till: Any, words: Any
) -> None:
    begun = (await till.post("", {"lines": [words.article(500)]})).json()
    refused = (await ask(till, "/shift/close")).json()
    assert (refused["code"], refused["bookings"]) == ("till.bookings_open", [begun["booking_id"]])
    told = await close(till, abort_open=True)
    aborted = rig.events("booking.aborted")[0]
    assert (aborted.number, aborted.shift, aborted.reason) == (1, 1, "closing")
    assert told["counts"] == {"aborted": 1, "closing": 1}
    assert [each["kind"] for each in told["corrections"]] == ["abort"]
    assert told["corrections"][0]["amount"] == words.eur(500)


async def test_a_closing_that_is_asked_for_again_leaves_the_next_shift_alone(
    rig: Any, till: Any, words: Any
) -> None:
    await till.post("", words.sale([words.article(500)], words.cash(500)))
    first = await ask(till, "/shift/close", {"abort_open": True}, key="Z")
    await till.post("", {"lines": [words.article(500)]})
    again = await ask(till, "/shift/close", {"abort_open": True}, key="Z")
    assert again.json() == first.json()
    assert rig.events("booking.aborted") == []
    assert (await look(till, "/shift"))["state"] == "open"


async def test_a_till_without_a_shift_has_nothing_to_close(till: Any) -> None:
    assert (await ask(till, "/shift/close")).json()["code"] == "till.not_open"


async def test_more_than_there_is_cannot_be_taken_out(till: Any, words: Any) -> None:
    await till.post("", words.sale([words.article(500)], words.cash(500)))
    out = {"kind": "owner_out", "amount": words.eur(501), "reason": "privat"}
    refused = (await ask(till, "/cash-moves", out)).json()
    assert (refused["code"], refused["in_drawer"]) == ("till.cash_short", words.eur(500))
    refused = (await ask(till, "/shift/close", {"skim": words.eur(501)})).json()
    assert refused["code"] == "till.cash_short"


async def test_a_closing_is_signed_and_found_by_its_number(
    rig: Any, till: Any, words: Any, signature_of: Any
) -> None:
    await till.post("", words.sale([words.article(500)], words.cash(500)))
    told = await close(till)
    closed = rig.events("till.closed")[0]
    await rig.deliver("signature.made", signature_of(closed))
    found = await look(till, "/closings/1")
    assert (found["booking_id"], found["state"]) == (told["booking_id"], "signed")
    assert found["signature"]["qr"]
    assert (await look(till, "/closings/2"))["code"] == "closing.unknown"


async def test_another_process_closes_the_shift_under_a_sale(
    rig: Any, make_rig: Any, till: Any, words: Any
) -> None:
    await till.post("", words.sale([words.article(500)], words.cash(500)))
    other = make_rig(rig.store.another_process(), rig.clock)
    there = type(till)(other, "berlin", till.till_id, till.token)
    await close(there)
    told = (await till.post("", words.sale([words.article(300)], words.cash(300)))).json()
    assert told["state"] == "recorded"
    assert [each.shift for each in rig.events("booking.recorded")] == [1, 2]
    await other.http.aclose()


async def test_a_changed_declaration_waits_for_the_next_shift(
    rig: Any, till: Any, words: Any, chain: Any
) -> None:
    await till.post("", words.sale([words.article(500)], words.cash(500)))
    rates = [
        rate.model_copy(update={"rate": 2000}) if rate.vat == "standard" else rate
        for rate in chain.vat
    ]
    rig.clock.advance(60)
    await declare_stores(rig.gateway, chain.model_copy(update={"vat": tuple(rates)}))
    assert [
        each.version for each in rig.events("master_data.changed") if each.store_id == "berlin"
    ] == [1, 2]
    rig.clock.advance(60)
    await till.post("", words.sale([words.article(500)], words.cash(500)))
    await close(till)
    await till.post("", words.sale([words.article(500)], words.cash(500)))
    sold = rig.events("booking.recorded")
    assert [(each.master_data, each.vat[0].rate) for each in sold] == [
        (1, 1900),
        (1, 1900),
        (2, 2000),
    ]


@pytest.mark.parametrize("way", ["outage", "requested", "declared"])
async def test_a_till_signs_elsewhere_from_its_next_shift_on(
    rig: Any, till: Any, words: Any, chain: Any, way: str
) -> None:
    await till.post("", words.sale([words.article(500)], words.cash(500)))
    if way == "outage":
        await rig.deliver(
            "outage.began",
            {"outage_id": "o1", "tse_id": "tse-berlin-1", "store_id": "berlin", "reason": "x",
             "began_at": rig.clock.now.isoformat()},
        )  # fmt: skip
    elif way == "requested":
        asked = await rig.http.put(
            f"/stores/berlin/v1/tills/{till.till_id}/tse", json={"tse_id": "tse-berlin-2"},
            headers={"authorization": "Bearer manager", "idempotency-key": "T"},
        )  # fmt: skip
        assert asked.json()["tse_requested"] == "tse-berlin-2"
    else:
        first, *others = chain.stores
        fewer = first.model_copy(update={"tses": first.tses[1:]})
        await declare_stores(rig.gateway, chain.model_copy(update={"stores": (fewer, *others)}))
    await till.post("", words.sale([words.article(500)], words.cash(500)))
    await close(till)
    await till.post("", words.sale([words.article(500)], words.cash(500)))
    assert [each.tse_id for each in rig.events("booking.recorded")] == [
        "tse-berlin-1", "tse-berlin-1", "tse-berlin-2",
    ]  # fmt: skip
    opened = rig.events("till.opened")[1]
    assert (opened.tse_before, opened.tse_changed_because) == ("tse-berlin-1", way)


async def test_a_till_from_before_shifts_goes_on_with_its_numbers(
    rig: Any, till: Any, words: Any
) -> None:
    """Its log has `till.number_given` v1 on the till's own stream."""
    version = len([entry for entry in rig.store.log if entry.stream == "till-till-1"])
    older = [
        NumberGiven(
            store_id="berlin", till_id="till-1", booking_id=f"b{number}", number=number, shift=0,
            kind="sale",
        )
        for number in (1, 2)
    ]  # fmt: skip
    await rig.store.append(
        AppendRequest("older", bytes(32), (NewEvents("till-till-1", Exact(version), older),))
    )
    told = (await till.post("", words.sale([words.article(500)], words.cash(500)))).json()
    assert told["number"] == 3
    assert rig.events("till.opened")[0].numbers == 2


async def test_a_store_closes_by_the_clock_what_nobody_closed(
    rig: Any, till: Any, words: Any
) -> None:
    await till.post("", words.sale([words.article(500)], words.cash(500)))
    at = {"berlin": time(4)}
    assert await close_due(rig.gateway, at) == 0
    rig.clock.advance(20 * 3600)
    assert await close_due(rig.gateway, at) == 1
    assert await close_due(rig.gateway, at) == 0
    closed = rig.events("till.closed")[0]
    assert (closed.automatic, closed.cash.counted, closed.cash.left.amount) == (True, None, 500)
    assert str(closed.business_date) == "2026-11-20"


async def test_a_booking_that_a_crash_left_open_ends_in_its_shift(
    rig: Any, till: Any, words: Any
) -> None:
    await till.post("", {"lines": [words.article(500)]})
    rig.restart()
    at = {"berlin": time(4)}
    rig.clock.advance(20 * 3600)
    assert await close_due(rig.gateway, at) == 0
    await sweep(rig.gateway, rig.unfinished)
    aborted = rig.events("booking.aborted")[0]
    assert (aborted.number, aborted.shift, aborted.reason) == (1, 1, "idle")
    assert await close_due(rig.gateway, at) == 1
    assert OPEN_IDLE_MAX_S < 20 * 3600


async def test_two_processes_that_sell_and_close_at_once_lose_nothing(
    rig: Any, make_rig: Any, till: Any, words: Any
) -> None:
    other = make_rig(rig.store.another_process(), rig.clock)
    there = type(till)(other, "berlin", till.till_id, till.token)
    sale = words.sale([words.article(500)], words.cash(500))
    for _ in range(4):
        answers = await asyncio.gather(
            till.post("", sale), there.post("", sale), ask(till, "/shift/close"),
            there.post("", sale), ask(there, "/shift/close"), till.post("", sale),
        )  # fmt: skip
        assert {answer.status_code for answer in answers} <= {200, 409}
        assert all(answers[index].status_code == 200 for index in (0, 1, 3, 5))
    numbers = rig.events("till.number_given")
    assert [each.number for each in numbers] == list(range(1, len(numbers) + 1))
    sold = rig.events("booking.recorded")
    assert len(sold) == 16
    by_shift = {closed.shift: closed.counts.get("sale", 0) for closed in rig.events("till.closed")}
    for shift, count in by_shift.items():
        assert count == len([each for each in sold if each.shift == shift])
    await other.http.aclose()


async def test_a_lost_answer_of_a_closing_is_asked_for_again(
    rig: Any, till: Any, words: Any
) -> None:
    await till.post("", words.sale([words.article(500)], words.cash(500)))
    rig.store.lose_answer = True
    told = await ask(till, "/shift/close", {"counted": words.eur(500)}, key="Z")
    assert told.status_code == 200
    assert (await ask(till, "/shift/close", {"counted": words.eur(500)}, key="Z")).json() == (
        told.json()
    )
    assert len(rig.events("till.closed")) == 1


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (
            "/cash-moves",
            {"kind": "paid_in", "amount": {"amount": 0}, "reason": "x"},
            "cash.refused",
        ),
        (
            "/cash-moves",
            {"kind": "paid_in", "amount": {"amount": 5, "currency": "CHF"}, "reason": "x"},
            "currency.unknown",
        ),
        ("/cash-moves", {"kind": "difference", "amount": {"amount": 5}, "reason": "x"}, None),
        ("/cash-moves", {"kind": "paid_in", "amount": {"amount": 5}, "reason": "a\x00b"}, None),
        ("/shift/open", {"float": {"amount": -1}}, "cash.refused"),
        ("/shift/close", {"counted": {"amount": -1}}, "cash.refused"),
        ("/shift/close", {"counted": "viel"}, None),
    ],
)
async def test_a_bad_request_changes_nothing(
    rig: Any, till: Any, words: Any, path: str, body: Any, code: str | None
) -> None:
    if path == "/shift/close":
        await till.post("", words.sale([words.article(500)], words.cash(500)))
    before = len(rig.store.log)
    answer = await ask(till, path, body)
    assert answer.status_code == 422
    assert code is None or answer.json()["code"] == code
    assert len(rig.store.log) == before


async def test_only_the_till_itself_and_its_managers_move_cash(rig: Any, till: Any) -> None:
    path = f"/stores/berlin/v1/tills/{till.till_id}/shift/close"
    rig.tokens.people["auditor"] = Caller("person", "a", frozenset({"auditor"}))
    assert (await rig.as_person("auditor", path)).status_code == 403
    assert (await rig.as_person("manager-koeln", path)).status_code == 403
    assert (await rig.as_person("manager", path)).json()["code"] == "till.not_open"


async def test_a_closing_and_a_cash_move_come_out_on_paper(
    rig: Any, till: Any, words: Any, signature_of: Any
) -> None:
    await till.post("", words.sale([words.article(500)], words.cash(500)))
    out = {"kind": "transit_out", "amount": words.eur(200), "reason": "Tresor"}
    await ask(till, "/cash-moves", out)
    await close(till, counted=words.eur(300))
    for name in ("cash.moved", "till.closed"):
        await rig.deliver("signature.made", signature_of(rig.events(name)[0]))
    printed = [type(order.booking).event_name for order in rig.desk.receipts.values()]
    assert printed == ["cash.moved", "till.closed"]
    assert rig.names().count("receipt.queued") == 2


async def test_a_booking_from_before_shifts_gets_its_number_in_the_present_one(
    rig: Any, till: Any, words: Any
) -> None:
    booking_id = str(uuid4())
    older = BookingStarted(
        booking_id=booking_id, store_id="berlin", till_id="till-1", till_name="Kasse 1",
        legal_entity_id="gmbh", tse_id="tse-berlin-1", client_id="KV-berlin-1", currency="EUR",
        started_at=rig.clock.now,
    )  # fmt: skip
    stream = NewEvents(f"booking-{booking_id}", Exact(0), (older,))
    await rig.store.append(AppendRequest("older", bytes(32), (stream,)))
    assert (await till.post(f"/{booking_id}/lines", {"lines": [words.article(500)]})).is_success
    assert (await till.post(f"/{booking_id}/payments", {"payments": [words.card(500)]})).is_success
    told = (await till.post(f"/{booking_id}/finish")).json()
    assert (told["state"], told["number"]) == ("recorded", 1)
    assert rig.events("booking.recorded")[0].shift == 1


async def test_a_revoked_till_opens_no_shift_and_its_drawer_can_be_closed(
    rig: Any, till: Any, words: Any
) -> None:
    await till.post("", words.sale([words.article(500)], words.cash(500)))
    await rig.as_person("manager", f"/stores/berlin/v1/tills/{till.till_id}/revoke")
    path = f"/stores/berlin/v1/tills/{till.till_id}/shift"
    assert (await rig.as_person("manager", f"{path}/close")).json()["z_number"] == 1
    assert (await rig.as_person("manager", f"{path}/open")).json()["code"] == "till.revoked"
