"""How long back office waits for what is owed by 1,000,000 vouchers, and what the read models cost.

    python -m benchmarks.voucher_reports [--vouchers 1000000] [--events 10000] [--json]

The tables are filled with vouchers of four years, two legal entities and three kinds, each sold on
one day and spent in two parts on later days; the sums per day are those of exactly these vouchers,
which is checked. The reference of a report is what it replaces: a scan of all vouchers.
The projection folds one sale, hold, confirm and redemption per voucher, 500 facts a page; its
figure is this process's own time, without PostgreSQL's.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.appends import server as database
from benchmarks.report import Row, show
from events.store.connection import engine_for, server_settings
from events.store.migrate import migrate
from kassenverbund.kit.pages import Slice
from money import euro
from voucher.events import VoucherHeld, VoucherHoldConfirmed
from voucher.queries import Queries, breakage, ledger, vouchers
from voucher.service import SERVICE
from voucher.testing.reports import Log, fold, use

AIM_MS = 2_000.0
"""For what was owed on a past date."""

ROUNDS = 5
FIRST_DAY = date(2023, 1, 1)
PAST = date(2025, 6, 30)
TODAY = date(2026, 12, 31)

_SOLD = """
    CREATE TEMP TABLE sold AS
    SELECT n, DATE '2023-01-01' + (n % 1461)::int AS opened,
        CASE WHEN n % 2 = 0 THEN 'kette' ELSE 'hafen' END AS entity,
        CASE WHEN n % 10 = 3 THEN 'single_purpose' ELSE 'multi_purpose' END AS kind,
        CASE WHEN n % 10 = 3 THEN 1900 ELSE 0 END AS rate,
        CASE WHEN n % 20 = 7 THEN 'donated' ELSE 'purchased' END AS funding,
        5000 AS value, 1000 + (n * 37 % 2000) AS one, (n * 53 % 2000) AS two,
        (n * 7919 % 400)::int + 1 AS after_one, (n * 104729 % 700)::int + 401 AS after_two
    FROM generate_series(1::bigint, :vouchers) AS n
"""
_BOOK = """
    INSERT INTO voucher_book
    SELECT 'v' || n, n, 'GS-' || n, entity, 'EUR', kind, rate, funding, NULL, NULL, 'till', 'own',
        NULL, NULL, false, 'active', NULL, value, value, value, 0, 0, 0, 0, one + two, 0, 0, 0, 0,
        0, 0, value - one - two, 0, DATE '2030-12-31', 'Europe/Berlin', opened, 'berlin', 't1',
        'B' || n, 'koeln', opened, opened, opened, NULL, NULL, n
    FROM sold
