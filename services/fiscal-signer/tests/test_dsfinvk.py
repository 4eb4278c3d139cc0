"""The tables of DSFinV-K: each consistency rule by its name, over a shift with everything in it."""

from __future__ import annotations

import io
import zipfile
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from dsfinvk.validate import validate_zip

from events.store.connection import engine_for
from events.store.migrate import migrate
from fiscal_signer.adapters.journal import PostgresJournal
from fiscal_signer.country.de.dsfinvk.export import EXPLAINED, REPORT, Scope
from fiscal_signer.country.de.dsfinvk.tables import DTD_NAME, TABLES
from fiscal_signer.policies.keeper import Keeper
from fiscal_signer.service import SERVICE
from fiscal_signer.testing import World
from fiscal_signer.testing.books import (
    TillBooks,
    card,
    cash,
    charge,
    day,
    line,
    master,
    signer_events,
    voucher,
)
from fiscal_signer.testing.exports import (
    Exported,
    export,
    journal_pool,
    number,
    signed,
    sums,
    table_rows,
)

MORNING = datetime(2026, 11, 3, 8, 0, tzinfo=UTC)
BEGIN, END = day(1), day(30)


def owed(*parts: tuple[str, int]) -> dict[str, Any]:
    """On account: what a customer gets an invoice for, or less of it."""
    more = {"kind": "on_account", "case_name": "Kunde", "payer": {"id": "k-1", "kind": "customer"}}
    return charge(*parts, name="Auf Rechnung") | more


async def a_shift(world: World, books: TillBooks) -> None:
    """Everything that a till knows, signed; then an outage, then the closing."""
    books.open()
    books.move(20_000, kind="opening_float", case="Anfangsbestand")
    sold = books.sell([line(1190), line(1070, vat="reduced", quantity="2", unit=535)], [cash(2260)])
    books.sell([line(333, quantity="0.333", unit=1000), line(299)], [card(632)])
    books.sell(
        [line(5000, vat="zero", kind="voucher_sale", case="MehrzweckgutscheinKauf",
              voucher_serial="GS-1")],
        [cash(5000)],
    )  # fmt: skip
    books.sell([line(3000, vat="reduced")], [voucher(3000)])
    books.sell(
        [line(2000, vat="reduced", kind="voucher_sale", case="EinzweckgutscheinKauf")],
        [card(2000)],
    )
    books.sell([line(2500, vat="reduced")], [voucher(2000, single=True), cash(500)])
    books.sell(
        [line(980, vat="reduced"), line(-100, vat="reduced", kind="discount", case="Rabatt")],
        [charge(("reduced", 500)), charge(("reduced", 200), case="ZuschussEcht"), cash(180)],
    )  # fmt: skip
    books.sell([line(1190)], [owed(("standard", 690)), cash(500)])
    books.sell([line(-1190)], [owed(("standard", -690)), cash(-500)], kind="return")
    reference = {"type": "Transaktion", "id": sold}
    books.sell([line(-1190)], [cash(-1190)], kind="return", references=[reference])
    books.sell(
        [line(-500, vat="zero", kind="voucher_payout", case="MehrzweckgutscheinEinloesung")],
        [cash(-500)],
        kind="payout",
    )
    books.train([line(1190)], [cash(1190)])
    books.order(("2", 'Eis "Himbeere"', 399), ("-1", "Limo", 230))
    books.abort([line(777)])
    books.sell([line(200, vat="zero", kind="tip", case="TrinkgeldAN")], [card(200)])
    books.move(-10_000, kind="transit_out", case="Geldtransit")
    books.move(-5, kind="difference", case="DifferenzSollIst")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool[Any]]:
    await migrate(database_url, schema=SERVICE.schema, folder=SERVICE.migrations)
    async with journal_pool(database_url) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def journal(database_url: str, pool: asyncpg.Pool[Any]) -> AsyncIterator[PostgresJournal]:
    """Two shifts of one till and one of another store, signed by the real signer."""
    del pool  # migrated
    engine = engine_for(database_url, schema=SERVICE.schema)
    made = PostgresJournal(engine)
    keeper, world = Keeper(made), World()
    for store in ("berlin", "koeln"):
        await keeper.handle([master(store, at=MORNING)])
        books = TillBooks(store, begin=MORNING)
        await a_shift(world, books)
        await signed(world, books)
        if store == "berlin":
            world.faults.away = True
            books.sell([line(1190)], [cash(1190)], started=True)
            await signed(world, books)
            world.faults.away = False
            await world.drivers["tse-berlin"].probe()
        books.close()
        await signed(world, books)
        books.now += timedelta(days=1)
        books.open()
        books.sell([line(100)], [cash(100)])
        books.close()
        books.open()
        books.sell([line(50)], [cash(50)])
        await signed(world, books)
        await keeper.handle(books.events)
    await keeper.handle(signer_events(world.log))
    yield made
    await engine.dispose()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def books(
    pool: asyncpg.Pool[Any], journal: PostgresJournal, tmp_path_factory: pytest.TempPathFactory
) -> Exported:
    scope = Scope(BEGIN, END, position=await journal.head())
    return await export(pool, tmp_path_factory.mktemp("export"), scope)


