from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from events.store.checkpoints import Advance, Checkpoints, PostgresCheckpoints
from events.store.connection import connect
from events.store.migrate import MigrationChanged, RoleMissing, migrate
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


async def somebody(database_url: str, rights: str) -> str:
    """The address for a new user with `rights` who may create schemas here and nothing else."""
    name = f"u{uuid4().hex[:12]}"
    admin = await asyncpg.connect(database_url)
    await admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'secret' {rights}")
    database = await admin.fetchval("SELECT current_database()")
    await admin.execute(f"GRANT CREATE ON DATABASE {database} TO {name}")
    await admin.close()
    url = make_url(database_url).set(username=name, password="secret")
    return url.render_as_string(hide_password=False)


async def test_a_user_who_may_create_roles_creates_the_services(database_url: str) -> None:
    schema = a_schema()
    url = await somebody(database_url, "CREATEROLE")
    for _ in range(2):
        await migrate(url, schema=schema, role=f"{schema}_service")
    connection = await connect(url, schema=schema, role=f"{schema}_service")
    assert await connection.fetchval("SELECT count(*) FROM event") == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("DELETE FROM event")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("DELETE FROM migration")
    await connection.close()


async def test_a_user_who_may_not_is_told_which_role_is_missing(database_url: str) -> None:
    schema = a_schema()
    url = await somebody(database_url, "")
    with pytest.raises(RoleMissing, match=f"{schema}_service"):
        await migrate(url, schema=schema, role=f"{schema}_service")


async def test_the_services_role_reads_and_writes_its_read_models(
    database_url: str, tmp_path: Path
) -> None:
    schema = a_schema()
    (tmp_path / "0001_balance.sql").write_text(
        "CREATE TABLE balance (id bigserial PRIMARY KEY, minor bigint);"
    )
    await migrate(database_url, schema=schema, folder=tmp_path, role="test_counter")
    connection = await connect(database_url, schema=schema, role="test_counter")
    await connection.execute("INSERT INTO balance (minor) VALUES (1)")
    await connection.execute("UPDATE balance SET minor = 2")
    await connection.execute("DELETE FROM balance")
    await connection.close()


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
