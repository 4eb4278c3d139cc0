from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from events.store.connection import connect
from events.store.migrate import migrate
from events.store.postgres import PostgresEventStore
from events.store.verify import schemas_in, verify
from events.testing.store_contract import REGISTRY, counted


@pytest.fixture
async def schema(database_url: str) -> str:
    """A log of ten entries on three streams."""
    schema = f"s{uuid4().hex[:12]}"
    await migrate(database_url, schema=schema, role="test_counter")
    async with PostgresEventStore.open(
        database_url, service="counter", schema=schema, registry=REGISTRY, role="test_counter"
    ) as store:
        for number in range(10):
            await store.append(counted(f"counter-{number % 3}", number, text="Größe"))
        await store.append(counted("counter-1", key="nothing"))
    return schema


@pytest.fixture
async def superuser(database_url: str, schema: str) -> AsyncIterator[asyncpg.Connection]:
    """Somebody who may do everything, and has switched the triggers off."""
    connection = await asyncpg.connect(database_url, server_settings={"search_path": schema})
    await connection.execute("ALTER TABLE event DISABLE TRIGGER ALL")
    await connection.execute("ALTER TABLE inbox DISABLE TRIGGER ALL")
    yield connection
    await connection.close()


async def faults_of(database_url: str, schema: str) -> str:
    verdict = await verify(database_url, schema=schema, service="counter")
    assert verdict.whole == (not verdict.faults)
    return "; ".join(verdict.faults)


async def test_an_untouched_log_is_whole(database_url: str, schema: str) -> None:
    seen: list[tuple[int, int]] = []
    verdict = await verify(
        database_url,
        schema=schema,
        service="counter",
        progress=lambda done, entries: seen.append((done, entries)),
    )
    assert verdict.whole
    assert (verdict.events, verdict.head) == (10, 10)
    assert seen[-1] == (10, 10)


async def test_the_verdict_names_the_newest_hash(
    database_url: str, schema: str, superuser: asyncpg.Connection
) -> None:
    verdict = await verify(database_url, schema=schema, service="counter")
    newest = await superuser.fetchval("SELECT hash FROM event WHERE position = 10")
    assert verdict.head_hash == newest


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            """UPDATE event SET data = replace(data::text, '"n":4', '"n":5')::json
               WHERE position = 5""",
            "position 5 (counter.counted) was changed",
        ),
        (
            "UPDATE event SET data = (data::text || ' ')::json WHERE position = 5",
            "position 5 (counter.counted) was changed",
        ),
        (
            "UPDATE event SET recorded_at = recorded_at + interval '1 microsecond'"
            " WHERE position = 5",
            "position 5 (counter.counted) was changed",
        ),
        (
            'UPDATE event SET metadata = \'{"actor": "x"}\' WHERE position = 1',
            "position 1 (counter.counted) was changed",
        ),
        ("DELETE FROM event WHERE position = 5", "after position 4 comes 6"),
        ("DELETE FROM event WHERE position = 10", "entries 10 to 10 are not all there"),
        ("DELETE FROM event WHERE position = 1", "after position 0 comes 2"),
        (
            "UPDATE event SET hash = sha256('x') WHERE position = 3",
            "position 4 is not chained to the entry before it",
        ),
        (
            "UPDATE event SET stream = 'counter-9' WHERE position = 4",
            "version 2 of counter-9 follows version 0",
        ),
        (
            "DELETE FROM inbox WHERE first_position = 7",
            "position 7: no decision",
        ),
        (
            "UPDATE inbox SET last_position = 8 WHERE first_position = 7",
            "entries 7 to 8 are not all there",
        ),
    ],
)
async def test_what_was_changed_behind_its_back_is_found(
    database_url: str, schema: str, superuser: asyncpg.Connection, change: str, fault: str
) -> None:
    assert not (await superuser.execute(change)).endswith(" 0")
    assert fault in await faults_of(database_url, schema)


async def test_one_deleted_entry_is_told_once(
    database_url: str, schema: str, superuser: asyncpg.Connection
) -> None:
    await superuser.execute("DELETE FROM event WHERE position = 5")
    told = await faults_of(database_url, schema)
    assert "position 7" not in told
    assert "position 6 is not chained" in told


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE event SET version = 9 WHERE position = 1",
        "DELETE FROM event WHERE position = 1",
        "TRUNCATE event",
        "DELETE FROM inbox",
    ],
)
@pytest.mark.parametrize("role", ["test_counter", None], ids=["the service", "the owner"])
async def test_nobody_rewrites_the_log(
    database_url: str, schema: str, change: str, role: str | None
) -> None:
    connection = await connect(database_url, schema=schema, role=role)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(change)
    finally:
        await connection.close()
    assert await faults_of(database_url, schema) == ""


async def test_a_schema_without_a_log_is_not_whole(
    database_url: str, schema: str, superuser: asyncpg.Connection
) -> None:
    await superuser.execute("ALTER TABLE event RENAME TO gone")
    assert "there is no log" in await faults_of(database_url, schema)


async def test_schemas_that_are_missing_are_told_from_those_that_are_there(
    database_url: str, schema: str
) -> None:
    assert await schemas_in(database_url, [schema, "s_nowhere"]) == {schema}
