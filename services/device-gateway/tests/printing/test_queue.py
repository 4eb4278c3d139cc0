"""The spool in PostgreSQL: nothing twice, nothing readable, nothing overtakes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from device_gateway.adapters.print_queue import PostgresPrintQueue
from device_gateway.printing import ports
from device_gateway.printing.job import JobState, PrintJob
from device_gateway.printing.ports import NotTheFirst, PrinterQueueFull
from events import Transient
from events.store.pool import pool_for
from kassenverbund.kit.secrets import Secrets

NOW = datetime(2026, 11, 21, 13, 5, tzinfo=UTC)
LATER = NOW + timedelta(seconds=30)
CODE = b"K7QM-4XTR-9WHC-2PLD"
JOB = PrintJob(
    job_id="j-1", printer_id="bon-1", store_id="berlin", till_id="till-1", booking_id="b-1",
    document="voucher_slips", is_copy=False, queued_at=NOW,
)  # fmt: skip


async def leased(queue: PostgresPrintQueue, owner: str = "a", *, now: datetime = NOW) -> bool:
    return await queue.lease("bon-1", owner=owner, now=now, until=now + timedelta(seconds=20))


async def taken(queue: PostgresPrintQueue, owner: str = "a", *, now: datetime = NOW) -> str | None:
    found = await queue.take("bon-1", owner=owner, now=now)
    return None if found is None else found.job.job_id


async def test_a_job_comes_out_as_it_went_in(queue: PostgresPrintQueue) -> None:
    await queue.put(JOB, CODE)
    await leased(queue)
    found = await queue.take("bon-1", owner="a", now=NOW)
    assert found is not None
    assert found.payload == CODE
    assert found.job == replace(JOB, state=JobState.SENDING, tries=1, changed_at=NOW)


async def test_the_same_job_again_changes_nothing(queue: PostgresPrintQueue) -> None:
    assert await queue.put(JOB, CODE)
    assert not await queue.put(JOB, b"other bytes")
    await leased(queue)
    assert await queue.take("bon-1", owner="a", now=NOW) is not None
    assert await queue.take("bon-1", owner="a", now=NOW) is None


async def test_a_hundred_askers_queue_one_job_once(queue: PostgresPrintQueue) -> None:
    stored = await asyncio.gather(*(queue.put(JOB, CODE) for _ in range(20)))
    assert sum(stored) == 1


async def test_jobs_of_one_printer_keep_their_order(queue: PostgresPrintQueue) -> None:
    for number in range(5):
        await queue.put(replace(JOB, job_id=f"j-{number}"), b"x")
    await leased(queue)
    assert [await taken(queue) for _ in range(5)] == [f"j-{number}" for number in range(5)]


async def test_a_job_that_waits_for_its_next_try_is_not_overtaken(
    queue: PostgresPrintQueue,
) -> None:
    await queue.put(JOB, b"x")
    await queue.put(replace(JOB, job_id="j-2"), b"y")
    await leased(queue)
    await taken(queue)
    await queue.again("j-1", owner="a", reason="paper_out", due_at=NOW + timedelta(seconds=5))
    assert await taken(queue) is None
    assert await taken(queue, now=NOW + timedelta(seconds=6)) == "j-1"


async def test_the_secret_is_not_readable_in_the_table(
    queue: PostgresPrintQueue, spool: AsyncEngine
) -> None:
    await queue.put(JOB, CODE)
    async with spool.connect() as tx:
        row = await tx.scalar(text("SELECT print_job::text FROM print_job"))
        sealed = await tx.scalar(text("SELECT payload FROM print_job"))
    assert sealed is not None
    assert CODE not in sealed
    assert CODE.hex() not in row


async def test_sealed_bytes_belong_to_their_job_alone(
    queue: PostgresPrintQueue, spool: AsyncEngine
) -> None:
    await queue.put(JOB, CODE)
    await queue.put(replace(JOB, job_id="j-2", printer_id="bon-2"), b"x")
    async with spool.begin() as tx:
        await tx.execute(
            text("UPDATE print_job SET payload = (SELECT payload FROM print_job "
                 "WHERE job_id = 'j-1') WHERE job_id = 'j-2'")
        )  # fmt: skip
    await queue.lease("bon-2", owner="a", now=NOW, until=LATER)
    assert await queue.take("bon-2", owner="a", now=NOW) is None
    failed = await queue.find("j-2")
    assert failed is not None
    assert (failed.state, failed.reason) == (JobState.FAILED, "unreadable")


async def test_another_root_key_opens_nothing(
    queue: PostgresPrintQueue, pool: asyncpg.Pool[Any]
) -> None:
    await queue.put(JOB, CODE)
    await leased(queue)
    stranger = PostgresPrintQueue(pool, Secrets(root=b"s" * 32, key_id="other"))
    assert await stranger.take("bon-1", owner="a", now=NOW) is None


@pytest.mark.parametrize("state", [state for state in JobState if state.is_final])
async def test_the_bytes_are_gone_whatever_the_end(
    queue: PostgresPrintQueue, spool: AsyncEngine, state: JobState
) -> None:
    await queue.put(JOB, CODE)
    await leased(queue)
    await taken(queue)
    assert await queue.finish("j-1", owner="a", state=state, reason="", now=NOW)
    async with spool.connect() as tx:
        assert await tx.scalar(text("SELECT payload IS NULL FROM print_job"))


async def test_only_one_process_owns_a_printer(queue: PostgresPrintQueue) -> None:
    assert await leased(queue, "a")
    assert not await leased(queue, "b")


async def test_without_the_lease_nothing_is_taken(queue: PostgresPrintQueue) -> None:
    await queue.put(JOB, b"x")
    await leased(queue, "a")
    assert await taken(queue, "b") is None


async def test_a_lease_that_was_not_renewed_passes_on(queue: PostgresPrintQueue) -> None:
    await leased(queue, "a")
    assert await leased(queue, "b", now=LATER)


async def test_a_lease_given_back_is_free_at_once(queue: PostgresPrintQueue) -> None:
    await leased(queue, "a")
    await queue.give_back("bon-1", owner="a")
    assert await leased(queue, "b")


async def test_what_a_dead_owner_was_sending_becomes_unknown(queue: PostgresPrintQueue) -> None:
    await queue.put(JOB, b"x")
    await leased(queue, "a")
    await taken(queue, "a")
    await leased(queue, "b", now=LATER)
    (lost,) = await queue.recover("bon-1", owner="b", now=LATER)
    assert (lost.job_id, lost.state, lost.reason) == ("j-1", JobState.UNKNOWN, "interrupted")


async def test_an_owner_that_lost_its_printer_cannot_end_the_job(
    queue: PostgresPrintQueue,
) -> None:
    await queue.put(JOB, b"x")
    await leased(queue, "a")
    await taken(queue, "a")
    await leased(queue, "b", now=LATER)
    await queue.recover("bon-1", owner="b", now=LATER)
    assert not await queue.finish("j-1", owner="a", state=JobState.CONFIRMED, reason="", now=LATER)


async def test_recovery_leaves_the_jobs_that_wait(queue: PostgresPrintQueue) -> None:
    await queue.put(JOB, b"x")
    await leased(queue, "b")
    assert await queue.recover("bon-1", owner="b", now=NOW) == []
    assert await taken(queue, "b") == "j-1"


@pytest.mark.parametrize(
    ("state", "tried"),
    [(JobState.FAILED, False), (JobState.UNKNOWN, True), (JobState.SENT, True),
     (JobState.CONFIRMED, True)],
)  # fmt: skip
async def test_only_a_job_that_surely_failed_leaves_no_paper(
    queue: PostgresPrintQueue, state: JobState, tried: bool
) -> None:
    await queue.put(JOB, b"x")
    await leased(queue)
    await taken(queue)
    await queue.finish("j-1", owner="a", state=state, reason="", now=NOW)
    second = replace(JOB, job_id="j-2")
    if tried:
        with pytest.raises(NotTheFirst):
            await queue.put(second, b"x", as_first=True)
    assert await queue.find("j-2") is None
    assert await queue.put(second, b"x", as_first=not tried)


async def test_the_same_job_again_is_no_second_paper(queue: PostgresPrintQueue) -> None:
    assert await queue.put(JOB, b"x", as_first=True)
    assert not await queue.put(JOB, b"x", as_first=True)


async def test_a_job_tells_whether_others_wait_behind_it(queue: PostgresPrintQueue) -> None:
    await queue.put(JOB, b"x")
    await queue.put(replace(JOB, job_id="j-2"), b"y")
    await leased(queue)
    more = [
        (await queue.take("bon-1", owner="a", now=NOW)),
        await queue.take("bon-1", owner="a", now=NOW),
    ]
    assert [taken.more for taken in more if taken is not None] == [True, False]


async def test_a_printed_job_is_reported_until_it_was_heard(queue: PostgresPrintQueue) -> None:
    await queue.put(JOB, b"x")
    await leased(queue)
    await taken(queue)
    await queue.finish("j-1", owner="a", state=JobState.SENT, reason="", now=NOW)
    assert [job.job_id for job in await queue.unreported(jobs_max=10)] == ["j-1"]
    await queue.reported(["j-1"], now=NOW)
    assert await queue.unreported(jobs_max=10) == []


async def test_unknown_jobs_ask_for_attention(queue: PostgresPrintQueue) -> None:
    await queue.put(JOB, b"x")
    await leased(queue)
    await taken(queue)
    await queue.finish("j-1", owner="a", state=JobState.UNKNOWN, reason="paper_out", now=NOW)
    (job,) = await queue.attention("berlin", jobs_max=10)
    assert (job.job_id, job.reason) == ("j-1", "paper_out")


async def test_a_printer_nobody_looks_at_takes_no_more_jobs(
    queue: PostgresPrintQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device_gateway.adapters.print_queue.JOBS_WAITING_MAX", 3)
    for number in range(3):
        await queue.put(replace(JOB, job_id=f"j-{number}"), b"x")
    with pytest.raises(PrinterQueueFull):
        await queue.put(replace(JOB, job_id="j-9"), b"x")
    assert ports.JOBS_WAITING_MAX > 3


async def test_a_database_that_is_away_is_a_fault_that_may_pass(secrets: Secrets) -> None:
    async with pool_for("postgresql://127.0.0.1:1/none", schema="device_gateway") as away:
        with pytest.raises(Transient):
            await PostgresPrintQueue(away, secrets).find("j-1")


async def test_a_connection_that_the_server_ends_is_a_fault_that_may_pass(
    queue: PostgresPrintQueue,
) -> None:
    with pytest.raises(Transient):
        await queue._rows("SELECT pg_terminate_backend(pg_backend_pid())")
