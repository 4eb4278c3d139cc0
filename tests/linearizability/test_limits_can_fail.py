"""The same clients against a service with a fault in its limits: the checks have to find it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy.engine import make_url

from costcenter.events import EVENTS
from costcenter.service import SERVICE
from events import Registry
from events.bus.postgres import PostgresBus
from events.store.postgres import PostgresEventStore
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

FINDS = {
    "a_limit_is_forgotten": "exceeded",
    "old_states_decide": "exceeded",
    "lapsed_holds_stay": "unused",
}
"""What has to be seen, by fault."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest_asyncio.fixture(loop_scope="session")
async def fresh_database(postgres_url: str) -> AsyncIterator[str]:
    """One for each fault: they all charge the same center."""
    name = f"test_{uuid4().hex}"
    admin = await asyncpg.connect(postgres_url)
    await admin.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
    yield make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.mark.parametrize("fault", sorted(FAULTS))
async def test_a_broken_limit_is_found(fault: str, tmp_path: Path, fresh_database: str) -> None:
    async with (
        processes(
            tmp_path,
            fresh_database,
            count=2,
            service="costcenter",
            module="tests.linearizability.broken_limits",
            faulty=fault,
        ) as service,
        PostgresBus.open(fresh_database) as bus,
        PostgresEventStore.open(
            fresh_database, service="costcenter", schema=SERVICE.schema, registry=Registry(*EVENTS)
        ) as store,
    ):
        await furnish(store)
        ran = Ran(PLAN, service, Gateway(bus), store)
        # A broken service may also leave a client without a proper answer. What counts here is
        # what is found in the answers that did come, and in the log.
        with suppress(Exception):
            await run(ran)
        await read_on(ran)
        print(f"\n{ran.summary()}")
    replayed = replay(ran.log)
    found = {
        "exceeded": [*replayed.exceeded, *answers_exceed(ran.seen)],
        "unused": [*refused_without_reason(ran.seen, replayed), *unused(replayed, CARDS)],
        "told": told_otherwise(ran.seen, replayed),
    }
    assert found[FINDS[fault]], found
