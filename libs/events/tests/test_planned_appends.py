"""The quick way to append: places in the log are worked out before the lock is taken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.errors import ClaimTaken, IdempotencyKeyReused, WrongExpectedVersion
from events.event import Metadata
from events.handle import input_hash
from events.store.chain import GENESIS
from events.store.connection import connect, lock_number
from events.store.contract import Appended, AppendRequest, GiveBack, NewEvents, Take
from events.store.migrate import migrate
from events.store.planned import APPEND_PLANNED, Head, arguments, plan
from events.store.postgres import PostgresEventStore
from events.store.prepare import Prepared, prepare, utc_now
from events.store.verify import verify
from events.testing.store_contract import REGISTRY, Counted, counted, numbers_of, whole_log
from events.version import ANY, EXISTS, NO_STREAM, Exact, ExpectedVersion

DEADLINE_S = 30.0

_WAITS_FOR_LOCK = (
    "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND pid = $1"
)


@pytest.fixture
async def schema(database_url: str) -> str:
    schema = f"s{uuid4().hex[:12]}"
    await migrate(database_url, schema=schema, role="test_counter")
    return schema


@pytest.fixture
async def store(database_url: str, schema: str) -> AsyncIterator[PostgresEventStore]:
    async with PostgresEventStore.open(
        database_url, service="counter", schema=schema, registry=REGISTRY, role="test_counter"
    ) as store:
        yield store


@pytest.fixture
async def admin(database_url: str, schema: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    connection = await asyncpg.connect(database_url, server_settings={"search_path": schema})
    yield connection
    await connection.close()


async def without_function(admin: asyncpg.Connection[Any], name: str) -> None:
    found = await admin.fetchval("SELECT to_regproc($1)::regprocedure::text", name)
    await admin.execute(f"DROP FUNCTION {found}")


def prepared(*requests: AppendRequest) -> list[Prepared]:
    return [prepare(request, REGISTRY, now=utc_now()) for request in requests]


async def append_planned(
    connection: asyncpg.Connection[Any],
    head: Head,
    *requests: AppendRequest,
    lock: int,
) -> tuple[bool, Head]:
    batch = prepared(*requests)
    made = plan(batch, head)
    assert made is not None
    stored = await connection.fetchval(APPEND_PLANNED, *arguments(made, batch, lock=lock))
    return stored, made.head


async def test_a_plan_sees_what_the_locks_last_holder_committed(
    database_url: str, schema: str, store: PostgresEventStore, admin: asyncpg.Connection[Any]
) -> None:
    (first,) = (await store.append(counted("counter-1", 1))).recorded
    lock = lock_number(f"events.log {schema}")
    holder = await connect(database_url, schema=schema)
    waiter = await connect(database_url, schema=schema)
    try:
        transaction = holder.transaction()
        await transaction.start()
        stored, second = await append_planned(
            holder, Head(1, first.hash), counted("counter-1", 2, expected=Exact(1)), lock=lock
        )
        assert stored
        # Built on an entry that is not committed when the statement begins.
        waits = asyncio.create_task(
            append_planned(waiter, second, counted("counter-1", 3, expected=Exact(2)), lock=lock)
        )
        async with asyncio.timeout(DEADLINE_S):
            pid = waiter.get_server_pid()
            # The server sets no event of ours.
            while not await admin.fetchval(_WAITS_FOR_LOCK, pid):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        await transaction.commit()
        assert (await waits)[0]
    finally:
        await holder.close()
        await waiter.close()
    assert numbers_of(await whole_log(store)) == [1, 2, 3]


async def test_a_plan_on_an_old_head_stores_nothing(
    database_url: str, schema: str, store: PostgresEventStore
) -> None:
    (first,) = (await store.append(counted("counter-1", 1))).recorded
    await store.append(counted("counter-1", 2))
    connection = await connect(database_url, schema=schema)
    request = counted("counter-2", 9, expected=NO_STREAM, claims=[Take("code", "counter-2")])
    for head in (Head(1, first.hash), Head(0, GENESIS), Head(2, first.hash)):
        stored, _ = await append_planned(connection, head, request, lock=1)
        assert not stored
    await connection.close()
    assert numbers_of(await whole_log(store)) == [1, 2]
    assert await store.outcome(request.key, request.input_hash) is None
    assert await store.owner_of("code") is None


async def test_a_plan_needs_read_committed(database_url: str, schema: str) -> None:
    connection = await connect(
        database_url, schema=schema, default_transaction_isolation="repeatable read"
    )
    with pytest.raises(asyncpg.RaiseError, match="READ COMMITTED"):
        await append_planned(
            connection, Head(0, GENESIS), counted("c", 1, expected=NO_STREAM), lock=1
        )
    await connection.close()


async def test_the_process_that_appended_last_plans_its_next_batches(
    store: PostgresEventStore, admin: asyncpg.Connection[Any]
) -> None:
    await store.append(counted("counter-0", 0))
    await without_function(admin, "append_batch")
    await asyncio.gather(
        *(store.append(counted(f"counter-{n}", n, expected=NO_STREAM)) for n in range(1, 40))
    )
    await store.append(counted("counter-1", 40, 41, expected=Exact(1)))
    assert sorted(numbers_of(await whole_log(store))) == list(range(42))


async def test_a_plan_that_fails_in_the_database_is_decided_with_care(
    store: PostgresEventStore, admin: asyncpg.Connection[Any]
) -> None:
    await store.append(counted("counter-0", 0))
    await without_function(admin, "append_planned")
    await store.append(counted("counter-1", 1, expected=NO_STREAM))
    assert numbers_of(await whole_log(store)) == [0, 1]


async def test_what_contradicts_a_plan_is_refused_to_its_own_caller_only(
    store: PostgresEventStore,
) -> None:
    await store.append(counted("counter-0", 0, key="decided", claims=[Take("code", "counter-0")]))
    fine = [counted(f"counter-{n}", n, expected=NO_STREAM) for n in range(1, 4)]
    for wrong, refusal in (
        (counted("counter-0", 9, expected=NO_STREAM), WrongExpectedVersion),
        (counted("counter-0", 9, expected=Exact(5)), WrongExpectedVersion),
        (
            counted("counter-0", 9, expected=Exact(1), key="decided", value="x"),
            IdempotencyKeyReused,
        ),
        (counted("new", 9, expected=NO_STREAM, claims=[Take("code", "new")]), ClaimTaken),
    ):
        other = fine.pop() if fine else counted(f"counter-{uuid4()}", 5, expected=NO_STREAM)
        good, bad = await asyncio.gather(
            store.append(other), store.append(wrong), return_exceptions=True
        )
        assert isinstance(good, Appended)
        assert isinstance(bad, refusal)
    repeated = await store.append(
        counted("counter-0", 0, key="decided", expected=NO_STREAM, claims=[])
    )
    assert repeated.repeated
    assert len(await whole_log(store)) == 5


async def test_two_processes_that_take_turns_keep_one_chain(
    database_url: str, schema: str, store: PostgresEventStore
) -> None:
    async with PostgresEventStore.open(
        database_url, service="counter", schema=schema, registry=REGISTRY, role="test_counter"
    ) as other:

        async def write(writer: int) -> None:
            log = (store, other)[writer % 2]
            for version in range(20):
                await log.append(counted(f"counter-{writer}", version, expected=Exact(version)))
                # Now and then one of them is alone for a while, and plans.
                if version == 10 and writer % 2:
                    await store.wait_for_append(after=await store.head(), wait_s=0.05)

        await asyncio.gather(*map(write, range(6)))
    verdict = await verify(database_url, schema=schema, service="counter")
    assert verdict.whole, verdict.faults
    assert verdict.events == 120


# Whatever a key may hold, apart from U+0000: what separates, quotes or escapes, above all.
_TEXT = st.text(
    st.sampled_from("\",{}\\\x1f\n\t 'aäNUL𝄞")
    | st.characters(exclude_characters="\x00", codec="utf-8"),
    min_size=1,
    max_size=8,
)
_EXPECTED: st.SearchStrategy[ExpectedVersion] = st.one_of(
    st.builds(Exact, st.integers(0, 2)), st.just(ANY), st.just(EXISTS)
)


@st.composite
def _requests(draw: st.DrawFn) -> list[AppendRequest]:
    streams = draw(st.lists(_TEXT, min_size=1, max_size=3, unique=True))
    claims = draw(st.lists(_TEXT, min_size=1, max_size=2, unique=True))
    keys = draw(st.lists(_TEXT, min_size=1, max_size=6))
    return [
        AppendRequest(
            key=key,
            input_hash=input_hash(draw(st.sampled_from(["one", "two"]))),
            streams=[
                NewEvents(
                    stream,
                    draw(_EXPECTED),
                    [Counted(n=draw(st.integers(0, 9)), text=draw(_TEXT)) for _ in range(events)],
                )
                for stream, events in draw(
                    st.dictionaries(st.sampled_from(streams), st.integers(0, 2), max_size=2)
                ).items()
            ],
            claims=draw(
                st.lists(
                    st.builds(Take, st.sampled_from(claims), st.sampled_from(streams))
                    | st.builds(GiveBack, st.sampled_from(claims), st.sampled_from(streams)),
                    max_size=2,
                )
            ),
            metadata=Metadata(actor=draw(_TEXT)),
        )
        for key in keys
    ]


async def _outcomes(store: PostgresEventStore, requests: Sequence[AppendRequest]) -> list[str]:
    answers = await asyncio.gather(
        *(store.append(request) for request in requests), return_exceptions=True
    )
    return [
        f"{answer.repeated} {answer.first_position} {answer.last_position}"
        if isinstance(answer, Appended)
        else repr(answer)
        for answer in answers
    ]


async def _stored(admin: asyncpg.Connection[Any], schema: str) -> list[list[tuple[Any, ...]]]:
    return [
        [tuple(row) for row in await admin.fetch(query.replace("{s}", schema))]
        for query in (
            "SELECT position, stream, version, type, schema_version, data::text, metadata::text,"
            " idempotency_key FROM {s}.event ORDER BY position",
            "SELECT * FROM {s}.inbox ORDER BY key",
            "SELECT * FROM {s}.claim ORDER BY key",
        )
    ]


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(batches=st.lists(_requests(), min_size=1, max_size=4))
async def test_both_ways_store_the_same(
    database_url: str, admin: asyncpg.Connection[Any], batches: list[list[AppendRequest]]
) -> None:
    schemas = [f"s{uuid4().hex[:12]}" for _ in range(2)]
    told: list[list[str]] = []
    for number, schema in enumerate(schemas):
        await migrate(database_url, schema=schema)
        if number:
            await admin.execute(f"SET search_path = {schema}")
            await without_function(admin, "append_planned")
        async with PostgresEventStore.open(
            database_url, service="counter", schema=schema, registry=REGISTRY
        ) as store:
            await store.append(counted("first", 1, key="first", expected=NO_STREAM))
            told.append([outcome for batch in batches for outcome in await _outcomes(store, batch)])
        verdict = await verify(database_url, schema=schema, service="counter")
        assert verdict.whole, verdict.faults
    assert told[0] == told[1]
    assert await _stored(admin, schemas[0]) == await _stored(admin, schemas[1])
    for schema in schemas:
        await admin.execute(f"DROP SCHEMA {schema} CASCADE")
