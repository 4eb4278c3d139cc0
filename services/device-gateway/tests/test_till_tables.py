"""The tables beside the log: the list of a till's bookings, and what is kept of cashiers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest_asyncio
from sqlalchemy import text

from device_gateway.adapters.cashier_desk import PostgresCashierDesk
from device_gateway.adapters.till_bookings import PostgresTillBookings
from device_gateway.events import registry
from device_gateway.ports import PinHash
from device_gateway.projections_till_bookings import TillBookingProjection
from device_gateway.service import SERVICE
from events.store.connection import engine_for
from events.store.migrate import migrate
from events.testing.unread import reacts_unread

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
PIN = PinHash(bytes(16), bytes(32))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def engine(database_url: str) -> AsyncIterator[Any]:
    await migrate(database_url, schema=SERVICE.schema, folder=SERVICE.migrations)
    made = engine_for(database_url, schema=SERVICE.schema)
    yield made
    await made.dispose()


@pytest_asyncio.fixture(loop_scope="session")
async def day(rig: Any, till: Any, words: Any) -> dict[str, str]:
    """A sale that is signed, one that is aborted, one set aside, one with acts that goes on."""
    sold = (await till.post("", words.sale([words.article(500)], words.cash(500)))).json()
    await rig.sign(sold["booking_id"])
    rig.clock.advance(1)
    gone = (await till.post("", {"lines": [words.article(300)]})).json()
    await till.post(f"/{gone['booking_id']}/abort")
    rig.clock.advance(1)
    aside = (await till.post("", {"lines": [words.article(700)]})).json()
    await till.post(f"/{aside['booking_id']}/park", {"label": "Tisch 4"})
    rig.clock.advance(1)
    going = (await till.post("", {"lines": [words.article(900), words.article(200)]})).json()
    base = f"/{going['booking_id']}"
    await till.post(f"{base}/lines/1/price", {"unit_price": words.eur(800), "reason": "Mangel"})
    await till.post(f"{base}/lines/2/quantity", {"quantity": "3"})
    await till.post(f"{base}/discount", {"percent": 1000, "reason": "Treue"})
    last = await till.post(f"{base}/lines/1/void", {"reason": "Vertippt"})
    assert last.json()["total"] == words.eur(540), last.text
    return {
        "sold": sold["booking_id"], "gone": gone["booking_id"], "aside": aside["booking_id"],
        "going": going["booking_id"],
    }  # fmt: skip


async def filled(engine: Any, log: list[Any], *, page: int) -> list[dict[str, Any]]:
    """The table after a rebuild with pages of this size."""
    projection = TillBookingProjection()
    async with engine.begin() as tx:
        await tx.execute(text("DELETE FROM till_booking"))
    for start in range(0, len(log), page):
        async with engine.begin() as tx:
            await projection.apply(tx, log[start : start + page])
    async with engine.connect() as connection:
        rows = await connection.execute(text("SELECT * FROM till_booking ORDER BY booking_id"))
        return [dict(row) for row in rows.mappings()]


async def test_the_list_says_of_each_booking_what_the_log_says(
    engine: Any, rig: Any, day: dict[str, str]
) -> None:
    await filled(engine, rig.store.log, page=1_000)
    rows, more = await PostgresTillBookings(engine).page(
        till_id="till-1", state=None, day=date(2026, 11, 20), number=None, page=1
    )
    assert not more
    assert [(row.booking_id, row.state, row.total.amount) for row in rows] == [
        (day["going"], "open", 540),
        (day["aside"], "parked", 700),
        (day["gone"], "aborted", 300),
        (day["sold"], "recorded", 500),
    ]
    assert (rows[1].label, rows[1].number, rows[1].business_date) == ("Tisch 4", None, None)
    assert (rows[2].number, rows[3].number) == (2, 1)
    assert (rows[3].verdict, rows[3].paper) == ("signed", "queued")


async def test_a_rebuild_comes_to_the_same_whatever_its_pages_are(
    engine: Any, rig: Any, day: dict[str, str]
) -> None:
    whole = await filled(engine, rig.store.log, page=1_000)
    assert await filled(engine, rig.store.log, page=1) == whole
    assert await filled(engine, rig.store.log, page=3) == whole


async def test_the_list_is_found_by_state_day_and_number(
    engine: Any, rig: Any, day: dict[str, str]
) -> None:
    await filled(engine, rig.store.log, page=1_000)
    wanted: dict[str, Any] = {"till_id": "till-1", "state": None, "day": None, "number": None}

    async def found(**more: Any) -> set[str]:
        rows, _ = await PostgresTillBookings(engine).page(**{**wanted, "page": 1, **more})
        return {row.booking_id for row in rows}

    assert await found(state="parked") == {day["aside"]}
    assert await found(number=1) == {day["sold"]}
    assert await found(day=date(2026, 11, 19)) == {day["aside"], day["going"]}
    assert await found(till_id="till-2") == set()
    assert await found(page=2) == set()


async def test_it_reads_all_that_it_reacts_to() -> None:
    golden = Path(__file__).parent / "golden"
    assert await reacts_unread(TillBookingProjection(), registry(), golden) == []


async def test_an_older_version_never_replaces_a_newer_one(engine: Any) -> None:
    desk = PostgresCashierDesk(engine)
    await desk.keep("old", name="Neu", store_ids=["berlin"], pin=PIN, version=3)
    await desk.keep("old", name="Alt", store_ids=[], pin=None, version=2)
    assert await desk.names_of(["old"]) == {"old": "Neu"}
    assert await desk.pin_of("old") == PIN


async def test_who_keeps_his_pin_has_it_still_and_who_is_removed_has_none(engine: Any) -> None:
    desk = PostgresCashierDesk(engine)
    await desk.keep("anna", name="Anna", store_ids=["berlin"], pin=PIN, version=1)
    await desk.keep("anna", name="Anna B.", store_ids=["berlin"], pin=None, version=2)
    assert await desk.pin_of("anna") == PIN
    assert "anna" in await desk.in_store("berlin")
    assert "anna" not in await desk.in_store("koeln")
    await desk.forget("anna", version=3)
    assert await desk.pin_of("anna") is None
    assert await desk.names_of(["anna"]) == {}
    assert "anna" not in await desk.in_store("berlin")


async def test_wrong_tries_lock_a_till_for_all_processes(engine: Any, both: Any) -> None:
    one, other = PostgresCashierDesk(engine), PostgresCashierDesk(engine)
    tries = await both(
        *((one if n % 2 else other).admit(till_id="t-lock", now=NOW) for n in range(8))
    )
    assert sum(wait is None for wait in tries) == 5
    assert {wait for wait in tries if wait is not None} == {300.0}
    assert await one.admit(till_id="t-other", now=NOW) is None
    later = NOW + timedelta(seconds=301)
    assert await one.admit(till_id="t-lock", now=later) is None
    await one.succeeded(till_id="t-lock")
    for _ in range(5):
        assert await other.admit(till_id="t-lock", now=later) is None
