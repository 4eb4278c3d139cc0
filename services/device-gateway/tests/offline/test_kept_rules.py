"""The last rules survive a restart, in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from device_gateway.adapters.offline_rules import PostgresOfflineRules
from device_gateway.ports import OfflineRules
from device_gateway.service import SERVICE
from events.store.connection import engine_for
from money import euro

NOW = datetime(2026, 11, 20, 10, 0, 0, 123456, tzinfo=UTC)
RULES = OfflineRules(
    store_id="berlin", takes=True, legal_entity_id="gmbh", sold_here=True,
    keys={"00c0ffee": "A" * 43 + "="}, heard_at=NOW, cap=euro("20.00"), per_day=euro("90.00"),
    per_till_day=euro("50.00"),
)  # fmt: skip


@pytest_asyncio.fixture(loop_scope="session")
async def kept(database_url: str) -> AsyncIterator[PostgresOfflineRules]:
    engine: AsyncEngine = engine_for(database_url, schema=SERVICE.schema)
    async with engine.begin() as connection:
        await connection.execute(text(f"DROP SCHEMA IF EXISTS {SERVICE.schema} CASCADE"))
        await connection.execute(text(f"CREATE SCHEMA {SERVICE.schema}"))
        migration = (SERVICE.migrations / "0030_offline.sql").read_text(encoding="utf-8")
        await connection.execute(text(migration))
    yield PostgresOfflineRules(engine, ["berlin"])
    await engine.dispose()


async def test_of_a_store_that_never_heard_any_there_are_none(kept: PostgresOfflineRules) -> None:
    assert await kept.of("berlin") is None


async def test_rules_come_back_as_they_were_kept(kept: PostgresOfflineRules) -> None:
    await kept.keep(RULES)
    assert await kept.of("berlin") == RULES


async def test_a_store_that_the_chain_file_forbids_it_has_no_rules_whatever_was_heard(
    kept: PostgresOfflineRules,
) -> None:
    await kept.keep(replace(RULES, store_id="koeln"))
    assert await kept.of("koeln") is None


async def test_newer_rules_take_the_place_of_older_ones(kept: PostgresOfflineRules) -> None:
    await kept.keep(RULES)
    newer = replace(
        RULES, heard_at=NOW + timedelta(minutes=5), takes=False, cap=None, per_day=None,
        per_till_day=None,
    )  # fmt: skip
    await kept.keep(newer)
    assert await kept.of("berlin") == newer


async def test_an_answer_that_comes_late_changes_nothing(kept: PostgresOfflineRules) -> None:
    await kept.keep(RULES)
    await kept.keep(replace(RULES, heard_at=NOW - timedelta(minutes=5), takes=False))
    assert await kept.of("berlin") == RULES