"""
_DAYS = """
    INSERT INTO liability_day
    SELECT 'voucher', entity, 'EUR', kind, rate, funding, date_trunc('month', opened)::date,
        movement, day, sum(minor), count(*)
    FROM sold CROSS JOIN LATERAL (VALUES ('issued', opened, value),
        ('redeemed', opened + after_one, -one), ('redeemed', opened + after_two, -two)
    ) AS m (movement, day, minor)
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
"""
_SCAN = text(
    "SELECT legal_entity_id, kind, rate, extract(year FROM opened), funding,"
    " sum(balance_minor) FROM voucher_book WHERE opened <= :day GROUP BY 1, 2, 3, 4, 5"
)
_BALANCES = "SELECT sum(balance_minor)::bigint FROM voucher_book"
_SUMS = "SELECT sum(amount_minor)::bigint FROM liability_day"


async def fill(url: str, count: int) -> int:
    """Fill the tables; answers the number of sums per day."""
    # A connection of its own: the program's give a statement thirty seconds.
    settings = server_settings(schema=SERVICE.schema)
    connection = await asyncpg.connect(url, server_settings=settings)
    try:
        await connection.execute("TRUNCATE voucher_book, liability_day, value_lot")
        await connection.execute(_SOLD.replace(":vouchers", str(count)))
        await connection.execute(_BOOK)
        await connection.execute(_DAYS)
        # The sums are those of these vouchers.
        assert await connection.fetchval(_BALANCES) == await connection.fetchval(_SUMS)
        await connection.execute("ANALYZE voucher_book; ANALYZE liability_day")
        return int(await connection.fetchval("SELECT count(*) FROM liability_day"))
    finally:
        await connection.close()


async def median_ms(ask: Callable[[], Awaitable[object]]) -> float:
    """After one round that warms up."""
    await ask()
    taken = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        await ask()
        taken.append((time.perf_counter() - begun) * 1000)
    return statistics.median(taken)


async def reports(engine: AsyncEngine, count: int) -> list[Row]:
    """Times of the reports over the filled tables."""
    queries, whole = Queries(engine), Slice(limit=500)
    by: tuple[ledger.Dimension, ...] = ("entity", "kind", "year")

    async def scan() -> None:
        async with engine.connect() as connection:
            (await connection.execute(_SCAN, {"day": PAST})).all()

    owed = await median_ms(
        lambda: queries.page(lambda c: ledger.liability(c, whole, as_of=PAST, by=by))
    )
    moved = await median_ms(
        lambda: queries.page(
            lambda c: ledger.movements(c, whole, first=date(2025, 1, 1), last=PAST, by=by)
        )
    )
    scanned = await median_ms(scan)
    now = datetime(2026, 12, 31, 12, tzinfo=UTC)
    others = {
        "liability now, with the check": lambda: queries.liability(today=TODAY),
        "aging": lambda: queries.page(lambda c: ledger.aging(c, whole, as_of=PAST)),
        "breakage forecast": lambda: queries.page(lambda c: breakage.years(c, whole, as_of=PAST)),
        "search, newest 100": lambda: queries.page(
            lambda c: vouchers.search(c, Slice(), vouchers.Wanted(), now=now, within=None)
        ),
    }
    rows = [
        Row(
            name=f"liability of {count:,} vouchers at a past day", ours=owed, unit="ms",
            reference=scanned, against="scan of all vouchers", aim="< 2,000 ms", met=owed < AIM_MS,
        ),
        Row(name="movements of half a year", ours=moved, unit="ms", aim="< 2,000 ms",
            met=moved < AIM_MS),
    ]  # fmt: skip
    rows += [Row(name=name, ours=await median_ms(ask), unit="ms") for name, ask in others.items()]
    return rows


def history(count: int) -> Log:
    """Facts of vouchers that are sold and paid with."""
    log = Log()
    for number in range(count // 5):
        voucher_id, hold_id = f"bench-{number}", f"bench-H{number}"
        serial = f"GS-{voucher_id}"
        log.sell(voucher_id, "50.00")
        log.tell(
            VoucherHeld(
                voucher_id=voucher_id, serial=serial, hold_id=hold_id, amount=euro("5.00"),
                available=euro("45.00"), store_id="koeln", till_id="t2", booking_id="B",
                payment_id="P", expires_at=log.now + timedelta(minutes=5), held_at=log.now,
            ),
            VoucherHoldConfirmed(
                voucher_id=voucher_id, serial=serial, hold_id=hold_id, confirmed_at=log.now
            ),
        )  # fmt: skip
        log.redeem(voucher_id, "5.00", "45.00", hold_id=hold_id, uses=(use("issue", "5.00"),))
    return log


async def projection(engine: AsyncEngine, count: int) -> Row:
    """Processor time of this process per fact that is folded."""
    log = history(count)
    warm = len(log.entries) // 5
    await fold(engine, log.entries[:warm])
    begun, wall = time.process_time(), time.perf_counter()
    await fold(engine, log.entries[warm:])
    spent, took = time.process_time() - begun, time.perf_counter() - wall
    facts = len(log.entries) - warm
    return Row(
        name="facts folded into the read models", ours=facts / spent, unit="/s",
        note=f"per second of this process's own time; {facts / took:,.0f}/s by the clock",
    )  # fmt: skip


async def measure(url: str, count: int, facts: int) -> list[Row]:
    """All rows, in a fresh database."""
    await migrate(url, schema=SERVICE.schema, folder=SERVICE.migrations)
    engine = engine_for(url, schema=SERVICE.schema)
    try:
        folded = await projection(engine, facts)
        sums = await fill(url, count)
        rows = await reports(engine, count)
    finally:
        await engine.dispose()
    return [*rows, Row(name="sums per day", ours=float(sums), unit="rows"), folded]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vouchers", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with database() as url:
        rows = asyncio.run(measure(url, asked.vouchers, asked.events))
    show("voucher reports", rows, as_json=asked.json)


if __name__ == "__main__":
    main()
