"""The back office over the memory store and over PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from events import EventStore
from events.store.postgres import PostgresEventStore
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.secrets import Secrets
from voucher.adapters.batches import PostgresBatchParts, PostgresBatchWork
from voucher.adapters.streams import PostgresVoucherStreams
from voucher.service import REGISTRY
from voucher.testing.desk import Desk, open_desk
from voucher.testing.office import Office, build_office

Now = Callable[[], datetime]


@pytest.fixture
def office(memory: EventStore, chain: Chain, secrets: Secrets, clock: Now) -> Office:
    return build_office(memory, chain=chain, secrets=secrets, clock=clock, random_bytes=os.urandom)


@pytest.fixture
def real_office(
    postgres: PostgresEventStore, models: AsyncEngine, chain: Chain, secrets: Secrets, clock: Now
) -> Office:
    return build_office(
        postgres,
        chain=chain,
        secrets=secrets,
        clock=clock,
        random_bytes=os.urandom,
        parts=PostgresBatchParts(models, secrets, os.urandom),
        work=PostgresBatchWork(models),
        streams=PostgresVoucherStreams(models, REGISTRY),
    )


@pytest.fixture
async def desk(
    postgres: PostgresEventStore,
    models: AsyncEngine,
    chain: Chain,
    secrets: Secrets,
    clock: Now,
    tmp_path: Path,
) -> AsyncIterator[Desk]:
    async with open_desk(
        postgres, models, chain=chain, secrets=secrets, clock=clock, var=tmp_path
    ) as made:
        yield made
