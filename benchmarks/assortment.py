"""The assortment of a large chain: search at the till, and the import of articles.

    python -m benchmarks.assortment [--articles 200000] [--imported 3000] [--json]

The search is measured over a read model of `--articles` rows, filled by the projection itself; the
import over the log, with claims for codes, 1,000 rows an append. Reference of the search: `ILIKE`
over the same rows, which is what a table of articles is mostly searched with.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.appends import server as database
from benchmarks.report import Row, show
from device_gateway.adapters.assortment import PostgresAssortment
from device_gateway.events import ArticleListed, registry
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.listing import IMPORT_ROWS_MAX, list_articles
from device_gateway.handlers.stores import declare_stores
from device_gateway.projections_assortment import AssortmentProjection, listed_rows
from device_gateway.service import SERVICE
from events import Ask
from events.store.connection import engine_for, reading
from events.store.migrate import migrate
from events.store.postgres import PostgresEventStore
from kassenverbund.chain_file import load_chain
from kassenverbund.kit.secrets import Secrets
from money import Money

ROOT = Path(__file__).parents[1]
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
SEARCHES = 300
AIM_MS = 50.0
SYLLABLES = tuple(
    each
    for line in (
        "bau ber brü chen dorf ein fal gar hal ing käl lam mer nau ost pfa qua rei sturm tal uhr",
        "vel wein zür bach feld grün holz insel jahr kunst licht mond nacht ofen",
    )
    for each in line.split()
)


def article(number: int, words: random.Random) -> ArticleListed:
    name = " ".join(
        "".join(words.choices(SYLLABLES, k=words.randint(1, 4))).capitalize()
        for _ in range(words.randint(2, 6))
    )
    return ArticleListed(
        sku=f"A{number:07}", name=name[:120], price=Money(amount=words.randint(99, 9_999)),
        vat="reduced", article_group=f"g{number % 40}", gtins=(f"978{number:010}",), listed_at=NOW,
    )  # fmt: skip


async def fill(engine: AsyncEngine, articles: int) -> list[ArticleListed]:
    """The read model; answers some of the articles, to search for."""
    words, kept = random.Random(7), list[ArticleListed]()
    for start in range(0, articles, 5_000):
        page = [article(number, words) for number in range(start, min(start + 5_000, articles))]
        async with engine.begin() as connection:
            await AssortmentProjection.write(connection, listed_rows(page))
        kept += page[::97]
    async with engine.connect() as connection:
        plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await plain.execute(text("VACUUM ANALYZE article"))
        await plain.execute(text("ANALYZE article_code"))
    return kept


def typed(found: list[ArticleListed], chance: random.Random) -> str:
    """What a cashier types: the beginning of a name, of words of it, a code."""
    one = chance.choice(found)
    words = one.name.split()
    match chance.randrange(4):
        case 0:
            return one.name[: chance.randint(1, 6)]
        case 1:
            return " ".join(word[: chance.randint(2, 5)] for word in chance.sample(words, 2))
        case 2:
            return words[-1][: chance.randint(2, 6)]
        case _:
            return one.gtins[0]


async def search(
    engine: AsyncEngine, found: list[ArticleListed]
) -> tuple[list[float], list[float]]:
    """Milliseconds of searches, and of the reference, in turns."""
    assortment, chance = PostgresAssortment(engine), random.Random(11)
    ours, reference = list[float](), list[float]()
    plain = text("SELECT document FROM article WHERE document ILIKE :q ORDER BY sku LIMIT 50")
    for number in range(SEARCHES):
        q = typed(found, chance)
        begun = time.perf_counter()
        await assortment.search(q)
        ours.append((time.perf_counter() - begun) * 1_000)
        if number % 10 == 0:
            begun = time.perf_counter()
            async with reading(engine) as connection:
                (await connection.execute(plain, {"q": f"%{q}%"})).all()
            reference.append((time.perf_counter() - begun) * 1_000)
    return ours, reference


async def imported(url: str, rows: int) -> tuple[float, float]:
    """Seconds for the import of so many new articles, and for the same once more."""
    async with PostgresEventStore.open(
        url, service=SERVICE.name, schema=SERVICE.schema, registry=registry()
    ) as store:
        nobody: Any = None
        gateway = Gateway(
            store=store, vouchers=nobody, charges=nobody, desk=nobody,
            secrets=Secrets(root=bytes(32), key_id="bench"), clock=lambda: NOW, sign_within_s=30.0,
        )  # fmt: skip
        await declare_stores(gateway, load_chain(ROOT / "chain.yaml"))
        words = random.Random(3)
        articles = [article(5_000_000 + number, words) for number in range(rows)]
        took = list[float]()
        for turn in range(2):
            begun = time.perf_counter()
            for start in range(0, rows, IMPORT_ROWS_MAX):
                ask = Ask.of(f"bench/{turn}/{start}", str(start))
                page = articles[start : start + IMPORT_ROWS_MAX]
                await list_articles(gateway, "berlin", page, ask=ask)
            took.append(time.perf_counter() - begun)
        return took[0], took[1]


def p95(figures: list[float]) -> float:
    return statistics.quantiles(figures, n=20)[-1]


async def measure(url: str, *, articles: int, rows: int) -> list[Row]:
    await migrate(url, schema=SERVICE.schema, folder=SERVICE.migrations)
    engine = engine_for(url, schema=SERVICE.schema, pool_max=4)
    found = await fill(engine, articles)
    ours, reference = await search(engine, found)
    await engine.dispose()
    first, again = await imported(url, rows)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return [
        Row(
            name=f"search in {articles:,} articles, p95", ours=p95(ours), unit="ms",
            reference=p95(reference), against="ILIKE", aim=f"< {AIM_MS:.0f} ms",
            met=p95(ours) < AIM_MS, note=f"p50 {statistics.median(ours):.1f} ms",
        ),
        Row(
            name=f"import of {rows:,} new articles", ours=rows / first, unit="/s",
            note=f"the same again, nothing new: {rows / again:,.0f}/s; memory at most {peak} MiB",
        ),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--articles", type=int, default=200_000)
    parser.add_argument("--imported", type=int, default=3_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with database() as url:
        rows = asyncio.run(measure(url, articles=given.articles, rows=given.imported))
    show("Assortment", rows, as_json=given.json)


if __name__ == "__main__":
    main()
