"""The same clients against a service with a fault in its limits: the checks have to find it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from costcenter.events import EVENTS
from costcenter.service import SERVICE
from events import Registry
from events.bus.postgres import PostgresBus
from events.store.postgres import PostgresEventStore
from events.testing.database import fresh_database
from tests.linearizability.broken_limits import FAULTS
from tests.linearizability.limits_checks import (
    answers_exceed,
    refused_without_reason,
    replay,
    told_otherwise,
    unused,
)
from tests.linearizability.limits_plan import CARDS, furnish
from tests.linearizability.limits_run import Plan, Ran, read_on, run
from tests.linearizability.limits_tills import Gateway
from tests.linearizability.processes import processes

PLAN = Plan(seed=1, clients=16, payments=12, kills=0, heard_wait_s=10.0)

DAYS_MAX = 3
"""The fault has to show within so many runs; nearly always, it shows in the first."""

FINDS = {
    "a_limit_is_forgotten": "exceeded",
    "old_states_decide": "exceeded",
    "lapsed_holds_stay": "unused",
}
"""What has to be seen, by fault."""

pytestmark = [pytest.mark.proof, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize("fault", sorted(FAULTS))
async def test_a_broken_limit_is_found(
    fault: str, tmp_path_factory: pytest.TempPathFactory, postgres_url: str
) -> None:
    found: list[object] = []
    for day in range(DAYS_MAX):
        plan = replace(PLAN, seed=1 + day)
        found = found or await _found(fault, plan, tmp_path_factory.mktemp(fault), postgres_url)
    assert found


async def _found(fault: str, plan: Plan, folder: Path, postgres_url: str) -> list[object]:
    """What is seen of the fault on one day, with an empty database: all charge the same center."""
    async with (
        fresh_database(postgres_url) as database_url,
        processes(
            folder,
            database_url,
            count=2,
            service="costcenter",
            module="tests.linearizability.broken_limits",
            faulty=fault,
        ) as service,
        PostgresBus.open(database_url) as bus,
        PostgresEventStore.open(
            database_url, service="costcenter", schema=SERVICE.schema, registry=Registry(*EVENTS)
        ) as store,
    ):
        await furnish(store)
        ran = Ran(plan, service, Gateway(bus), store)
        # A broken service may also leave a client without a proper answer. What counts here is
        # what is found in the answers that did come, and in the log.
        with suppress(Exception):
            await run(ran)
        await read_on(ran)
        print(f"\n{ran.summary()}")
    replayed = replay(ran.log)
    seen = {
        "exceeded": [*replayed.exceeded, *answers_exceed(ran.seen)],
        "unused": [*refused_without_reason(ran.seen, replayed), *unused(replayed, CARDS)],
        "told": told_otherwise(ran.seen, replayed),
    }
    return list(seen[FINDS[fault]])
