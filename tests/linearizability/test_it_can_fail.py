"""The same clients against a service with a fault built in: the checker has to find it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from events.testing.database import fresh_database
from tests.linearizability.bookings import gateway
from tests.linearizability.broken import FAULTS
from tests.linearizability.processes import processes
from tests.linearizability.record import faults
from tests.linearizability.run import Plan, Ran, run

PLAN = Plan(seed=0, clients=16, payments=6, vouchers=2, value=20_000, heard_wait_s=3.0)

DAYS_MAX = 5
"""The fault has to show within so many runs; nearly always, it shows in the first."""

DAY_S = 45.0
"""A service that died is waited for no longer."""

TWO = frozenset({"looks_are_old"})
"""Faults that show only where two processes work on one database."""

pytestmark = [pytest.mark.proof, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize("fault", sorted(FAULTS))
async def test_a_broken_service_is_found(
    fault: str, postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    found = False
    for day in range(DAYS_MAX):
        folder = tmp_path_factory.mktemp(fault)
        found = found or await _found_on(day, fault, postgres_url, folder)
    assert found


async def _found_on(day: int, fault: str, postgres_url: str, folder: Path) -> bool:
    """Whether the checker refuses what the clients were told on one day. What a broken service
    stored may break the next one as well: each day begins with an empty database."""
    async with (
        fresh_database(postgres_url) as database_url,
        processes(
            folder,
            database_url,
            count=2 if fault in TWO else 1,
            module="tests.linearizability.broken",
            faulty=fault,
        ) as service,
        gateway(database_url) as bookings,
    ):
        ran = Ran(replace(PLAN, seed=day), service, bookings)
        # A broken service may also die, or leave a client without a proper answer. What counts
        # here is that the answers which did come are refused.
        with suppress(Exception):
            async with asyncio.timeout(DAY_S):
                await run(ran)
    print(f"\n{ran.summary()}")
    told = faults(ran.records, folder)
    return any("answers can be explained, and not one more" in sentence for sentence in told)
