"""Exports of books in which something is not as it should be: nothing of it is hidden."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest_asyncio

from events.store.connection import engine_for
from events.store.migrate import migrate
from fiscal_signer.adapters.journal import PostgresJournal
from fiscal_signer.country.de.dsfinvk.bon import bon_of
from fiscal_signer.country.de.dsfinvk.export import EXPLAINED, REPORT, Scope
from fiscal_signer.policies.keeper import Keeper
from fiscal_signer.service import SERVICE
from fiscal_signer.testing import World
from fiscal_signer.testing.books import TillBooks, cash, day, line, master, signer_events
from fiscal_signer.testing.exports import Exported, export, journal_pool, signed, table_rows

MORNING = datetime(2026, 11, 3, 8, 0, tzinfo=UTC)
BEGIN, END = day(1), day(30)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def journal(database_url: str) -> AsyncIterator[PostgresJournal]:
    await migrate(database_url, schema=SERVICE.schema, folder=SERVICE.migrations)
    engine = engine_for(database_url, schema=SERVICE.schema)
    yield PostgresJournal(engine)
    await engine.dispose()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def pool(database_url: str, journal: PostgresJournal) -> AsyncIterator[asyncpg.Pool[Any]]:
    del journal  # migrated
    async with journal_pool(database_url) as made:
        yield made


async def kept_export(
    pool: asyncpg.Pool[Any], journal: PostgresJournal, folder: Path, books: TillBooks, world: World
) -> Exported:
    """What a store of its own comes to."""
    kept = [master(books.store, at=MORNING), *books.events, *signer_events(world.log)]
    await Keeper(journal).handle(kept)
    scope = Scope(BEGIN, END, store_ids=(books.store,), position=await journal.head())
    return await export(pool, folder, scope)


async def test_a_difference_to_what_the_till_said_is_never_hidden(
    pool: asyncpg.Pool[Any], journal: PostgresJournal, tmp_path: Path
) -> None:
    world, books = World(["mainz"]), TillBooks("mainz", begin=MORNING)
    books.open()
    books.sell([line(1190)], [cash(1190)])
    books.close(payments=[], counts={"sale": 2})
    await signed(world, books)
    found = await kept_export(pool, journal, tmp_path, books, world)
    assert found.made.progress.differences == 2
    report = found.text(REPORT)
    assert (
        "ABWEICHUNG mainz / mainz-1 / Z 1: Zahlart Bar (Bar):"
        " Einzelaufzeichnungen 11,90, Kasse 0,00" in report
    )
    assert "Vorgänge der Art sale: Export 1, Kasse 2" in report


async def test_a_process_that_is_missing_is_a_difference(
    pool: asyncpg.Pool[Any], journal: PostgresJournal, tmp_path: Path
) -> None:
    world, books = World(["bonn"]), TillBooks("bonn", begin=MORNING)
    books.open()
    for _ in range(3):
        books.sell([line(1190)], [cash(1190)])
    books.close()
    await signed(world, books)
    del books.events[2]
    found = await kept_export(pool, journal, tmp_path, books, world)
    assert "Belegnummern fehlen oder doppelt: 2 bis 2" in found.text(REPORT)
    assert found.made.progress.differences >= 2


async def test_a_closing_whose_verdict_is_not_here_yet_is_left_out_and_named(
    pool: asyncpg.Pool[Any], journal: PostgresJournal, tmp_path: Path
) -> None:
    world, books = World(["trier"]), TillBooks("trier", begin=MORNING)
    books.open()
    books.close()
    await signed(world, books)
    books.now += timedelta(days=1)
    books.open()
    books.close()
    found = await kept_export(pool, journal, tmp_path, books, world)
    assert [row["Z_NR"] for row in found.rows("cashpointclosing")] == ["1"]
    assert "trier / trier-1 / Z 2: nicht enthalten" in found.text(REPORT)


async def test_a_signature_that_came_too_late_is_explained_beside_its_receipt(
    pool: asyncpg.Pool[Any], journal: PostgresJournal, tmp_path: Path
) -> None:
    world, books = World(["ulm"]), TillBooks("ulm", begin=MORNING)
    books.open()
    late = books.sell([line(1190)], [cash(1190)], started=True)
    opened, started, recorded = books.events
    for event in (opened, started):
        await world.reactor.handle([event])
    world.clock.now = MORNING + timedelta(hours=1)  # past its `sign_by`
    await world.reactor.handle([recorded])
    books.heard = 3
    books.now = world.clock.now
    books.close()
    await signed(world, books)
    found = await kept_export(pool, journal, tmp_path, books, world)
    row, _ = found.rows("transactions_tse")
    assert row["BON_ID"] == late
    assert row["TSE_TA_FEHLER"].startswith("Signatur kam nicht rechtzeitig")
    beside = table_rows(found.text(EXPLAINED))
    assert {(one["BON_ID"], one["TSE_TANR"]) for one in beside if one["TSE_TANR"]} == {(late, "1")}
    assert {one["GRUND"] for one in beside} >= {"late_start", "abandoned"}


def test_bookings_from_before_cases_were_named_find_theirs_in_the_table() -> None:
    old = {
        "lines": [
            {"name": "Buch", "kind": "article", "quantity": "1", **_amount(2000, 1, 1900)},
            {"name": "GS", "kind": "voucher_sale", "quantity": "1", **_amount(1000, 5, 0)},
        ],
        "payments": [
            {"name": "Gutschein", "kind": "voucher", "fiscal": "Keine", "dsfinvk_key": 5,
             "amount": _cents(500)},
            {"name": "Karte", "kind": "card", "fiscal": "Unbar", "amount": _cents(2500)},
        ],
        "vat": [
            {"dsfinvk_key": 1, "gross": _cents(2000), "net": _cents(1681)},
            {"dsfinvk_key": 5, "gross": _cents(1000), "net": _cents(1000)},
        ],
        "currency": "EUR",
    }  # fmt: skip
    bon = bon_of("booking.recorded", old)
    assert [(one.case, one.parts[0].gross) for one in bon.positions] == [
        ("Umsatz", 2000), ("MehrzweckgutscheinKauf", 1000), ("MehrzweckgutscheinEinloesung", -500),
    ]  # fmt: skip
    assert [(one.type, one.amount) for one in bon.payments] == [("Unbar", 2500)]
    assert bon.vat == {1: [2000, 1681], 5: [500, 500]}


def _cents(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def _amount(cents: int, key: int, rate: int) -> dict[str, Any]:
    return {"amount": _cents(cents), "unit_price": _cents(cents), "dsfinvk_key": key, "rate": rate}


async def test_an_order_that_is_longer_than_its_column_raises_the_columns_length(
    pool: asyncpg.Pool[Any], journal: PostgresJournal, tmp_path: Path
) -> None:
    world, books = World(["worms"]), TillBooks("worms", begin=MORNING)
    books.open()
    books.order(*(("1", f"Gericht {number} nach Art des Hauses", 980) for number in range(40)))
    books.close()
    await signed(world, books)
    found = await kept_export(pool, journal, tmp_path, books, world)
    row, _ = found.rows("transactions_tse")
    length = len(row["TSE_VORGANGSDATEN"])
    assert length > 1_000
    column = f"<Name>TSE_VORGANGSDATEN</Name><AlphaNumeric/><MaxLength>{length}</MaxLength>"
    assert column in found.text("index.xml")
