"""A training leaves no trace but itself; an order is a process of its own, and no receipt."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from device_gateway.handlers.verdicts import note_verdict
from device_gateway.policies import verdict_of
from events import Ask
from events.reaction import Incoming
from tests.support.counter import (
    Answer,
    Counter,
    article,
    article_voucher,
    by_voucher,
    card,
    cash,
    eur,
    incoming,
    on_center,
    voucher_sale,
)


async def shift(counter: Counter) -> Answer:
    answer = await counter.client.get(
        "/stores/berlin/v1/tills/till-1/shift?report=x",
        headers={"authorization": f"Bearer {counter.token}"},
    )
    assert answer.status_code == 200, answer.text
    told: Answer = answer.json()["report"]
    return told


async def train(counter: Counter, lines: list[Answer], *payments: Answer, **more: Any) -> Answer:
    return await counter.book(
        lines=lines, payments=list(payments), training=True, finish=True, **more
    )


async def test_a_training_has_a_number_and_no_effect(counter: Counter) -> None:
    await counter.sell([article(500)], cash(500))
    before = await shift(counter)
    told = await train(counter, [article(999)], cash(1000), cashier="lehrling-3")
    after = await shift(counter)
    assert told["number"] == 2
    assert after.pop("counts") == {**before.pop("counts"), "training": 1}
    assert after == before
    (event,) = [entry for entry in counter.log.log if entry.name == "training.recorded"]
    assert event.event.kind == "training"  # type: ignore[attr-defined]  # TrainingRecorded


async def test_neither_vouchers_nor_cost_centers_hear_of_a_training(counter: Counter) -> None:
    before, asked = await counter.vouchers.store.read(after=0, records_max=100), []
    whole = counter.line.handle_async_request

    async def watched(request: Any) -> Any:
        asked.append(request.url.path)
        return await whole(request)

    counter.line.handle_async_request = watched  # type: ignore[method-assign]  # listens, no more
    await train(counter, [article(999)], card(999))
    assert asked == []
    assert await counter.vouchers.store.read(after=0, records_max=100) == before


async def test_a_training_takes_nothing_that_others_keep(counter: Counter) -> None:
    stored = len(counter.log.log)
    for body in (
        {"lines": [voucher_sale(1000)]},
        {"lines": [article_voucher(1000, "GS-VERKAUF")]},
        {"lines": [article(500)], "payments": [by_voucher("K-1")]},
        {"lines": [article(500)], "payments": [on_center(number="4711")]},
        {"lines": [article(500)],
         "payments": [{"kind": "online", "amount": eur(500), "order": "W-1"}]},
        {"payouts": [{"code": "K-1", "reason": "x"}]},
        {"returns": [{"booking_id": "b", "line_id": "1", "reason": "x"}]},
    ):  # fmt: skip
        no = await counter.book(422, training=True, finish=True, **body)
        assert no["code"] == "training.refused"
    assert len(counter.log.log) == stored


async def test_a_training_step_by_step(counter: Counter) -> None:
    begun = await counter.book(lines=[article(500)], training=True)
    path = f"/{begun['booking_id']}"
    no = await counter.book(422, f"{path}/lines", lines=[voucher_sale(100)])
    assert no["code"] == "training.refused"
    await counter.book(200, f"{path}/payments", payments=[cash(500)])
    assert (await counter.book(200, f"{path}/finish"))["state"] == "recorded"
    assert "booking.recorded" not in [entry.name for entry in counter.log.log]


async def test_a_training_is_not_returned_and_not_cancelled(counter: Counter) -> None:
    told = await train(counter, [article(500)], cash(500))
    path = f"/{told['booking_id']}/cancellation"
    assert (await counter.book(409, path, reason="x"))["code"] == "cancellation.not_possible"
    line = {"booking_id": told["booking_id"], "line_id": "1", "reason": "x"}
    assert (await counter.book(409, returns=[line]))["code"] == "return.not_possible"


async def test_a_training_is_printed_once_the_signer_has_said(counter: Counter) -> None:
    told = await train(counter, [article(500)], cash(500))
    await counter.print(told["booking_id"])
    assert "5,00" in counter.paper("receipt").text


# Orders


def ordered(name: str = "Limo", quantity: str = "2", **more: Any) -> Answer:
    return {"name": name, "quantity": quantity, "unit_price": eur(230), "vat": "standard", **more}


async def order(counter: Counter, *lines: Answer, status: int = 200, **more: Any) -> Answer:
    answer = await counter.at_till("/orders", {"lines": list(lines), **more})
    assert answer.status_code == status, answer.text
    told: Answer = answer.json()
    return told


async def test_an_order_has_its_own_number_and_no_weight(counter: Counter) -> None:
    first = await order(counter, ordered(), ordered("Eis"), group="Tisch 7")
    second = await order(counter, ordered(quantity="-1"), order_of=first["booking_id"])
    assert (first["number"], second["number"]) == (1, 2)
    assert (first["group"], second["order_of"]) == ("Tisch 7", first["booking_id"])
    event = counter.log.log[-1]
    assert (event.name, event.event.lines[0].quantity) == ("booking.ordered", "-1")  # type: ignore[attr-defined]  # BookingOrdered
    told = await shift(counter)
    assert (told["counts"], told["cases"], told["cash"]) == ({"order": 2}, [], eur(0))


async def test_a_bill_says_when_its_first_order_began(counter: Counter) -> None:
    first = await order(counter, ordered())
    began = counter.clock.now
    counter.clock.advance(seconds=3600)
    refers = [{"type": "Transaktion", "id": first["booking_id"]}]
    await counter.book(lines=[article(460)], payments=[cash(460)], references=refers, finish=True)
    event = counter.published()
    (reference,) = event["references"]
    assert (reference["id"], reference["name"]) == (first["booking_id"], "Bestellung")
    assert reference["date"].startswith(began.strftime("%Y-%m-%dT%H:%M:%S"))
    await counter.print(event["booking_id"])
    assert "Erste Bestellung        2026-11-22T10:00:00.000Z" in counter.paper("receipt").text


async def test_an_order_gets_its_verdict_and_no_paper(counter: Counter) -> None:
    told = await order(counter, ordered())
    verdict = unsigned(counter, told["booking_id"])
    await note_verdict(
        counter.gateway, verdict_of(verdict, now=counter.clock.now), ask=Ask.of("v", "v")
    )
    answer = await counter.client.get(
        f"/stores/berlin/v1/tills/till-1/orders/{told['booking_id']}",
        headers={"authorization": f"Bearer {counter.token}"},
    )
    assert (answer.json()["state"], answer.json()["unsigned_reason"]) == ("unsigned", "outage")
    assert not counter.queue.jobs


def unsigned(counter: Counter, booking_id: str) -> Incoming:
    """The signer has no TSE for it."""
    document = {
        "booking_id": booking_id, "store_id": "berlin", "till_id": "till-1", "tse_id": "tse",
        "client_id": "KV-berlin-1", "reason": "outage", "process_type": "Bestellung-V1",
        "process_data": "2;\"Limo\";2.30", "decided_at": counter.clock.now.isoformat(),
    }  # fmt: skip
    entry = incoming(counter.log.log[-1], json.dumps(document).encode())
    return replace(entry, name="signature.left_unsigned")


async def test_a_wrong_order_is_refused(counter: Counter) -> None:
    stored = len(counter.log.log)
    for line, code in (
        (ordered(quantity="0"), "order.refused"),
        (ordered(vat="luxury"), "vat.unknown"),
        (ordered(unit_price={"amount": 230, "currency": "USD"}), "currency.unknown"),
        (ordered(unit_price=eur(-1)), "order.refused"),
        (ordered(name="L\u0000imo"), "request.invalid"),
        (ordered(quantity="1e3"), "request.invalid"),
    ):
        assert (await order(counter, line, status=422))["code"] == code
    assert len(counter.log.log) == stored


async def test_an_order_is_no_longer_than_what_the_export_keeps(counter: Counter) -> None:
    lines = [ordered("x" * 100) for _ in range(10)]
    assert (await order(counter, *lines, status=422))["code"] == "booking.too_large"
    await order(counter, *lines[:8])


async def test_a_repeated_order_is_one_order(counter: Counter) -> None:
    body = {"lines": [ordered()]}
    first = await counter.at_till("/orders", body, key="once")
    again = await counter.at_till("/orders", body, key="once")
    assert again.json() == first.json()
    assert [entry.name for entry in counter.log.log].count("booking.ordered") == 1


async def test_what_an_order_goes_on_with_has_to_be_one(counter: Counter) -> None:
    sold = await counter.sell([article(500)], cash(500))
    for name in (sold["booking_id"], "b-1"):
        no = await order(counter, ordered(), status=404, order_of=name)
        assert no["code"] == "booking.unknown"