# -- consistency rules (fiscal.md 4.5) -----------------------------------------------------------


def test_lines_vat_sum_up_to_transactions_vat_per_key(books: Exported) -> None:
    for ours, table in (("BRUTTO", "BON_BRUTTO"), ("NETTO", "BON_NETTO"), ("UST", "BON_UST")):
        by = ("BON_ID", "UST_SCHLUESSEL")
        lines = sums(books.rows("lines_vat"), f"POS_{ours}", *by)
        assert lines == sums(books.rows("transactions_vat"), table, *by)


def test_transactions_vat_sum_up_to_the_turnover_of_each_process(books: Exported) -> None:
    gross = sums(books.rows("transactions_vat"), "BON_BRUTTO", "BON_ID")
    for row in books.rows("transactions"):
        assert number(row["UMS_BRUTTO"]) == gross.get((row["BON_ID"],), 0)


def test_payments_sum_up_to_the_turnover_of_each_receipt(books: Exported) -> None:
    paid = sums(books.rows("datapayment"), "BASISWAEH_BETRAG", "BON_ID")
    for row in books.rows("transactions"):
        if row["BON_TYP"] == "Beleg":
            assert number(row["UMS_BRUTTO"]) == paid[row["BON_ID"],]


def test_gross_less_net_is_the_tax_to_five_decimals(books: Exported) -> None:
    for table, prefix in (("lines_vat", "POS"), ("transactions_vat", "BON")):
        for row in books.rows(table):
            net, tax = number(row[f"{prefix}_NETTO"]), number(row[f"{prefix}_UST"])
            assert number(row[f"{prefix}_BRUTTO"]) == net + tax


def test_business_cases_are_the_lines_of_receipts(books: Exported) -> None:
    receipts = {row["BON_ID"] for row in books.rows("transactions") if row["BON_TYP"] == "Beleg"}
    cases = {(row["BON_ID"], row["POS_ZEILE"]): row for row in books.rows("lines")}
    by = ("Z_KASSE_ID", "Z_NR", "GV_TYP", "GV_NAME", "AGENTUR_ID", "UST_SCHLUESSEL")
    lines = [
        {**cases[row["BON_ID"], row["POS_ZEILE"]], **row}
        for row in books.rows("lines_vat") if row["BON_ID"] in receipts
    ]  # fmt: skip
    for column, total in (("BRUTTO", "Z_UMS_BRUTTO"), ("NETTO", "Z_UMS_NETTO"), ("UST", "Z_UST")):
        assert sums(lines, f"POS_{column}", *by) == sums(books.rows("businesscases"), total, *by)


def test_payment_totals_are_the_payments_of_receipts(books: Exported) -> None:
    receipts = {row["BON_ID"] for row in books.rows("transactions") if row["BON_TYP"] == "Beleg"}
    paid = [row for row in books.rows("datapayment") if row["BON_ID"] in receipts]
    by = ("Z_KASSE_ID", "Z_NR", "ZAHLART_TYP", "ZAHLART_NAME")
    totals = books.rows("payment")
    assert sums(paid, "BASISWAEH_BETRAG", *by) == sums(totals, "Z_ZAHLART_BETRAG", *by)
    z = ("Z_KASSE_ID", "Z_NR")
    closings = books.rows("cashpointclosing")
    assert sums(closings, "Z_SE_ZAHLUNGEN", *z) == sums(totals, "Z_ZAHLART_BETRAG", *z)
    bar = [row for row in totals if row["ZAHLART_TYP"] == "Bar"]
    assert sums(closings, "Z_SE_BARZAHLUNGEN", *z) == sums(bar, "Z_ZAHLART_BETRAG", *z)
    currencies = sums(books.rows("cash_per_currency"), "ZAHLART_BETRAG_WAEH", *z)
    assert currencies == sums(bar, "Z_ZAHLART_BETRAG", *z)


