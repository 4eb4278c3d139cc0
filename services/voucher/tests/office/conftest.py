"""The back office over the memory store and over PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from events import EventStore
from events.store.postgres import PostgresEventStore
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.secrets import Secrets
from voucher.adapters.batches import PostgresBatchParts, PostgresBatchWork
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
    )
