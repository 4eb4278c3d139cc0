"""The same clients against a service with a fault built in: the checker has to find it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.linearizability.bookings import gateway
from tests.linearizability.broken import FAULTS
from tests.linearizability.processes import processes
from tests.linearizability.record import faults
from tests.linearizability.run import Plan, Ran, run

PLAN = Plan(seed=0, clients=16, payments=6, vouchers=2, value=20_000, heard_wait_s=3.0)

DAYS_MAX = 5
"""The fault has to show within so many runs; nearly always, it shows in the first."""

TWO = frozenset({"looks_are_old"})
"""Faults that show only where two processes work on one database."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The keys that belong to the module's database."""
    return tmp_path_factory.mktemp("broken")


@pytest.mark.parametrize("fault", sorted(FAULTS))
async def test_a_broken_service_is_found(
    fault: str, database_url: str, var: Path, tmp_path: Path
) -> None:
    async with (
        processes(
            var,
            database_url,
            count=2 if fault in TWO else 1,
            module="tests.linearizability.broken",
            faulty=fault,
        ) as service,
        gateway(database_url) as bookings,
    ):
        found = False
        for day in range(DAYS_MAX):
            if not found:
                found = await refused_after(Ran(_plan(fault, day), service, bookings), tmp_path)
    assert found


async def refused_after(ran: Ran, folder: Path) -> bool:
    """Whether the checker refuses what the clients were told on one day."""
    # A broken service may also leave a client without a proper answer. What counts here is that
    # the answers which did come are refused.
    with suppress(Exception):
        await run(ran)
    print(f"\n{ran.summary()}")
    told = faults(ran.records, folder)
    return any("answers can be explained, and not one more" in sentence for sentence in told)


def _plan(fault: str, day: int) -> Plan:
    """Other vouchers and other payments for each: they share a database."""
    return replace(PLAN, seed=1 + DAYS_MAX * sorted(FAULTS).index(fault) + day)
