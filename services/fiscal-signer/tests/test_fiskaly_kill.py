"""kill -9 of a signer after its request went to fiskaly, over a real PostgreSQL."""

from __future__ import annotations

import asyncio
import sys
import time

import pytest
from sqlalchemy import text

from events import Transient
from events.store.connection import engine_for
from events.store.migrate import migrate
from fiscal_signer.service import SERVICE
from fiscal_signer.testing.fiskaly import Fault
from fiscal_signer.testing.fiskaly_line import Line
from fiscal_signer.testing.fiskaly_process import SCHEMA, sign

pytestmark = pytest.mark.proof

DEADLINE_S = 60.0
_FACTS = text(
    "SELECT type, data->>'booking_id' AS booking, data->>'signature_counter' AS counter"
    " FROM event ORDER BY position"
)


async def until_it_leads(database_url: str, line: Line, *bookings: str) -> None:
    """At least once, like the receiver, until the killed process's lease has run out."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            return await sign(database_url, line.url, bookings)
        except Transient:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)


async def killed_in_the_middle(database_url: str, line: Line, *bookings: str) -> None:
    """A process signs until the cloud keeps an answer back, and is killed then."""
    deadline = time.monotonic() + DEADLINE_S
    line.cloud.held = 0
    while not line.cloud.held:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "fiscal_signer.testing.fiskaly_process",
            database_url, line.url, *bookings, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        # It ends by itself while the lease of the one before still runs.
        while child.returncode is None and not line.cloud.held:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
    child.kill()
    await child.wait()


@pytest.mark.slow
async def test_kill_9_at_each_call_leaves_every_booking_signed_once(
    line: Line, database_url: str
) -> None:
    await migrate(database_url, schema=SERVICE.schema, folder=SERVICE.migrations)
    rounds = [("a1", "a2"), ("b1", "b2"), ("c1", "c2"), ("d1", "d2")]
    for calls_before, bookings in enumerate(rounds):
        line.cloud.faults.append(Fault("lose", skip=calls_before))
        await killed_in_the_middle(database_url, line, *bookings)
        await until_it_leads(database_url, line, *bookings)

    assert [len(tx.revisions) for tx in line.tss.txs] == [2] * 8
    engine = engine_for(database_url, schema=SCHEMA)
    async with engine.connect() as connection:
        facts = (await connection.execute(_FACTS)).all()
    await engine.dispose()
    assert [fact.booking for fact in facts if fact.type == "signature.made"] == [
        booking for bookings in rounds for booking in bookings
    ]
    counters = [int(fact.counter) for fact in facts if fact.counter is not None]
    assert counters == list(range(1, line.tss.counter + 1))
