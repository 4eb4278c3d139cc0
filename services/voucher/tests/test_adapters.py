"""What lies in PostgreSQL beside the log: sealed codes and counters of wrong ones."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from kassenverbund.kit.secrets import Secrets
from voucher.adapters.attempts import OWN, WEAK, WINDOW, PostgresAttempts
from voucher.adapters.deliveries import CodeUnreadable, PostgresDeliveries

NOW = datetime(2026, 11, 22, 10, 5, tzinfo=UTC)
LATER = NOW + timedelta(hours=72)
CODE = "V0123456789ABCDD"


def _nonces() -> object:
    number = 0

    def draw(size: int) -> bytes:
        nonlocal number
        number += 1
        return number.to_bytes(size, "big")

    return draw


@pytest.fixture
def deliveries(models: AsyncEngine, secrets: Secrets) -> PostgresDeliveries:
    return PostgresDeliveries(models, secrets, _nonces())  # type: ignore[arg-type]  # RandomBytes.


async def test_a_code_is_kept_until_it_is_delivered(deliveries: PostgresDeliveries) -> None:
    voucher_id = uuid4().hex
    assert await deliveries.keep(voucher_id, CODE, until=LATER) == CODE
    assert await deliveries.read(voucher_id) == CODE
    await deliveries.wipe(voucher_id)
    assert await deliveries.read(voucher_id) is None


async def test_the_first_code_stays_and_everybody_gets_it(deliveries: PostgresDeliveries) -> None:
    voucher_id = uuid4().hex
    asked = [deliveries.keep(voucher_id, f"CODE-{n}", until=LATER) for n in range(4)]
    assert len(set(await asyncio.gather(*asked))) == 1


async def test_a_code_is_not_readable_in_its_row(
    deliveries: PostgresDeliveries, models: AsyncEngine
) -> None:
    voucher_id = uuid4().hex
    await deliveries.keep(voucher_id, CODE, until=LATER)
    async with models.connect() as connection:
        sealed = await connection.scalar(
            text("SELECT sealed FROM delivery WHERE voucher_id = :id"), {"id": voucher_id}
        )
    assert CODE.encode() not in sealed
    assert len(sealed) == len(CODE) + 16


async def test_a_row_cannot_be_passed_off_as_anothers(
    deliveries: PostgresDeliveries, models: AsyncEngine
) -> None:
    voucher_id, other = uuid4().hex, uuid4().hex
    await deliveries.keep(voucher_id, CODE, until=LATER)
    async with models.begin() as tx:
        await tx.execute(
            text("UPDATE delivery SET voucher_id = :other WHERE voucher_id = :id"),
            {"id": voucher_id, "other": other},
        )
    with pytest.raises(CodeUnreadable):
        await deliveries.read(other)


async def test_another_root_key_does_not_open_a_row(
    deliveries: PostgresDeliveries, models: AsyncEngine
) -> None:
    voucher_id = uuid4().hex
    await deliveries.keep(voucher_id, CODE, until=LATER)
    stranger = PostgresDeliveries(
        models,
        Secrets(root=b"x" * 32, key_id="other"),
        _nonces(),  # type: ignore[arg-type]  # RandomBytes.
    )
    with pytest.raises(CodeUnreadable):
        await stranger.read(voucher_id)


async def test_a_code_whose_time_is_up_is_purged_and_no_other(
    deliveries: PostgresDeliveries,
) -> None:
    old, new = uuid4().hex, uuid4().hex
    await deliveries.keep(old, CODE, until=NOW)
    await deliveries.keep(new, CODE, until=LATER)
    await deliveries.purge(NOW)
    assert await deliveries.read(old) is None
    assert await deliveries.read(new) == CODE


@pytest.fixture
async def attempts(models: AsyncEngine) -> PostgresAttempts:
    async with models.begin() as tx:
        await tx.execute(text("TRUNCATE attempt, attempt_budget"))
    return PostgresAttempts(models)


async def test_the_fifth_wrong_code_within_a_minute_locks_its_source(
    attempts: PostgresAttempts,
) -> None:
    waits = [await attempts.wrong("till:a", NOW) for _ in range(OWN.wrong_max)]
    assert waits == [0, 0, 0, 0, int(OWN.locked_for.total_seconds())]
    assert await attempts.locked_s("till:a", NOW) == int(OWN.locked_for.total_seconds())
    assert await attempts.locked_s("till:b", NOW) == 0


async def test_a_lock_ends_and_the_count_begins_anew(attempts: PostgresAttempts) -> None:
    for _ in range(OWN.wrong_max):
        await attempts.wrong("till:a", NOW)
    assert await attempts.locked_s("till:a", NOW + OWN.locked_for) == 0
    assert await attempts.wrong("till:a", NOW + OWN.locked_for) == 0


async def test_wrong_codes_far_apart_lock_nobody(attempts: PostgresAttempts) -> None:
    waits = [await attempts.wrong("till:a", NOW + n * WINDOW) for n in range(OWN.wrong_max + 2)]
    assert set(waits) == {0}


async def test_another_replica_sees_a_lock_within_a_second(
    attempts: PostgresAttempts, models: AsyncEngine
) -> None:
    other = PostgresAttempts(models)
    assert await other.locked_s("till:a", NOW) == 0
    for _ in range(OWN.wrong_max):
        await attempts.wrong("till:a", NOW)
    assert await other.locked_s("till:a", NOW + timedelta(seconds=1)) > 0


async def test_replicas_do_not_multiply_the_tries(
    attempts: PostgresAttempts, models: AsyncEngine
) -> None:
    replicas = [attempts, PostgresAttempts(models), PostgresAttempts(models)]
    waits = [await replicas[n % 3].wrong("till:a", NOW) for n in range(OWN.wrong_max)]
    assert waits[-1] > 0


async def test_a_spent_budget_stops_those_who_were_wrong_and_nobody_else(
    attempts: PostgresAttempts, models: AsyncEngine
) -> None:
    async with models.begin() as tx:
        await tx.execute(
            text("INSERT INTO attempt_budget (guard, hour, wrong) VALUES ('own', :hour, :wrong)"),
            {"hour": NOW.replace(minute=0), "wrong": OWN.wrong_per_hour_max - 1},
        )
    assert await attempts.wrong("till:a", NOW) == 55 * 60
    assert await attempts.locked_s("till:honest", NOW) == 0
    assert await attempts.locked_s("till:a", NOW) == 55 * 60
    assert await attempts.locked_s("till:a", NOW + timedelta(minutes=55)) == 0


async def test_counters_that_can_lock_nobody_are_purged(attempts: PostgresAttempts) -> None:
    await attempts.wrong("till:a", NOW)
    assert await attempts.purge(NOW + timedelta(hours=1)) == 0
    assert await attempts.purge(NOW + timedelta(hours=3)) == 1


async def test_short_codes_are_watched_more_narrowly_and_apart(
    attempts: PostgresAttempts, models: AsyncEngine
) -> None:
    weak = PostgresAttempts(models, WEAK)
    waits = [await weak.wrong("till:a", NOW) for _ in range(WEAK.wrong_max)]
    assert waits[-1] == int(WEAK.locked_for.total_seconds())
    assert await attempts.locked_s("till:a", NOW) == 0


async def test_spent_guesses_at_short_codes_stop_only_short_codes(
    attempts: PostgresAttempts, models: AsyncEngine
) -> None:
    weak = PostgresAttempts(models, WEAK)
    for number in range(WEAK.wrong_per_hour_max):
        await weak.wrong(f"till:{number}", NOW)
    assert await weak.locked_s("till:0", NOW) == 55 * 60
    assert await attempts.wrong("till:0", NOW) == 0
