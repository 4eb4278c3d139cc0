"""An hour of sales while the line to the center is cut and the gateway is killed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.line_cut.checks import RULES
from tests.line_cut.ground import ground
from tests.line_cut.run import Plan, Ran, run

pytestmark = [pytest.mark.kafka, pytest.mark.proof]

PLAN = Plan(seed=6, sales=150)
TILLS = 4


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ran(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, kafka_jars: Path
) -> AsyncIterator[Ran]:
    folder = tmp_path_factory.mktemp("cut")
    async with ground(folder, postgres_url, tills=TILLS, kafka_jars=kafka_jars) as made:
        result = await run(PLAN, made)
        print(result.summary())
        yield result


@pytest.mark.parametrize("rule", RULES)
async def test_after_the_cut(ran: Ran, rule: str) -> None:
    assert not RULES[rule](ran), ran.summary()


async def test_the_gateway_was_killed_while_the_line_was_cut(ran: Ran) -> None:
    assert ran.kills == PLAN.kills
    assert ran.moods[0] == "cut"
    assert "hang" in ran.moods
