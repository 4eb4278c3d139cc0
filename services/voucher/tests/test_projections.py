"""Read models: what back office and the sweeper see, filled from the log alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from events import EventStore
from events.reaction import Incoming
from money import euro
from voucher.adapters.holds import PostgresLapsedHolds
from voucher.projections import VoucherBook
from voucher.queries import Queries, VoucherUnknown
from voucher.service import sweep

if TYPE_CHECKING:
    from services.voucher.tests.conftest import World

TABLES = (
    "voucher_book",
    "value_lot",
    "liability_day",
    "store_day",
    "fact_line",
    "open_hold",
    "preparation",
    "concession",
    "failure",
    "overdraft",
    "account_book",
    "account_fee",
    "fee_settlement",
    "batch_book",
    "template_book",
)
TODAY = date(2026, 11, 22)
Make = Callable[..., Incoming]


@pytest_asyncio.fixture(loop_scope="session")
async def books(models: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    """Empty read models."""
    async with models.begin() as tx:
        await tx.execute(text(f"TRUNCATE {', '.join(TABLES)}"))
    yield models


async def catch_up(store: EventStore, engine: AsyncEngine, *, page: int, after: int = 0) -> int:
    """Fold the log into the read models, `page` events at a time."""
    book = VoucherBook()
    while records := await store.read(after=after, records_max=page):
        async with engine.begin() as tx:
            await book.apply(tx, records)
        after = records[-1].position
    return after


async def _rows(engine: AsyncEngine) -> dict[str, list[Any]]:
    async with engine.connect() as connection:
        return {
            table: sorted(map(repr, await connection.execute(text(f"SELECT * FROM {table}"))))
            for table in TABLES
        }


async def _a_week(world: World, recorded: Make, aborted: Make) -> None:
    """Vouchers sold, held, spent, given up, cancelled, reinstated, and one that went wrong."""
    one = await world.sell("v1", "50.00")
    await world.hold(one.code, "5.00", "H1")
    await world.vouchers.confirm(world.ask(), hold_id="H1")
    await world.hear(recorded("B2", paid=[("H1", "5.00", "v1")]))
    await world.hold(one.code, "7.00", "H2")
    await world.vouchers.let_go(world.ask(), hold_id="H2")
    await world.hold(one.code, "3.00", "H3")
    await world.redeem(one.code, "10.00", "R1")
    await world.prepare("v2", "20.00", booking_id="B9")
    await world.hear(aborted("B9", vouchers=["v2", "never"]))
    await world.prepare("v3", "30.00", booking_id="B8")
    await world.hear(aborted("B8", vouchers=["v3"]), recorded("B8", sells=[("v3", "30.00")]))
    await world.prepare("v4", "40.00", booking_id="B7")
    await world.hear(recorded("B6", paid=[("H9", "99.00", "v3")]))
    await world.hear(recorded("B5", sells=[("v9", "9.00")]))


async def test_the_liability_is_issued_less_redeemed_less_cancelled(
    world: World, books: AsyncEngine, recorded: Make, aborted: Make
) -> None:
    await _a_week(world, recorded, aborted)
    await catch_up(world.store, books, page=500)
    liability = await Queries(books).liability(today=TODAY)
    (owed,) = liability.entries
    assert owed.issued == euro("140.00")
    assert owed.redeemed == euro("45.00")  # 5 + 10, and the 30 that H9 could take
    assert owed.cancelled == euro("20.00")
    assert owed.balance == euro("75.00")
    assert owed.pending == euro("40.00")
    assert owed.held == euro("3.00")
    assert owed.balanced
    assert liability.missing == (euro("78.00"),)  # 99 - 30, and the sale of v9 for 9
    assert liability.failures == 2


@pytest.mark.parametrize("page", [1, 2, 3, 7])
async def test_the_size_of_a_page_makes_no_difference(
    world: World, books: AsyncEngine, recorded: Make, aborted: Make, page: int
) -> None:
    await _a_week(world, recorded, aborted)
    await catch_up(world.store, books, page=500)
    at_once = await _rows(books)
    async with books.begin() as tx:
        await tx.execute(text(f"TRUNCATE {', '.join(TABLES)}"))
    await catch_up(world.store, books, page=page)
    assert await _rows(books) == at_once


async def test_balances_in_the_read_model_are_those_of_the_fold(
    world: World, books: AsyncEngine, recorded: Make, aborted: Make
) -> None:
    await _a_week(world, recorded, aborted)
    await catch_up(world.store, books, page=4)
    queries = Queries(books)
    for voucher_id in ("v1", "v2", "v3", "v4"):
        voucher = await world.issued(voucher_id)
        shown = await queries.voucher(voucher.serial, now=world.clock.now)
        assert shown.balance == voucher.balance
        assert shown.state == voucher.shown_state(world.clock.now)
        assert shown.value == shown.redeemed + shown.cancelled + shown.balance
        assert shown.held == voucher.balance - voucher.available(world.clock.now)


async def test_a_vouchers_history_shows_all_stores_in_order(
    world: World, books: AsyncEngine, recorded: Make
) -> None:
    sold = await world.sell("v1", "50.00")
    await world.hold(sold.code, "5.00", "H1")
    await world.hear(recorded("B2", paid=[("H1", "5.00", "v1")]))
    await catch_up(world.store, books, page=500)
    shown = await Queries(books).voucher(sold.voucher.serial, now=world.clock.now)
    assert [(entry.name, entry.store_id) for entry in shown.history] == [
        ("voucher.issued", "berlin"),
        ("voucher.activated", None),
        ("voucher.held", "koeln"),
        ("voucher.redeemed", "koeln"),
    ]


async def test_an_unknown_serial_is_refused(books: AsyncEngine, world: World) -> None:
    with pytest.raises(VoucherUnknown):
        await Queries(books).voucher("GS-0000-0000-0000", now=world.clock.now)


async def test_a_query_says_when_it_has_not_seen_the_position_it_was_asked_for(
    world: World, books: AsyncEngine
) -> None:
    await world.sell("v1", "50.00")
    end = await catch_up(world.store, books, page=500)
    assert (await Queries(books).liability(today=TODAY, position=end)).complete
    assert not (await Queries(books).liability(today=TODAY, position=end + 1)).complete


async def test_the_sweeper_finds_lapsed_holds_and_leaves_confirmed_ones(
    world: World, books: AsyncEngine
) -> None:
    sold = await world.sell("v1", "50.00")
    await world.hold(sold.code, "5.00", "H1")
    await world.hold(sold.code, "6.00", "H2")
    await world.vouchers.confirm(world.ask(), hold_id="H2")
    await world.hold(sold.code, "7.00", "H3", expires_in_s=1800)
    end = await catch_up(world.store, books, page=500)
    lapsed = PostgresLapsedHolds(books)
    assert await sweep(world.vouchers, lapsed, world.clock.now) == 0
    world.clock.advance(seconds=301)
    assert await sweep(world.vouchers, lapsed, world.clock.now) == 1
    # The read model has not seen it yet: sweeping again repeats a decision that stands.
    assert await sweep(world.vouchers, lapsed, world.clock.now) == 1
    await catch_up(world.store, books, page=500, after=end)
    assert await sweep(world.vouchers, lapsed, world.clock.now) == 0
    released = [e for e in await world.store.load("voucher-v1") if e.name.endswith("released")]
    assert [(e.event.hold_id, e.event.reason) for e in released] == [("H1", "expired")]  # type: ignore[attr-defined]  # A released hold.
