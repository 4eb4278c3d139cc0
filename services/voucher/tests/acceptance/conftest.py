"""The service behind HTTP, for examples that are told from outside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from events.store.postgres import PostgresEventStore
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.secrets import Secrets
from voucher.testing.desk import Desk, open_desk


@pytest.fixture
async def desk(
    postgres: PostgresEventStore,
    models: AsyncEngine,
    chain: Chain,
    secrets: Secrets,
    clock: Callable[[], datetime],
    tmp_path: Path,
) -> AsyncIterator[Desk]:
    async with open_desk(
        postgres, models, chain=chain, secrets=secrets, clock=clock, var=tmp_path
    ) as made:
        yield made
