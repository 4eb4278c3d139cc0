"""Tills that behave like people's: the plan, what a till does when it is refused, the clock."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from kassenverbund.simulate.plan import MIX, Act, Kind, mix_of, plan
from kassenverbund.simulate.play import play
from kassenverbund.simulate.till import Asked, Shelf, SimulatedTill

Answers = Callable[[str, dict[str, Any]], httpx.Response]


def test_the_same_seed_draws_the_same_acts() -> None:
    wanted: dict[str, Any] = {"rate": 5, "duration_s": 60, "tills": 4}
    assert plan(**wanted, seed=7) == plan(**wanted, seed=7) != plan(**wanted, seed=8)


def test_a_plan_has_about_as_many_acts_as_its_rate_says_and_all_kinds() -> None:
    acts = plan(rate=10, duration_s=300, tills=5, seed=1)
    assert 2700 < len(acts) < 3300
    assert set(Counter(act.kind for act in acts)) == set(MIX)
    assert {act.till for act in acts} == set(range(5))


def test_evenly_means_evenly() -> None:
    assert [act.at_s for act in plan(rate=4, duration_s=1, tills=1, seed=1, fixed=True)] == [
        0.25, 0.5, 0.75,
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "gold=1", "cash=-1", "cash=nan"])
def test_a_mix_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no such act|weight"):
        mix_of(text)


def test_a_mix_names_what_happens() -> None:
    assert mix_of("cash=5, voucher") == {"cash": 5.0, "voucher": 1.0}


def act(kind: Kind, *, number: int = 0, at_s: float = 0.0) -> Act:
    return Act(number, at_s, 0, kind, seed=4)


def till_at(answers: Answers, asked: list[Asked], **more: Any) -> SimulatedTill:
    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.partition("/bookings")[2]
        return answers(path, json.loads(request.content))

    client = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="https://gateway")
    return SimulatedTill(
        client, "berlin", "sim-1", "kvt_x", Shelf(), "run", keep=asked.append, **more
    )


def no_voucher_service(path: str, body: dict[str, Any]) -> httpx.Response:
    if path == "" and body["payments"][0]["kind"] == "voucher":
        problem = {"code": "voucher.unavailable", "booking_id": "b1",
                   "open_amount": {"amount": 700, "currency": "EUR"}}  # fmt: skip
        return httpx.Response(503, json=problem)
    return httpx.Response(200, json={"booking_id": "b1", "vouchers": []})


async def test_who_can_not_pay_by_voucher_pays_in_cash() -> None:
    asked = list[Asked]()
    till = till_at(no_voucher_service, asked)
    till.shelf.codes.append(("GE1", 1000))
    assert await till.do(act("voucher")) == ("voucher", "voucher.unavailable")
    assert [each.path for each in asked] == ["", "/b1/payments", "/b1/finish"]
    assert list(till.shelf.codes) == [("GE1", 1000)]


async def test_a_request_that_nobody_answers_is_repeated_with_the_same_key() -> None:
    keys, asked = list[str](), list[Asked]()

    def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["idempotency-key"])
        if len(keys) < 3:
            raise httpx.ConnectError("away")
        return httpx.Response(200, json={"booking_id": "b1", "vouchers": []})

    till = till_at(no_voucher_service, asked, patience_s=5.0)
    till.client = httpx.AsyncClient(
        transport=httpx.MockTransport(answer), base_url="https://gateway"
    )
    assert await till.do(act("cash")) == ("cash", "")
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert asked[0].repeats == 2


async def test_time_counts_from_when_an_act_was_due() -> None:
    """A till that is held up by one act is late for the next, and says so."""
    held_up = asyncio.Event()

    async def slow(request: httpx.Request) -> httpx.Response:
        await held_up.wait()
        return httpx.Response(200, json={"booking_id": "b1", "vouchers": []})

    till = till_at(no_voucher_service, [])
    till.client = httpx.AsyncClient(transport=httpx.MockTransport(slow), base_url="https://gateway")
    asyncio.get_running_loop().call_later(0.2, held_up.set)
    tally = await play([act("cash"), act("cash", number=1)], [till])
    assert all(done.took_s >= 0.19 for done in tally.done)


async def test_what_came_of_it_is_counted() -> None:
    def answers(path: str, body: dict[str, Any]) -> httpx.Response:
        kind = (body.get("payments") or [{}])[0].get("kind")
        if kind == "card":
            return httpx.Response(500, json={"code": "internal"})
        return no_voucher_service(path, body)

    till = till_at(answers, [])
    till.shelf.codes.append(("GE1", 1000))
    acts = [act("cash"), act("card", number=1), act("voucher", number=2)]
    document = (await play(acts, [till])).document()
    assert document["refused"] == {"voucher.unavailable": 1}
    assert document["errors"] == {"internal": 1}
    assert {kind: found["count"] for kind, found in document["by_kind"].items()} == {
        "cash": 1, "voucher": 1,
    }  # fmt: skip
