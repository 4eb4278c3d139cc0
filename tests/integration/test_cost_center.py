"""A company lunch on a cost center, on real parts and both buses: charged at a till, signed,
printed and owed; within its limit from all tills; given back when the sale is not made."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import httpx
import pytest

from tests.integration.conftest import papers
from tests.support.office import SETTLED_WAIT_S, Office, on_center
from tests.support.program import Program
from tests.support.shop import DemoTill, Refused, Sale, article, cash, pair_tills, until_signed

EVENTS_MAX = 2_000
MEAL = [article("Tagesgericht", 980)]


def facts(program: Program, name: str) -> list[dict[str, Any]]:
    """The cost centers' events of one name."""
    done = program.cli("events", "tail", "costcenter", "-n", str(EVENTS_MAX), "--json")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return [event["data"] for event in events if event["name"] == name]


async def booked(program: Program, booking_ids: set[str]) -> list[dict[str, Any]]:
    """What became owed by these bookings, once all of them are there. Raises TimeoutError."""
    async with asyncio.timeout(SETTLED_WAIT_S):
        while True:
            found = await asyncio.to_thread(facts, program, "charge.booked")
            ours = [fact for fact in found if fact["booking_id"] in booking_ids]
            if {fact["booking_id"] for fact in ours} == booking_ids:
                return ours
            await asyncio.sleep(0.2)


@pytest.fixture(scope="module")
def tokens(program: Program) -> dict[str, str]:
    return {}


@pytest.fixture
async def office(program: Program, client: httpx.AsyncClient, tokens: dict[str, str]) -> Office:
    if "back_office" not in tokens:
        tokens["back_office"] = program.token("back_office")
        tokens["manager"] = program.token("manager")
    return Office(client, tokens["back_office"])


@pytest.fixture
async def tills(
    office: Office, client: httpx.AsyncClient, tokens: dict[str, str], request: Any
) -> list[DemoTill]:
    """One in Berlin, one in Cologne, for each test."""
    return await pair_tills(
        client, manager=tokens["manager"], stores=("berlin", "koeln"), each=1,
        tag=request.node.originalname,
    )  # fmt: skip


async def test_a_lunch_on_a_cost_center_is_signed_printed_and_owed(
    program: Program, client: httpx.AsyncClient, office: Office, tills: list[DemoTill]
) -> None:
    await office.center("4711", limit=50_000, code="04A1B2C3D4E5F6")
    sold = await tills[0].sell(MEAL, [on_center(code="04A1B2C3D4E5F6")], key="lunch")
    signed = await until_signed(client, tills[0], sold["booking_id"])
    assert signed["state"] == "signed"
    assert ";Beleg^0.00_0.00_0.00_0.00_0.00^;" in signed["signature"]["qr"]
    assert "Firma A" in signed["receipt"]["text"]
    assert "Rechnung folgt" in signed["receipt"]["text"]
    (owed,) = await booked(program, {sold["booking_id"]})
    assert (owed["chargee"]["center_number"], owed["chargee"]["card_number"]) == ("4711", "4711-1")
    assert (owed["amount"]["amount"], owed.get("fault")) == (980, None)
    assert await office.left("4711") == 49_020


async def test_a_limit_splits_a_sale_with_another_payment(
    program: Program, client: httpx.AsyncClient, office: Office, tills: list[DemoTill]
) -> None:
    await office.center("4712", limit=760)
    with pytest.raises(Refused) as full:
        await tills[0].sell(MEAL, [on_center(center_number="4712")], key="too-much")
    assert (full.value.code, full.value.problem["available"]["amount"]) == ("limit.exceeded", 760)
    booking_id = full.value.problem["booking_id"]
    split = [on_center(760, center_number="4712"), {**cash(220), "kind": "card"}]
    await tills[0].pay(booking_id, split, key="split")
    await tills[0].finish(booking_id, key="done")
    signed = await until_signed(client, tills[0], booking_id)
    assert ";Beleg^0.00_2.20_0.00_0.00_0.00^2.20:Unbar;" in signed["signature"]["qr"]
    (owed,) = await booked(program, {booking_id})
    assert owed["amount"]["amount"] == 760


async def test_an_aborted_sale_gives_everything_back(office: Office, tills: list[DemoTill]) -> None:
    await office.center("4713", limit=1_000)
    begun = await tills[0].open(MEAL, key="begun")
    await tills[0].pay(begun["booking_id"], [on_center(number="4713")], key="paid")
    assert await office.left("4713") == 20
    await tills[0].abort(begun["booking_id"], key="away")
    await office.until_left("4713", 1_000)


async def test_two_stores_race_for_the_last_of_a_limit(
    program: Program, office: Office, tills: list[DemoTill]
) -> None:
    await office.center("4714", limit=10_000)
    sales = [
        till.sell([article("Buch", 1_000)], [on_center(number="4714")], key=f"race-{number}")
        for number in range(8)
        for till in tills
    ]
    answers = await asyncio.gather(*sales, return_exceptions=True)
    sold = [answer for answer in answers if isinstance(answer, dict)]
    refused = [answer.code for answer in answers if isinstance(answer, Refused)]
    assert (len(sold), refused) == (10, ["limit.exceeded"] * 6)
    owed = await booked(program, {sale["booking_id"] for sale in sold})
    assert sum(fact["amount"]["amount"] for fact in owed) == 10_000


