"""How long the voucher service's read models take to be built anew from a long log.

    python -m benchmarks.voucher_rebuild [--vouchers 100000] [--json]

The log is filled in bulk (`vouchers_seed.py`): two facts per voucher. Then each projection reads it
from its first position to its head, one after the other: facts of the log per second of this
process's own time, and by the clock. The outbox of webhooks has no subscriber.
"""

from __future__ import annotations

import argparse
import asyncio
import time

from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.appends import server as database
from benchmarks.report import Row, show
from benchmarks.vouchers_seed import seed
from events.projection import Projection
from events.store.connection import engine_for
from events.store.postgres import PostgresEventStore
from events.subscription import run_projection, wait_until
from voucher.adapters.account_reservations import AccountReservations
from voucher.adapters.webhooks import WebhookFill
from voucher.projections import VoucherBook
from voucher.projections_catalogue import CatalogueBook
from voucher.service import REGISTRY, SERVICE

PROJECTIONS: tuple[Projection, ...] = (
    CatalogueBook(),
    AccountReservations(),
    WebhookFill(),
    VoucherBook(),
)
BUILD_S_MAX = 3_600.0


async def built(store: PostgresEventStore, engine: AsyncEngine, projection: Projection) -> Row:
    """One projection from the beginning to the head."""
    head = await store.head()
    begun, wall = time.process_time(), time.perf_counter()
    run = asyncio.create_task(run_projection(store, engine, projection, schema=SERVICE.schema))
    there = await wait_until(engine, SERVICE.schema, projection, head, BUILD_S_MAX)
    spent, took = time.process_time() - begun, time.perf_counter() - wall
    run.cancel()
    await asyncio.wait([run])
    assert there, projection.name
    return Row(
        name=f"{projection.name}: facts of the log",
        ours=head / spent,
        unit="/s",
        note=f"{spent:.1f} s of this process's own time; {took:.1f} s by the clock",
    )


async def measure(url: str, count: int) -> list[Row]:
    """A row per projection, in a fresh database."""
    await seed(url, count)
    engine = engine_for(url, schema=SERVICE.schema)
    try:
        async with PostgresEventStore.open(
            url, service=SERVICE.name, schema=SERVICE.schema, registry=REGISTRY
        ) as store:
            return [await built(store, engine, projection) for projection in PROJECTIONS]
    finally:
        await engine.dispose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vouchers", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with database() as url:
        rows = asyncio.run(measure(url, asked.vouchers))
    show(f"read models of {asked.vouchers:,} vouchers, built anew", rows, as_json=asked.json)


if __name__ == "__main__":
    main()
