"""What only the adapter for PostgreSQL can meet: lost connections, database errors, growth."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from events import Ask, handle, input_hash
from events.errors import LogBroken, Transient
from events.store.connection import checked_name, connect
from events.store.contract import Appended, AppendRequest, NewEvents
from events.store.migrate import migrate
from events.store.postgres import PostgresEventStore
from events.testing.counter import COUNTER, DEADLINE_S, Count
from events.testing.proxy import Proxy, proxied
from events.testing.store_contract import REGISTRY, counted, numbers_of, whole_log
from events.version import ANY, Exact, ExpectedVersion


@pytest.fixture
async def schema(database_url: str) -> str:
    schema = f"s{uuid4().hex[:12]}"
    await migrate(database_url, schema=schema, role="test_counter")
    return schema


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[Proxy]:
    async with proxied(database_url) as proxy:
        yield proxy


@pytest.fixture
async def store(proxy: Proxy, schema: str) -> AsyncIterator[PostgresEventStore]:
    async with PostgresEventStore.open(
        proxy.url, service="counter", schema=schema, registry=REGISTRY, role="test_counter"
    ) as store:
        yield store


@pytest.fixture
async def admin(database_url: str, schema: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url, server_settings={"search_path": schema})
    yield connection
    await connection.close()


@pytest.mark.parametrize(
    ("expected", "last"),
    [(Exact(1), b"the-key"), (ANY, b"COMMIT\0")],
    ids=["planned", "with care"],
)
async def test_a_lost_answer_to_commit_is_transient_and_the_repeat_finds_the_outcome(
    store: PostgresEventStore, proxy: Proxy, expected: ExpectedVersion, last: bytes
) -> None:
    await store.append(counted("counter-1", 1))
    request = counted("counter-1", 2, key="the-key", expected=expected)
    proxy.cut_after = last
    with pytest.raises(Transient):
        await store.append(request)
    again = await store.append(request)
    assert again.repeated
    assert numbers_of(await whole_log(store)) == [1, 2]


@pytest.mark.parametrize(
    ("expected", "last"),
    [(Exact(1), b"the-key"), (ANY, b"COMMIT\0")],
    ids=["planned", "with care"],
)
async def test_a_connection_lost_before_commit_stores_nothing(
    store: PostgresEventStore, proxy: Proxy, expected: ExpectedVersion, last: bytes
) -> None:
    await store.append(counted("counter-1", 1))
    request = counted("counter-1", 2, key="the-key", expected=expected)
    proxy.cut_before = last
    with pytest.raises(Transient):
        await store.append(request)
    assert not (await store.append(request)).repeated
    assert numbers_of(await whole_log(store)) == [1, 2]


async def test_a_command_survives_a_lost_answer_and_counts_once(
    store: PostgresEventStore, proxy: Proxy
) -> None:
    proxy.cut_after = b"COMMIT\0"
    handled = await handle(store, COUNTER, "counter-1", Count(), ask=Ask.of("k", "count"))
    assert handled.state.total == 1
    assert numbers_of(await whole_log(store)) == [1]


async def test_a_server_that_is_away_is_transient_and_comes_back(
    store: PostgresEventStore, proxy: Proxy
) -> None:
    await store.append(counted("counter-1", 1))
    proxy.refuse = True
    proxy.cut()
    with pytest.raises(Transient):
        await store.append(counted("counter-1", 2))
    with pytest.raises(Transient):
        await store.load("counter-1")
    proxy.refuse = False
    await store.append(counted("counter-1", 3))
    assert numbers_of(await store.load("counter-1")) == [1, 3]


async def test_a_database_error_fails_only_its_own_caller(
    store: PostgresEventStore, admin: asyncpg.Connection
) -> None:
    await admin.execute(
        "ALTER TABLE event ADD CHECK (data->>'n' <> '13')"
    )  # Stands for whatever a database may say about one row.
    answers = await asyncio.gather(
        *(store.append(counted(f"counter-{n}", n)) for n in range(30)), return_exceptions=True
    )
    failed = [n for n, answer in enumerate(answers) if not isinstance(answer, Appended)]
    assert failed == [13]
    assert isinstance(answers[13], asyncpg.CheckViolationError)
    assert len(await whole_log(store)) == 29


async def test_a_statement_prepared_before_a_migration_is_transient_and_passes(
    store: PostgresEventStore, admin: asyncpg.Connection
) -> None:
    await store.append(counted("counter-1", 1))
    await store.load("counter-1")
    await admin.execute("ALTER TABLE event ALTER COLUMN type TYPE varchar(200)")
    for attempt in range(3):
        try:
            loaded = await store.load("counter-1")
            break
        except Transient:
            assert attempt < 2
    assert numbers_of(loaded) == [1]
    assert (await store.append(counted("counter-1", 2))).last_position == 2


async def test_a_caller_that_gives_up_leaves_the_others_alone(store: PostgresEventStore) -> None:
    tasks = [asyncio.create_task(store.append(counted(f"c-{n}", n))) for n in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(answer, Appended) for answer in answers[1::2])
    await whole_log(store)


async def test_a_lock_held_by_another_process_is_waited_for(
    store: PostgresEventStore, database_url: str, schema: str
) -> None:
    async with PostgresEventStore.open(
        database_url, service="counter", schema=schema, registry=REGISTRY, role="test_counter"
    ) as other:
        await asyncio.gather(
            *((store, other)[n % 2].append(counted("counter-1", n)) for n in range(100))
        )
    assert len(await whole_log(store)) == 100


async def test_what_waits_at_closing_is_stored(database_url: str, schema: str) -> None:
    async with PostgresEventStore.open(
        database_url, service="counter", schema=schema, registry=REGISTRY
    ) as store:
        tasks = [asyncio.create_task(store.append(counted(f"c-{n}", n))) for n in range(20)]
        await asyncio.sleep(0)
    assert all(isinstance(answer, Appended) for answer in await asyncio.gather(*tasks))
    with pytest.raises(Transient):
        await store.append(counted("c-1", 1))


async def test_a_log_that_was_not_migrated_is_not_opened(database_url: str) -> None:
    with pytest.raises(LogBroken, match="migrate it first"):
        async with PostgresEventStore.open(
            database_url, service="counter", schema="missing", registry=REGISTRY
        ):
            raise AssertionError("opened")


async def test_appends_are_durable_whatever_the_servers_default_says(
    database_url: str, schema: str, admin: asyncpg.Connection
) -> None:
    name = await admin.fetchval("SELECT current_database()")
    await admin.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    try:
        connection = await connect(database_url, schema=schema, role="test_counter")
        assert await connection.fetchval("SHOW synchronous_commit") == "on"
        assert await connection.fetchval("SELECT current_user") == "test_counter"
        await connection.close()
    finally:
        await admin.execute(f"ALTER DATABASE {name} RESET synchronous_commit")


async def test_no_append_reads_more_rows_because_the_log_has_grown(
    store: PostgresEventStore, admin: asyncpg.Connection
) -> None:
    async def rows_read() -> int:
        await admin.execute("SELECT pg_stat_clear_snapshot()")
        return int(
            await admin.fetchval(
                "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint"
                " FROM pg_stat_user_tables WHERE schemaname = current_schema()"
            )
            + await admin.fetchval(
                "SELECT sum(idx_tup_read)::bigint"
                " FROM pg_stat_user_indexes WHERE schemaname = current_schema()"
            )
        )

    # A plan made on the small log has to serve the large one.
    await store.append(counted("counter-1", 1))
    for batch in range(10):
        await asyncio.gather(*(store.append(counted(f"c-{batch}-{n}", n)) for n in range(100)))
    appender = store._appender._connection
    assert appender is not None
    await appender.execute("SELECT pg_stat_force_next_flush()")
    await appender.execute("SELECT 1")
    before = await rows_read()
    for number in range(10):
        await store.append(counted("counter-1", number))
    await appender.execute("SELECT pg_stat_force_next_flush()")
    await appender.execute("SELECT 1")
    assert 0 < await rows_read() - before < 10 * 20


async def test_the_functions_caller_must_read_what_was_committed(
    database_url: str, schema: str
) -> None:
    connection = await connect(
        database_url, schema=schema, default_transaction_isolation="repeatable read"
    )
    arguments = ", ".join(f"${number}" for number in range(1, 20))
    with pytest.raises(asyncpg.RaiseError, match="READ COMMITTED"):
        await connection.fetchrow(f"SELECT * FROM append_batch({arguments})", *([[]] * 19))
    await connection.close()


def test_names_that_need_quoting_are_refused() -> None:
    for name in ("", "Voucher", "a-b", 'a"b', "1a", "a;b"):
        with pytest.raises(ValueError, match="is not a name"):
            checked_name(name)


async def test_more_callers_than_a_batch_holds_are_all_served(store: PostgresEventStore) -> None:
    async with asyncio.timeout(DEADLINE_S):
        answers = await asyncio.gather(
            *(
                store.append(
                    AppendRequest(
                        key=str(n),
                        input_hash=input_hash(b""),
                        streams=[NewEvents(f"c-{n % 50}", ANY, [])],
                    )
                )
                for n in range(700)
            )
        )
    assert len(answers) == 700
