"""A month of 20,000 charges is read without a row of the months beside it.

What was read is what PostgreSQL counts for the statement (`EXPLAIN ANALYZE`), not what we hope.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any

import asyncpg
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from costcenter.decider.month import MONTH
from costcenter.events import (
    EVENTS,
    ChargeBooked,
    ChargeConfirmed,
    Chargee,
    ChargeHeld,
    MonthClosed,
    MonthOpened,
)
from costcenter.names import month_stream
from costcenter.queries.month_slips import QUERY, SLIPS_MAX, MonthSlips
from costcenter.queries.reading import SCHEMA
from costcenter.testing.statements import part
from events import AppendRequest, Event, NewEvents, Registry
from events.handle import input_hash, state_of
from events.store.connection import plain_url
from events.store.postgres import PostgresEventStore
from events.version import Exact
from money import euro

BUSY, OTHERS = 20_000, 600
MONTHS = [f"2026-{number:02d}" for number in range(1, 13)]
BUSY_MONTH = "2026-10"
EVENTS_OF_AN_APPEND = 600
CHARGEE = Chargee(
    center_id="C", center_number="4711", center_name="Kantine", card_id="K", card_number="4711",
    main_group=1, user_group=4,
)  # fmt: skip


def _month(month: str, charges: int) -> list[Event]:
    day, at = date.fromisoformat(f"{month}-07"), datetime(2026, 10, 7, 10, 0, tzinfo=UTC)
    told: list[Event] = [MonthOpened(center_id="C", month=month, opened_at=at)]
    for number in range(charges):
        charge_id, amount = f"{month}-{number}", euro("7.20")
        place = {"store_id": "berlin", "till_id": "t1", "booking_id": f"B{number}"}
        told += [
            ChargeHeld(
                charge_id=charge_id, month=month, chargee=CHARGEE, amount=amount, payment_id="p",
                business_date=day, expires_at=at, held_at=at, **place,
            ),
            ChargeConfirmed(charge_id=charge_id, month=month, confirmed_at=at),
            ChargeBooked(
                charge_id=charge_id, month=month, chargee=CHARGEE, amount=amount,
                parts=(part("7.20"),), booking_number=number, business_date=day, booked_at=at,
                **place,
            ),
        ]  # fmt: skip
    whole = euro("7.20").model_copy(update={"amount": 720 * charges})
    told.append(
        MonthClosed(
            center_id="C", month=month, charged=whole, subsidies=euro("0"), charges=charges,
            closed_at=at,
        )
    )  # fmt: skip
    return told


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def store(migrated: str) -> AsyncIterator[PostgresEventStore]:
    """Twelve months of one center, written in bulk."""
    async with PostgresEventStore.open(
        migrated, service="costcenter", schema=SCHEMA, registry=Registry(*EVENTS)
    ) as made:
        for month in MONTHS:
            told = _month(month, BUSY if month == BUSY_MONTH else OTHERS)
            for start in range(0, len(told), EVENTS_OF_AN_APPEND):
                some = told[start : start + EVENTS_OF_AN_APPEND]
                key = f"{month}/{start}"
                part_of = NewEvents(month_stream("C", month), Exact(start), some)
                await made.append(AppendRequest(key, input_hash(key), (part_of,)))
        connection = await asyncpg.connect(plain_url(migrated))
        await connection.execute(f"ANALYZE {SCHEMA}.event")
        await connection.close()
        yield made


async def test_all_slips_of_the_month_come_page_by_page(
    store: PostgresEventStore, tables: AsyncEngine
) -> None:
    slips, after, numbers = MonthSlips(tables, Registry(*EVENTS)), 0, []
    while True:
        page = await slips.page("C", BUSY_MONTH, after=after, slips_max=SLIPS_MAX)
        numbers += [row.booking_number for row in page.rows]
        if page.next is None:
            break
        after = page.next
    assert numbers == list(range(BUSY))


async def test_the_database_touches_no_row_of_another_month(
    store: PostgresEventStore, tables: AsyncEngine
) -> None:
    slips, after, touched, pages = MonthSlips(tables, Registry(*EVENTS)), 0, 0, 0
    while True:
        plan = await _explained(tables, BUSY_MONTH, after=after, rows_max=3 * (SLIPS_MAX + 1))
        touched, pages = touched + _touched(plan), pages + 1
        page = await slips.page("C", BUSY_MONTH, after=after, slips_max=SLIPS_MAX)
        if page.next is None:
            break
        after = page.next
    # Each page looks whether there is one slip after it; the rest is read once.
    assert 3 * BUSY + 2 <= touched <= 3 * (BUSY + pages) + 2 + pages


async def test_a_page_reads_no_further_than_it_shows(
    store: PostgresEventStore, tables: AsyncEngine
) -> None:
    plan = await _explained(tables, BUSY_MONTH, rows_max=3 * 101)
    assert _touched(plan) == 3 * 101


async def test_a_quiet_month_costs_no_more_beside_a_busy_one(
    store: PostgresEventStore, tables: AsyncEngine
) -> None:
    plan = await _explained(tables, "2026-03", rows_max=3 * (OTHERS + 1))
    assert _touched(plan) == 3 * OTHERS + 2


async def test_deciding_on_a_month_loads_that_month_alone(store: PostgresEventStore) -> None:
    version, state = await state_of(store, MONTH, month_stream("C", BUSY_MONTH))
    assert (version, state.booked, state.charged) == (3 * BUSY + 2, BUSY, 720 * BUSY)


async def _explained(
    engine: AsyncEngine, month: str, *, after: int = 0, rows_max: int
) -> dict[str, Any]:
    # The adapter's own statement, as the database sees it: `text()` makes $n of its names.
    statement = (
        QUERY.replace(":stream", "$1").replace(":after", "$2").replace(":types", "$3::text[]")
        .replace(":rows_max", "$4")
    )  # fmt: skip
    types = ["charge.booked", "charge.reversed", "subsidy.granted", "subsidy.taken_back"]
    async with engine.connect() as connection:
        raw = await connection.get_raw_connection()
        driver: Any = raw.driver_connection
        found = await driver.fetchval(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}",
            month_stream("C", month), after, types, rows_max,
        )  # fmt: skip
    plan: dict[str, Any] = found[0]["Plan"]  # The engine reads JSON by itself.
    return plan


def _touched(plan: dict[str, Any]) -> int:
    """Rows of the log that the statement looked at, those that it passed over too."""
    own = 0
    if plan.get("Relation Name") == "event":
        rows = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        own = round(rows * plan["Actual Loops"])  # Shared between workers, told per worker.
    return own + sum(map(_touched, plan.get("Plans", ())))
