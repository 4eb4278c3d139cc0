"""Some hundred processes of tills under violence; `make endurance` is the same with 10,000."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.endurance.checks import CHECKS, Check
from tests.endurance.database import database
from tests.endurance.ground import TSES
from tests.endurance.run import Plan, Ran, Run

pytestmark = [pytest.mark.proof, pytest.mark.slow, pytest.mark.timeout(300)]

PROCESSES, EVERY = 600, 30
SIGNED_MIN = 0.25
"""Of everything; the rest fell into outages or waited too long for a process that lived."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ran(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ran]:
    plan = Plan(seed=5, processes=PROCESSES, every=EVERY)
    folder: Path = tmp_path_factory.mktemp("endurance")
    async with database() as url:
        yield await Run(plan, url, folder, lambda count: None).play()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_whatever_happens(check: Check, ran: Ran) -> None:
    assert list(check(ran.facts)) == []


async def test_it_comes_to_rest_and_the_log_is_whole(ran: Ran) -> None:
    assert ran.restless == ""
    assert ran.log_faults == ()


async def test_it_was_rough_and_most_was_signed_all_the_same(ran: Ran) -> None:
    assert ran.acts["kill"] + ran.acts["kill two"] >= 2
    assert ran.acts["overtake"] >= 2
    assert sum(ran.struck.values()) >= 10
    assert len(ran.facts.of("tse.taken_over")) > len(TSES)
    assert len(ran.facts.of("closing.signed")) >= 10
    assert len(ran.facts.of("signature.made")) >= SIGNED_MIN * len(ran.facts.verdicts)
