from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from events.store.checkpoints import Advance, Checkpoints, PostgresCheckpoints
from events.store.migrate import MigrationChanged, migrate
from events.testing.memory import MemoryCheckpoints


def a_schema() -> str:
    return f"s{uuid4().hex[:12]}"


async def test_the_logs_files_run_first_and_each_file_once(
    database_url: str, tmp_path: Path
) -> None:
    schema = a_schema()
    (tmp_path / "0001_balance.sql").write_text("CREATE TABLE balance (id text PRIMARY KEY);")
    ran = await migrate(database_url, schema=schema, folder=tmp_path)
    assert ran[0] == "log/0001_log.sql"
    assert ran[-1] == "0001_balance.sql"
    assert await migrate(database_url, schema=schema, folder=tmp_path) == []


async def test_processes_that_migrate_at_once_run_each_file_once(
    database_url: str, tmp_path: Path
) -> None:
    schema = a_schema()
    (tmp_path / "0001_balance.sql").write_text("CREATE TABLE balance (id text PRIMARY KEY);")
    runs = await asyncio.gather(
        *(migrate(database_url, schema=schema, folder=tmp_path) for _ in range(4))
    )
    assert sorted(len(ran) for ran in runs)[:3] == [0, 0, 0]
    assert max(runs, key=len)[-1] == "0001_balance.sql"


async def test_a_changed_applied_file_is_refused(database_url: str, tmp_path: Path) -> None:
    schema = a_schema()
    file = tmp_path / "0001_balance.sql"
    file.write_text("CREATE TABLE balance (id text PRIMARY KEY);")
    await migrate(database_url, schema=schema, folder=tmp_path)
    file.write_text("CREATE TABLE balance (id uuid PRIMARY KEY);")
    with pytest.raises(MigrationChanged):
        await migrate(database_url, schema=schema, folder=tmp_path)


async def test_a_faulty_file_leaves_nothing_behind(database_url: str, tmp_path: Path) -> None:
    schema = a_schema()
    file = tmp_path / "0001_balance.sql"
    file.write_text("CREATE TABLE balance (id text); SELECT no_such_thing;")
    with pytest.raises(asyncpg.PostgresError):
        await migrate(database_url, schema=schema, folder=tmp_path)
    file.write_text("CREATE TABLE balance (id text);")
    assert await migrate(database_url, schema=schema, folder=tmp_path) == ["0001_balance.sql"]


@pytest.fixture(params=["memory", "postgres"])
async def checkpoints(
    request: pytest.FixtureRequest, database_url: str, engine: AsyncEngine
) -> Checkpoints:
    if request.param == "memory":
        return MemoryCheckpoints()
    schema = a_schema()
    await migrate(database_url, schema=schema)
    return PostgresCheckpoints(engine, schema=schema)


async def test_a_checkpoint_starts_before_the_first_event(checkpoints: Checkpoints) -> None:
    assert await checkpoints.load("relay") == 0


async def test_a_checkpoint_moves_from_where_it_stands(checkpoints: Checkpoints) -> None:
    assert await checkpoints.advance("relay", 0, 7) is Advance.MOVED
    assert await checkpoints.advance("relay", 7, 9) is Advance.MOVED
    assert await checkpoints.load("relay") == 9
    assert await checkpoints.load("other") == 0


async def test_a_checkpoint_never_moves_back(checkpoints: Checkpoints) -> None:
    await checkpoints.advance("relay", 0, 7)
    assert await checkpoints.advance("relay", 0, 5) is Advance.ALREADY
    assert await checkpoints.load("relay") == 7
    with pytest.raises(ValueError):
        await checkpoints.advance("relay", 7, 5)


async def test_a_repeated_move_is_told_as_already_done(checkpoints: Checkpoints) -> None:
    await checkpoints.advance("relay", 0, 7)
    assert await checkpoints.advance("relay", 0, 7) is Advance.ALREADY


async def test_a_checkpoint_that_stands_elsewhere_stays(checkpoints: Checkpoints) -> None:
    await checkpoints.advance("relay", 0, 7)
    assert await checkpoints.advance("relay", 5, 9) is Advance.ELSEWHERE
    assert await checkpoints.load("relay") == 7


async def test_of_two_readers_only_one_moves_a_checkpoint(checkpoints: Checkpoints) -> None:
    outcomes = await asyncio.gather(*(checkpoints.advance("relay", 0, 3) for _ in range(5)))
    assert sorted(outcome.value for outcome in outcomes) == ["already"] * 4 + ["moved"]