def test_every_vat_key_is_explained_in_its_closing(books: Exported) -> None:
    z = ("Z_KASSE_ID", "Z_NR", "UST_SCHLUESSEL")
    known = {tuple(row[name] for name in z) for row in books.rows("vat")}
    for table in ("lines_vat", "transactions_vat", "itemamounts", "businesscases"):
        assert {tuple(row[name] for name in z) for row in books.rows(table)} <= known
    assert {row["UST_SATZ"] for row in books.rows("vat")} == {"19,00", "7,00", "0,00"}


def test_every_tse_is_described_in_its_closing(books: Exported) -> None:
    z = ("Z_KASSE_ID", "Z_NR", "TSE_ID")
    known = {tuple(row[name] for name in z) for row in books.rows("tse")}
    assert {tuple(row[name] for name in z) for row in books.rows("transactions_tse")} <= known


def test_every_process_has_one_transaction_of_a_tse_or_a_reason(books: Exported) -> None:
    rows = books.rows("transactions_tse")
    assert [row["BON_ID"] for row in rows] == [row["BON_ID"] for row in books.rows("transactions")]
    for row in rows:
        assert bool(row["TSE_TA_SIG"]) != bool(row["TSE_TA_FEHLER"])
        assert bool(row["TSE_TANR"]) == bool(row["TSE_TA_SIGZ"]) == bool(row["TSE_TA_SIG"])
    (failed,) = [row for row in rows if row["TSE_TA_FEHLER"]]
    assert failed["TSE_TA_FEHLER"] == (
        "TSE ausgefallen: unreachable, von 2026-11-03T08:00:20.000Z bis 2026-11-03T08:00:21.000Z"
    )
    assert failed["TSE_VORGANGSDATEN"] == "Beleg^11.90_0.00_0.00_0.00_0.00^11.90:Bar"


def test_terminals_are_the_till_itself(books: Exported) -> None:
    assert not books.rows("slaves")
    for table, column in (("transactions", "TERMINAL_ID"), ("lines", "POS_TERMINAL_ID")):
        assert all(row[column] == row["Z_KASSE_ID"] for row in books.rows(table))


def test_a_process_of_another_kind_has_a_name(books: Exported) -> None:
    others = [row for row in books.rows("transactions") if row["BON_TYP"] == "AVSonstige"]
    assert len(others) == 4
    assert {row["BON_NAME"] for row in others} == {"Kassenabschluss"}


def test_each_closing_names_its_first_and_last_process(books: Exported) -> None:
    by_closing: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for row in books.rows("transactions"):
        by_closing[row["Z_KASSE_ID"], row["Z_NR"]].append(row)
    closings = books.rows("cashpointclosing")
    assert [(row["Z_KASSE_ID"], row["Z_NR"]) for row in closings] == list(by_closing)
    for closing in closings:
        of = by_closing[closing["Z_KASSE_ID"], closing["Z_NR"]]
        assert (closing["Z_START_ID"], closing["Z_ENDE_ID"]) == (of[0]["BON_ID"], of[-1]["BON_ID"])
        numbers = [int(row["BON_NR"]) for row in of]
        assert numbers == list(range(numbers[0], numbers[-1] + 1))


def test_processes_have_the_type_that_they_were_signed_with(books: Exported) -> None:
    types = {row["BON_ID"]: row["BON_TYP"] for row in books.rows("transactions")}
    assert {"Beleg", "AVTraining", "AVBelegabbruch", "AVBestellung", "AVSonstige"} == set(
        types.values()
    )
    for row in books.rows("transactions_tse"):
        if row["TSE_TA_VORGANGSART"] == "Kassenbeleg-V1":
            assert row["TSE_VORGANGSDATEN"].split("^")[0] == types[row["BON_ID"]]
    kinds = {row["TSE_TA_VORGANGSART"] for row in books.rows("transactions_tse")}
    assert kinds == {"Kassenbeleg-V1", "Bestellung-V1", "SonstigerVorgang"}