def test_the_virtual_printer_has_the_slip(program: Program) -> None:
    assert any("Kostenstellenbeleg" in paper.read_text() for paper in papers(program))


# --- kill -9 between payment and finish; on the PostgreSQL bus ---

SALES = 40
ANSWERED_BEFORE_THE_KILL = 8
AT_ONCE = 8
AGAIN_AT_ONCE = 4
PAID_TRIES_MAX = 5


@pytest.fixture(scope="module")
async def survived(alone: Program) -> dict[str, Any]:
    """A payment was held, many others were on their way, and then there was no program."""
    alone.start()
    await alone.ready()
    manager, back_office = alone.token("manager"), alone.token("back_office")
    async with alone.client() as client:
        office = Office(client, back_office)
        await office.center("4711", limit=50_000)
        await office.center("4712", limit=50_000)
        tills = await pair_tills(client, manager=manager, stores=("berlin", "koeln"), each=2)
        held = await tills[0].open(MEAL, key="held")
        await tills[0].pay(held["booking_id"], [on_center(number="4711")], key="held-paid")
        given_up = await tills[1].open(MEAL, key="given-up")
        await tills[1].pay(given_up["booking_id"], [on_center(number="4711")], key="up-paid")
    sales = [
        Sale(tills[number % 4], f"sale-{number}", MEAL, [on_center(center_number="4712")])
        for number in range(SALES)
    ]
    await _until_killed(alone, sales)

    alone.start()
    await alone.ready()
    async with alone.client() as client:
        tills = [DemoTill(client, till.store, till.till_id, till.token) for till in tills]
        finished = await tills[0].finish(held["booking_id"], key="held-done")
        await tills[1].abort(given_up["booking_id"], key="up-gone")
        room = asyncio.Semaphore(AGAIN_AT_ONCE)
        sold = set(await asyncio.gather(*(_sold(sale, client, room) for sale in sales)))
        office = Office(client, back_office)
        await office.until_left("4711", 50_000 - 980)
        await office.until_left("4712", 50_000 - SALES * 980)
        owed = await booked(alone, {*sold, held["booking_id"]})
    return {"finished": finished, "sold": sold, "owed": owed, "held": held["booking_id"]}


async def _sold(sale: Sale, client: httpx.AsyncClient, room: asyncio.Semaphore) -> str:
    """The booking of a sale that is asked again, as a cashier brings it to its end: a payment that
    was given up meanwhile is made anew."""
    async with room:
        try:
            return str((await sale.send(client))["booking_id"])
        except Refused as refused:
            if refused.code != "costcenter.unavailable":
                raise
            booking_id = str(refused.problem["booking_id"])
        till = DemoTill(client, sale.till.store, sale.till.till_id, sale.till.token)
        for attempt in range(PAID_TRIES_MAX):
            try:
                await till.pay(booking_id, sale.payments, key=f"{sale.key}-{attempt}")
            except Refused as slow:
                if slow.code != "costcenter.unavailable":
                    raise
                continue
            await till.finish(booking_id, key=f"{sale.key}-done")
            return booking_id
    raise TimeoutError(f"{sale.key} could not be paid")


async def _until_killed(program: Program, sales: list[Sale]) -> None:
    answered: list[str] = []
    enough, room = asyncio.Event(), asyncio.Semaphore(AT_ONCE)

    async def send(sale: Sale, client: httpx.AsyncClient) -> None:
        async with room:
            if enough.is_set():
                return
            # Unknown or too slow: it will be asked again with the same key.
            with contextlib.suppress(httpx.TransportError, Refused):
                await sale.send(client)
        answered.append(sale.key)
        if len(answered) >= ANSWERED_BEFORE_THE_KILL:
            enough.set()

    async with program.client() as client:
        tasks = [asyncio.create_task(send(sale, client)) for sale in sales]
        async with asyncio.timeout(60):
            await enough.wait()
        program.kill_everything()
        await asyncio.gather(*tasks)


async def test_a_held_payment_survives_a_kill_and_is_recorded(survived: dict[str, Any]) -> None:
    assert survived["finished"]["state"] in ("recorded", "signed")
    owed = [fact for fact in survived["owed"] if fact["booking_id"] == survived["held"]]
    assert [(fact["amount"]["amount"], fact.get("fault")) for fact in owed] == [(980, None)]


async def test_every_sale_is_owed_once_whatever_the_kill_cut_off(
    survived: dict[str, Any],
) -> None:
    owed = sorted(fact["booking_id"] for fact in survived["owed"])
    assert owed == sorted({*survived["sold"], survived["held"]})
    assert {fact.get("fault") for fact in survived["owed"]} == {None}


async def test_the_logs_are_whole_after_the_kill(survived: dict[str, Any], alone: Program) -> None:
    done = alone.cli("verify", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
