"""Limits under fire, over HTTPS: 32 clients at 4 tills charge one center with five stacked limits
through 3 processes on one database, kill -9.

At no point of the log, and by no client's count, is a limit exceeded; whoever was refused was
refused for a reason; and afterwards one clerk can take the rest, to the last cent. SEED=… draws
other payments.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from costcenter.events import EVENTS, UsageGivenBack, UsageOpened, UsageTaken
from costcenter.service import SERVICE
from events import Registry
from events.bus.postgres import PostgresBus
from events.store.postgres import PostgresEventStore
from tests.linearizability.limits_checks import (
    Replay,
    answers_exceed,
    refused_without_reason,
    replay,
    told_otherwise,
    unused,
)
from tests.linearizability.limits_plan import CARDS, LIMITS, furnish
from tests.linearizability.limits_run import Plan, Ran, run
from tests.linearizability.limits_tills import Gateway
from tests.linearizability.processes import processes

PLAN = Plan(seed=int(os.environ.get("SEED") or 20_261_122))

pytestmark = [pytest.mark.proof, pytest.mark.slow, pytest.mark.timeout(180)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ran(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ran]:
    """What is there after the run; the processes are still up."""
    var = tmp_path_factory.mktemp("limits")
    async with (
        processes(var, database_url, count=3, service="costcenter") as service,
        PostgresBus.open(database_url) as bus,
        PostgresEventStore.open(
            database_url, service="costcenter", schema=SERVICE.schema, registry=Registry(*EVENTS)
        ) as store,
    ):
        await furnish(store)
        done = Ran(PLAN, service, Gateway(bus), store)
        await run(done)
        print(f"\n{done.summary()}")
        yield done


@pytest.fixture(scope="module")
def replayed(ran: Ran) -> Replay:
    return replay(ran.log)


async def test_no_limit_is_exceeded_at_any_point_of_the_log(replayed: Replay) -> None:
    assert replayed.exceeded == []


async def test_no_limit_is_exceeded_by_what_the_tills_were_told(ran: Ran) -> None:
    assert answers_exceed(ran.seen) == []


async def test_the_log_says_what_the_tills_were_told(ran: Ran, replayed: Replay) -> None:
    assert told_otherwise(ran.seen, replayed) == []


async def test_no_booking_found_its_hold_gone(replayed: Replay) -> None:
    assert replayed.faults == []


async def test_whoever_was_refused_was_refused_for_a_reason(ran: Ran, replayed: Replay) -> None:
    assert refused_without_reason(ran.seen, replayed) == []


async def test_afterwards_one_clerk_takes_the_rest_to_the_last_cent(replayed: Replay) -> None:
    assert unused(replayed, CARDS) == []
    (company,) = [limit for limit in LIMITS if limit.level == "company"]
    assert replayed.rooms[company.limit_id][-1] == 0


async def test_each_account_of_the_log_says_what_the_charges_say(
    ran: Ran, replayed: Replay
) -> None:
    units = {limit.limit_id: limit for limit in LIMITS}
    used = dict.fromkeys(units, 0)
    for entry in ran.log:
        match entry.event:
            case UsageTaken() | UsageOpened() as more:
                limit = units[more.limit_id]
                used[more.limit_id] += more.amount.amount if limit.unit == "amount" else more.count
            case UsageGivenBack() as less:
                limit = units[less.limit_id]
                used[less.limit_id] -= less.amount.amount if limit.unit == "amount" else less.count
    assert used == {name: units[name].value - rooms[-1] for name, rooms in replayed.rooms.items()}


async def test_the_run_was_as_rough_as_it_was_meant_to_be(ran: Ran) -> None:
    assert ran.service.kills == PLAN.kills
    assert sum(held.lost for held in ran.seen) > 0
    assert sum(held.refusal is not None for held in ran.seen) > 0
    assert any(held.amount is not None and held.amount < held.wanted for held in ran.seen)


async def test_the_log_is_whole(ran: Ran) -> None:
    done = ran.service.programs[0].cli("verify", "costcenter", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