def test_signed_amounts_are_those_of_the_tables(books: Exported) -> None:
    slots = {"1": 0, "2": 1, "5": 4}
    vat: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 5)
    paid: dict[str, Decimal] = defaultdict(Decimal)
    for row in books.rows("transactions_vat"):
        vat[row["BON_ID"]][slots[row["UST_SCHLUESSEL"]]] += number(row["BON_BRUTTO"])
    for row in books.rows("datapayment"):
        paid[row["BON_ID"]] += number(row["BASISWAEH_BETRAG"])
    for row in books.rows("transactions_tse"):
        if row["TSE_TA_VORGANGSART"] != "Kassenbeleg-V1" or row["BON_ID"] not in vat:
            continue
        _, amounts, payments = row["TSE_VORGANGSDATEN"].split("^")
        assert [Decimal(one) for one in amounts.split("_")] == vat[row["BON_ID"]]
        signed = sum(Decimal(one.split(":")[0]) for one in payments.split("_") if one)
        assert signed == paid[row["BON_ID"]]


# -- cases ---------------------------------------------------------------------------------------


def test_what_is_no_payment_is_a_line_with_the_opposite_sign(books: Exported) -> None:
    found = {(row["GV_TYP"], row["UST_SCHLUESSEL"]): row["Z_UMS_BRUTTO"]
             for row in books.rows("businesscases")
             if (row["Z_KASSE_ID"], row["Z_NR"]) == ("koeln-1", "1")}  # fmt: skip
    assert found == {
        ("Anfangsbestand", "5"): "200,00000",
        ("DifferenzSollIst", "5"): "-0,05000",
        ("EinzweckgutscheinEinloesung", "2"): "-20,00000",
        ("EinzweckgutscheinKauf", "2"): "20,00000",
        ("Forderungsentstehung", "1"): "0,00000",
        ("Forderungsentstehung", "2"): "-5,00000",
        ("Geldtransit", "5"): "-100,00000",
        ("MehrzweckgutscheinEinloesung", "5"): "-35,00000",
        ("MehrzweckgutscheinKauf", "5"): "50,00000",
        ("Rabatt", "2"): "-1,00000",
        ("TrinkgeldAN", "5"): "2,00000",
        ("Umsatz", "1"): "6,32000",
        ("Umsatz", "2"): "75,50000",
        ("ZuschussEcht", "2"): "-2,00000",
    }


def test_a_receipt_that_a_voucher_paid_has_no_payment(books: Exported) -> None:
    (row, _) = [one for one in books.rows("datapayment") if one["ZAHLART_TYP"] == "Keine"]
    assert row["BASISWAEH_BETRAG"] == "0,00"
    lines = [one for one in books.rows("lines") if one["BON_ID"] == row["BON_ID"]]
    assert [(one["GV_TYP"], one["GUTSCHEIN_NR"]) for one in lines] == [
        ("Umsatz", ""), ("MehrzweckgutscheinEinloesung", "GS-1"),
    ]  # fmt: skip


def test_what_was_entered_and_given_up_stands_there_and_is_taken_back(books: Exported) -> None:
    (aborted, _) = [row for row in books.rows("transactions") if row["BON_TYP"] == "AVBelegabbruch"]
    assert aborted["UMS_BRUTTO"] == "0,00"
    lines = [row for row in books.rows("lines") if row["BON_ID"] == aborted["BON_ID"]]
    assert [(row["P_STORNO"], row["MENGE"], row["STK_BR"]) for row in lines] == [
        ("0", "1,000", "7,77000"), ("1", "-1,000", "7,77000"),
    ]  # fmt: skip


def test_an_order_has_its_table_and_no_payment(books: Exported) -> None:
    (group, _) = books.rows("allocation_groups")
    assert group["ABRECHNUNGSKREIS"] == "Tisch 7"
    lines = [row for row in books.rows("lines") if row["BON_ID"] == group["BON_ID"]]
    assert [(row["ARTIKELTEXT"], row["MENGE"]) for row in lines] == [
        ('Eis "Himbeere"', "2,000"), ("Limo", "-1,000"),
    ]  # fmt: skip
    assert all(row["BON_ID"] != group["BON_ID"] for row in books.rows("datapayment"))


