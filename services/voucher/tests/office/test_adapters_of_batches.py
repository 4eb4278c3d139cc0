"""Parts of batches in PostgreSQL: sealed, kept once, gone when their time is up."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from kassenverbund.kit.secrets import Secrets
from voucher.adapters.batches import PartUnreadable, PostgresBatchParts, PostgresBatchWork

if TYPE_CHECKING:
    from services.voucher.tests.conftest import Clock


@pytest.fixture
def parts(models: AsyncEngine, secrets: Secrets) -> PostgresBatchParts:
    return PostgresBatchParts(models, secrets, os.urandom)


async def test_what_is_kept_first_stays(parts: PostgresBatchParts, clock: Clock) -> None:
    until = clock() + timedelta(days=1)
    assert await parts.keep("P1", 0, b"first", until=until) == b"first"
    assert await parts.keep("P1", 0, b"second", until=until) == b"first"
    assert await parts.read("P1", 0) == b"first"
    assert await parts.read("P1", 1) is None


async def test_no_part_can_be_read_in_the_table(
    parts: PostgresBatchParts, models: AsyncEngine, clock: Clock
) -> None:
    await parts.keep("P2", 0, b"V0000-SECRET", until=clock() + timedelta(days=1))
    async with models.connect() as connection:
        row = (
            await connection.execute(text("SELECT * FROM batch_part WHERE batch_id = 'P2'"))
        ).one()
    assert b"SECRET" not in bytes(row.sealed)


async def test_a_part_cannot_be_passed_off_as_another(
    parts: PostgresBatchParts, models: AsyncEngine, clock: Clock
) -> None:
    await parts.keep("P3", 0, b"codes", until=clock() + timedelta(days=1))
    async with models.begin() as tx:
        await tx.execute(text("UPDATE batch_part SET part = 1 WHERE batch_id = 'P3'"))
    with pytest.raises(PartUnreadable):
        await parts.read("P3", 1)


async def test_a_part_of_another_key_is_a_defect(
    parts: PostgresBatchParts, models: AsyncEngine, clock: Clock
) -> None:
    await parts.keep("P4", 0, b"codes", until=clock() + timedelta(days=1))
    other = PostgresBatchParts(models, Secrets(root=b"x" * 32, key_id="other"), os.urandom)
    with pytest.raises(PartUnreadable):
        await other.read("P4", 0)


async def test_parts_are_purged_when_their_time_is_up(
    parts: PostgresBatchParts, clock: Clock
) -> None:
    await parts.keep("P5", 0, b"codes", until=clock() + timedelta(minutes=5))
    await parts.purge(clock() + timedelta(minutes=4))
    assert await parts.read("P5", 0) == b"codes"
    await parts.purge(clock() + timedelta(minutes=5))
    assert await parts.read("P5", 0) is None


async def test_one_part_or_all_are_wiped(parts: PostgresBatchParts, clock: Clock) -> None:
    for part in range(3):
        await parts.keep("P6", part, b"codes", until=clock() + timedelta(days=1))
    await parts.wipe("P6", 1)
    assert [await parts.read("P6", part) for part in range(3)] == [b"codes", None, b"codes"]
    await parts.wipe("P6")
    assert [await parts.read("P6", part) for part in range(3)] == [None, None, None]


async def test_a_turn_belongs_to_one_worker_at_a_time(models: AsyncEngine) -> None:
    work = PostgresBatchWork(models)
    async with work.turn("W1") as first, work.turn("W1") as second, work.turn("W2") as other:
        assert (first, second, other) == (True, False, True)
    async with work.turn("W1") as again:
        assert again


async def test_work_is_remembered_until_it_is_done(models: AsyncEngine, clock: Clock) -> None:
    work = PostgresBatchWork(models)
    await work.add("W3", clock())
    await work.add("W3", clock() + timedelta(hours=1))
    assert ("W3", clock()) in await work.open()
    await work.done("W3")
    assert "W3" not in [batch_id for batch_id, _ in await work.open()]
