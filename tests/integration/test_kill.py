"""kill -9 of the whole program, database included, amid 200 concurrent sales (issue 2, §5.2)."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from tests.support.program import Program
from tests.support.shop import (
    DemoTill,
    Refused,
    Sale,
    article,
    by_voucher,
    cash,
    pair_tills,
    until_signed,
    voucher_sale,
)

pytestmark = pytest.mark.proof

SALES = 200
ANSWERED_BEFORE_THE_KILL = 60
STORES = ("berlin", "koeln", "hamburg")
EVENTS_MAX = 10_000


async def presold(tills: Sequence[DemoTill], number: int) -> list[tuple[str, dict[str, Any]]]:
    """Vouchers of 10.00 that the concurrent sales will pay with, one each."""
    sold = []
    for index in range(number):
        till = tills[index % 4]  # Berlin and Köln are one legal entity.
        answer = await till.sell([voucher_sale(1000)], [cash(1000)], key=f"presold-{index}")
        sold.append((answer["vouchers"][0]["code"], answer))
    return sold


def all_sales(tills: Sequence[DemoTill], codes: Sequence[str]) -> list[Sale]:
    """200 sales of every kind of this slice, over six tills in three stores."""
    sales = []
    codes = list(codes)
    for index in range(SALES):
        till = tills[index % len(tills)]
        match index % 4:
            case 0 if codes and till.store != "hamburg":
                lines, payments = [article("Roman", 1600)], [by_voucher(codes.pop()), cash(1000)]
            case 1:
                lines, payments = [voucher_sale(2500)], [cash(2500)]
            case _:
                lines, payments = [article("Heft", 350, vat="standard")], [cash(500)]
        sales.append(Sale(till, f"sale-{index}", lines, payments))
    return sales


async def sell_until_killed(program: Program, sales: Sequence[Sale]) -> dict[str, dict[str, Any]]:
    """All sales at once; the program is killed when some are answered. Key → answer."""
    answered: dict[str, dict[str, Any]] = {}
    enough = asyncio.Event()

    async def send(sale: Sale, client: httpx.AsyncClient) -> None:
        try:
            answered[sale.key] = await sale.send(client)
        except (httpx.TransportError, Refused):
            return  # Unknown: it will be asked again with the same key.
        if len(answered) >= ANSWERED_BEFORE_THE_KILL:
            enough.set()

    async with program.client() as client:
        tasks = [asyncio.create_task(send(sale, client)) for sale in sales]
        async with asyncio.timeout(60):
            await enough.wait()
        program.kill_everything()
        await asyncio.gather(*tasks)
    return answered


def recorded_events(program: Program, service: str) -> list[dict[str, Any]]:
    done = program.cli("events", "tail", service, "-n", str(EVENTS_MAX), "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.fixture(scope="module")
async def survived(alone: Program) -> dict[str, Any]:
    """What is there after the kill and the second start, every sale asked again."""
    alone.environment["KASSENVERBUND_SIGN_WITHIN_S"] = "120"
    alone.start()
    await alone.ready()
    manager = alone.token("manager")
    async with alone.client() as client:
        tills = await pair_tills(client, manager=manager, stores=STORES)
        sold = await presold(tills, 40)
    sales = all_sales(tills, [code for code, _ in sold])
    before = await sell_until_killed(alone, sales)

    alone.start()
    await alone.ready()
    async with alone.client() as client:
        after = {
            sale.key: answer
            for sale, answer in zip(
                sales, await asyncio.gather(*(sale.send(client) for sale in sales)), strict=True
            )
        }
        bookings = await asyncio.gather(
            *(until_signed(client, sale.till, after[sale.key]["booking_id"]) for sale in sales)
        )
        liability = (
            await client.get(
                "/voucher/v1/liability",
                headers={"Authorization": f"Bearer {alone.token('back_office')}"},
            )
        ).json()
    return {
        "before": before,
        "after": after,
        "bookings": bookings,
        "presold": [answer for _, answer in sold],
        "sales": sales,
        "gateway": recorded_events(alone, "device-gateway"),
        "signer": recorded_events(alone, "fiscal-signer"),
        "liability": liability,
    }


def _named(events: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [event["data"] for event in events if event["name"] == name]


def _recorded_ids(survived: dict[str, Any]) -> list[str]:
    return [booking["booking_id"] for booking in _named(survived["gateway"], "booking.recorded")]


async def test_the_kill_came_in_the_middle(survived: dict[str, Any]) -> None:
    assert ANSWERED_BEFORE_THE_KILL <= len(survived["before"]) < SALES


async def test_every_accepted_sale_is_the_same_booking_after_the_restart(
    survived: dict[str, Any],
) -> None:
    for key, answer in survived["before"].items():
        again = survived["after"][key]
        assert (answer["booking_id"], answer["number"]) == (again["booking_id"], again["number"])


async def test_no_sale_is_recorded_twice_and_none_is_missing(survived: dict[str, Any]) -> None:
    recorded = [
        booking["booking_id"] for booking in _named(survived["gateway"], "booking.recorded")
    ]
    expected = [answer["booking_id"] for answer in survived["after"].values()]
    expected += [answer["booking_id"] for answer in survived["presold"]]
    assert sorted(recorded) == sorted(expected)


async def test_the_numbers_of_each_till_have_no_gap(survived: dict[str, Any]) -> None:
    numbers = defaultdict(list)
    for booking in _named(survived["gateway"], "booking.recorded"):
        numbers[booking["till_id"]].append(booking["number"])
    assert len(numbers) == 6
    for till, given in numbers.items():
        assert given == list(range(1, len(given) + 1)), till


async def test_every_recorded_booking_is_signed_exactly_once(survived: dict[str, Any]) -> None:
    assert {booking["state"] for booking in survived["bookings"]} == {"signed"}
    signed = [made["booking_id"] for made in _named(survived["signer"], "signature.made")
              if not made.get("aborted")]  # fmt: skip
    recorded = [
        booking["booking_id"] for booking in _named(survived["gateway"], "booking.recorded")
    ]
    assert sorted(signed) == sorted(recorded)
    assert not _named(survived["signer"], "signature.left_unsigned")


async def test_each_tse_signed_in_the_order_of_the_store_s_bookings(
    survived: dict[str, Any],
) -> None:
    recorded: dict[str, list[str]] = defaultdict(list)
    signed: dict[str, list[str]] = defaultdict(list)
    for booking in _named(survived["gateway"], "booking.recorded"):
        recorded[booking["tse_id"]].append(booking["booking_id"])
    for made in _named(survived["signer"], "signature.made"):
        if not made.get("aborted"):
            signed[made["tse_id"]].append(made["booking_id"])
    assert signed == recorded


async def test_the_signature_counters_of_each_tse_have_no_gap(survived: dict[str, Any]) -> None:
    counters: dict[str, list[int]] = defaultdict(list)
    for event in survived["signer"]:
        counter = event["data"].get("signature_counter")
        if counter is not None:
            counters[event["data"]["tse_id"]].append(counter)
    assert len(counters) == len(STORES)
    for tse, given in counters.items():
        assert given == list(range(given[0], given[0] + len(given))), tse


async def test_no_voucher_was_spent_twice(survived: dict[str, Any]) -> None:
    sums: dict[str, int] = defaultdict(int)
    for owed in survived["liability"]["entries"]:
        for name in ("issued", "redeemed", "cancelled", "balance"):
            sums[name] += owed[name]["amount"]
    paid = sum(
        payment["amount"]["amount"]
        for booking in survived["bookings"]
        for payment in booking["payments"]
        if payment["kind"] == "voucher"
    )
    assert sums["redeemed"] == paid
    assert sums["issued"] == sums["redeemed"] + sums["cancelled"] + sums["balance"]


async def test_the_logs_are_whole(survived: dict[str, Any], alone: Program) -> None:
    done = alone.cli("verify", "--json")
    assert done.returncode == 0, done.stdout + done.stderr


async def test_sigterm_ends_the_program_in_time_with_connections_open(
    survived: dict[str, Any], alone: Program
) -> None:
    async with alone.client() as client:
        await client.get("/health/live")
        assert alone.terminate() == 0
