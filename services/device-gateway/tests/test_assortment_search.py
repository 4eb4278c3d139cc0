"""Search of the assortment in PostgreSQL: what is found, in which order, and page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text

from device_gateway.adapters.assortment import PostgresAssortment
from device_gateway.events import ArticleDelisted, ArticleListed, registry
from device_gateway.folding import folded
from device_gateway.projections_assortment import AssortmentProjection
from device_gateway.service import SERVICE
from events import Ask, Event
from events.store.connection import engine_for
from events.store.contract import AppendRequest, NewEvents
from events.testing.memory import MemoryEventStore
from events.testing.unread import reacts_unread
from events.version import ANY
from kassenverbund.kit.pages import CursorInvalid
from money import Money

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


def listed(sku: str, name: str, *gtins: str, group: str | None = None) -> ArticleListed:
    return ArticleListed(
        sku=sku, name=name, price=Money(amount=100), vat="reduced", gtins=gtins,
        article_group=group, listed_at=NOW,
    )  # fmt: skip


SOLD = (
    listed("B1", "Die Möwe (Anton Čechov)", "9783150043196", group="buch"),
    listed("B2", "Möwenjagd", group="buch"),
    listed("B3", "Straße im Nebel", group="buch"),
    listed("C1", "Milchkaffee", "40123455", group="cafe"),
    listed("C2", "Kaffee", group="cafe"),
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sold(database_url: str) -> AsyncIterator[PostgresAssortment]:
    engine = engine_for(database_url, schema=SERVICE.schema)
    migration = (SERVICE.migrations / "0044_assortment.sql").read_text(encoding="utf-8")
    async with engine.begin() as connection:
        await connection.execute(text(f"DROP SCHEMA IF EXISTS {SERVICE.schema} CASCADE"))
        await connection.execute(text(f"CREATE SCHEMA {SERVICE.schema}"))
        for statement in migration.split(";"):
            if statement.strip():
                await connection.execute(text(statement))
        many = [listed(f"M{n:03}", f"Heft {n:03}", group="papier") for n in range(120)]
        await fold(connection, [*SOLD, *many])
        await fold(connection, [listed("C2", "Kaffee", group="cafe"), listed("X", "Weg")])
        await fold(connection, [ArticleDelisted(sku="X", delisted_at=NOW)])
    yield PostgresAssortment(engine)
    await engine.dispose()


async def fold(connection: object, events: list[Event]) -> None:
    """What the projection makes of them."""
    log = MemoryEventStore("device-gateway", registry())

    ask = Ask.of("k", "")
    streams = tuple(NewEvents(f"article-{vars(each)['sku']}", ANY, (each,)) for each in events)
    done = await log.append(AppendRequest(key=ask.key, input_hash=ask.input_hash, streams=streams))
    await AssortmentProjection().apply(connection, done.recorded)  # type: ignore[arg-type]  # a connection


async def found(sold: PostgresAssortment, q: str, group: str | None = None) -> list[str]:
    return [each.sku for each in (await sold.search(q, group=group)).articles]


@pytest.mark.parametrize(
    ("q", "skus"),
    [
        ("möwe", ["B2", "B1"]),  # Names that begin so come first.
        ("MOEWE", ["B2", "B1"]),
        ("cechov", ["B1"]),
        ("ant möw", ["B1"]),
        ("strasse", ["B3"]),
        ("kaffee", ["C2"]),
        ("9783150043196", ["B1"]),
        ("00000040123455", ["C1"]),
        ("B3", ["B3"]),
        ("weg", []),
        ("nichts davon", []),
        ("'); DROP TABLE article; --", []),
        ("möwe & | ! <->", ["B2", "B1"]),
    ],
)
async def test_it_finds_what_is_meant(sold: PostgresAssortment, q: str, skus: list[str]) -> None:
    assert await found(sold, q) == skus


async def test_a_group_is_listed_by_name_and_searched_alone(sold: PostgresAssortment) -> None:
    assert await found(sold, "", "cafe") == ["C2", "C1"]
    assert await found(sold, "möwe", "cafe") == []
    assert await sold.groups() == ["buch", "cafe", "papier"]


@pytest.mark.parametrize(("q", "group"), [("heft", None), ("", "papier"), ("", None)])
async def test_pages_hold_each_article_once(
    sold: PostgresAssortment, q: str, group: str | None
) -> None:
    seen, page = list[str](), None
    while True:
        answer = await sold.search(q, group=group, page=page)
        seen += [each.sku for each in answer.articles]
        page = answer.next
        if page is None:
            break
    assert len(seen) == len(set(seen)) == (120 if q or group else 125)


@pytest.mark.parametrize("page", ["x", "W10", "WzFd" * 3, "eyJhIjogMX0"])
async def test_a_foreign_cursor_is_refused(sold: PostgresAssortment, page: str) -> None:
    for q in ("", "heft"):
        with pytest.raises(CursorInvalid):
            await sold.search(q, page=page)


async def test_the_projection_reads_all_that_it_reacts_to() -> None:
    golden = Path(__file__).parent / "golden"
    assert await reacts_unread(AssortmentProjection(), registry(), golden) == []


@pytest.mark.parametrize(
    ("typed", "same"),
    [("Käse", "Kaese"), ("Straße", "STRASSE"), ("Crème brûlée", "creme brulee"), ("  ", "-")],
)
def test_folded_names_are_the_same(typed: str, same: str) -> None:
    assert folded(typed) == folded(same)
