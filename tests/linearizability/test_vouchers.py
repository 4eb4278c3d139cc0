"""Vouchers under fire, over HTTPS: 32 clients at 4 tills, 3 processes on one database, kill -9.

Every answer that any client got goes into a history, and each voucher's history has to be one that
a single careful clerk could have produced (`checker.py`, `clerk.py`). SEED=… draws other payments.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.linearizability.bookings import gateway
from tests.linearizability.clerk import Capture, Done, LookUp, Redeem
from tests.linearizability.processes import processes
from tests.linearizability.record import faults
from tests.linearizability.run import Plan, Ran, client_of, run
from tests.linearizability.tills import ANSWER_WAIT_S

PLAN = Plan(seed=int(os.environ.get("SEED") or 20_261_122), payments=14, value=70_000, kills=5)
EVENTS_MAX = 10_000
SETTLED_WAIT_S = 30.0

pytestmark = [pytest.mark.proof, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ran(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ran]:
    """What is there after the run; the processes are still up."""
    var = tmp_path_factory.mktemp("linear")
    async with (
        processes(var, database_url, count=3) as service,
        gateway(database_url) as bookings,
    ):
        done = Ran(PLAN, service, bookings)
        await run(done)
        print(f"\n{done.summary()}")
        yield done


@pytest.fixture(scope="module")
def log(ran: Ran) -> list[dict[str, Any]]:
    """All events of the service."""
    done = ran.service.programs[0].cli("events", "tail", "voucher", "-n", str(EVENTS_MAX), "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


async def test_every_history_is_one_that_a_single_clerk_could_have_produced(
    ran: Ran, artefacts: Path
) -> None:
    assert not faults(ran.records, artefacts), "see the artefacts"


async def test_the_run_was_as_rough_as_it_was_meant_to_be(ran: Ran) -> None:
    assert ran.service.kills == PLAN.kills
    assert ran.records.answers() > PLAN.clients * PLAN.payments
    assert ran.records.lost_tries() > PLAN.kills
    assert ran.records.repeats() > 0


async def test_every_acknowledged_redemption_stands_in_the_log_exactly_once(
    ran: Ran, log: list[dict[str, Any]]
) -> None:
    spent = {
        (asking.request.id, asking.answer.amount)
        for askings in ran.records.askings.values()
        for asking in askings
        if isinstance(asking.request, Redeem | Capture) and isinstance(asking.answer, Done)
    }
    recorded = Counter(
        (event["data"]["hold_id"], event["data"]["amount"]["amount"])
        for event in log
        if event["name"] == "voucher.redeemed"
    )
    assert spent
    assert spent <= set(recorded)
    assert set(recorded.values()) == {1}


async def test_what_is_left_is_what_was_issued_less_what_the_log_says_was_spent(
    ran: Ran, log: list[dict[str, Any]]
) -> None:
    left = {voucher.serial: voucher.value for voucher in ran.vouchers}
    for event in log:
        if event["name"] == "voucher.redeemed":
            left[event["data"]["serial"]] -= event["data"]["amount"]["amount"]
    assert left == {voucher.serial: seen.balance for voucher, seen in ran.last_seen.items()}


async def test_the_liability_is_the_sum_of_all_balances(ran: Ran) -> None:
    issued = sum(voucher.value for voucher in ran.vouchers)
    balance = sum(seen.balance for seen in ran.last_seen.values())
    owed = await settled_liability(ran, balance)
    assert owed["balanced"]
    assert owed["issued"]["amount"] == issued
    assert owed["redeemed"]["amount"] == issued - balance
    assert owed["balance"]["amount"] == balance


async def settled_liability(ran: Ran, balance: int) -> dict[str, Any]:
    """The service's own sum, once its read model has caught up (or its time is over)."""
    deadline = asyncio.get_running_loop().time() + SETTLED_WAIT_S
    while True:
        answer = await ran.service.clients[0].get(
            "/voucher/v1/liability",
            headers={"authorization": f"Bearer {ran.service.tokens.back_office}"},
        )
        (owed,) = answer.json()["entries"]
        settled = owed["balance"]["amount"] == balance
        if settled or asyncio.get_running_loop().time() > deadline:
            found: dict[str, Any] = owed
            return found
        await asyncio.sleep(0.1)


async def test_a_used_key_with_another_body_is_refused_everywhere_and_changes_nothing(
    ran: Ran,
) -> None:
    voucher, request = next(
        (voucher, asking.request)
        for voucher, askings in ran.records.askings.items()
        for asking in askings
        if isinstance(asking.request, Redeem) and isinstance(asking.answer, Done)
    )
    till = client_of(ran, 0)
    for number in range(len(ran.service.programs)):
        other = replace(request, amount=request.amount + 1)
        answer = await till.send(number, voucher, other, ANSWER_WAIT_S)
        assert answer.status_code == 422
        assert answer.json()["code"] == "idempotency_key.reused"
    assert await till.ask(voucher, LookUp(), calmly=True) == ran.last_seen[voucher]


async def test_the_log_is_whole(ran: Ran) -> None:
    done = ran.service.programs[0].cli("verify", "voucher", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