def test_a_return_says_what_it_takes_back(books: Exported) -> None:
    (reference, _) = books.rows("references")
    processes = {row["BON_ID"]: row for row in books.rows("transactions")}
    assert processes[reference["BON_ID"]]["UMS_BRUTTO"] == "-11,90"
    assert processes[reference["BON_ID"]]["BON_STORNO"] == "0"
    original = processes[reference["REF_BON_ID"]]
    assert (reference["REF_TYP"], reference["REF_Z_KASSE_ID"], reference["REF_Z_NR"]) == (
        "Transaktion", original["Z_KASSE_ID"], original["Z_NR"],
    )  # fmt: skip


def test_quantity_times_price_is_the_amount(books: Exported) -> None:
    gross = sums(books.rows("lines_vat"), "POS_BRUTTO", "BON_ID", "POS_ZEILE")
    for row in books.rows("lines"):
        product = number(row["MENGE"]) * number(row["STK_BR"])
        assert abs(product - gross[row["BON_ID"], row["POS_ZEILE"]]) <= Decimal("0.005")


def test_a_discount_is_named_as_the_way_to_the_price(books: Exported) -> None:
    assert {(row["TYP"], row["PF_BRUTTO"]) for row in books.rows("itemamounts")} == {
        ("discount", "-1,00000")
    }


def test_a_tse_that_is_not_certified_is_marked(books: Exported) -> None:
    signed = {row["BON_ID"] for row in books.rows("transactions_tse") if row["TSE_TA_SIG"]}
    for row in books.rows("transactions"):
        assert ("nicht zertifiziert" in row["BON_NOTIZ"]) == (row["BON_ID"] in signed)
    assert "nicht zertifiziert" in books.text(REPORT)


def test_what_a_tse_signed_for_no_receipt_is_explained(books: Exported) -> None:
    rows = table_rows(books.text(EXPLAINED))
    assert all(len(row["TSE_SERIAL"]) == 64 and row["TSE_TA_SIGZ"] for row in rows)


# -- the file ------------------------------------------------------------------------------------


def test_the_report_says_that_nothing_differs_and_what_is_left_out(books: Exported) -> None:
    assert "Abweichungen: keine" in books.text(REPORT)
    assert "Kasse berlin-1: Schicht 3 ist noch offen" in books.text(REPORT)


def test_index_xml_describes_the_tables_that_are_there(books: Exported) -> None:
    index = books.text("index.xml")
    with zipfile.ZipFile(io.BytesIO(books.content)) as archive:
        assert archive.testzip() is None
        tables = [name for name in archive.namelist() if f"<URL>{name}</URL>" in index]
        rest = set(archive.namelist()) - set(tables)
    assert rest == {"index.xml", DTD_NAME, REPORT, EXPLAINED}
    assert {name.removesuffix(".csv") for name in tables} <= TABLES.keys()
    assert len(TABLES) == 20


def test_an_independent_validator_finds_the_structure_right(
    books: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "export.zip").write_bytes(books.content)
    assert validate_zip(tmp_path / "export.zip") == []
    assert capsys.readouterr().out == ""  # It prints what is wrong with a value.


async def test_the_same_request_makes_the_same_bytes(
    books: Exported, pool: asyncpg.Pool[Any], journal: PostgresJournal, tmp_path: Path
) -> None:
    scope = Scope(BEGIN, END, position=await journal.head())
    world, later = World(), TillBooks("hamburg", begin=MORNING)
    later.open()
    later.close()
    await signed(world, later)
    kept = [master("hamburg", at=MORNING), *later.events, *signer_events(world.log)]
    await Keeper(journal).handle(kept)
    again = await export(pool, tmp_path, scope)
    assert again.content == books.content
    now = replace(scope, position=await journal.head())
    assert (await export(pool, tmp_path, now)).made.progress.closings == 5


async def test_a_period_a_store_and_a_till_may_be_chosen(
    pool: asyncpg.Pool[Any], journal: PostgresJournal, tmp_path: Path
) -> None:
    scope = Scope(day(3), day(3), store_ids=("berlin",), position=await journal.head())
    found = await export(pool, tmp_path, scope)
    assert [(row["Z_KASSE_ID"], row["Z_NR"]) for row in found.rows("cashpointclosing")] == [
        ("berlin-1", "1")
    ]
    scope = Scope(BEGIN, END, till_ids=("koeln-1",), position=await journal.head())
    found = await export(pool, tmp_path, scope)
    assert {row["Z_KASSE_ID"] for row in found.rows("transactions")} == {"koeln-1"}
