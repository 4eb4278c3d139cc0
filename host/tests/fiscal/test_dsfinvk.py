"""DSFinV-K exports: a right one passes, and each rule fails for a damage of its own, alone."""

from __future__ import annotations

import io
import tarfile
import tracemalloc
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from lxml import etree

from kassenverbund.fiscal.dsfinvk.export import verify_export
from kassenverbund.fiscal.dsfinvk.rules import RULES
from kassenverbund.fiscal.dsfinvk.source import Folder, Zip
from kassenverbund.fiscal.dsfinvk.tars import Tars
from kassenverbund.fiscal.dsfinvk.testing import Export, month
from kassenverbund.fiscal.verdicts import Finding, Level

Files = dict[str, bytes]


def verify(files: Mapping[str, bytes], tars: Tars | None = None) -> list[Finding]:
    made = Export().zip(files)
    return list(verify_export(Zip(io.BytesIO(made)), "export.zip", tars=tars))


def wrong(findings: list[Finding]) -> set[str]:
    return {one.code for one in findings if one.level is Level.WRONG}


def codes(findings: list[Finding]) -> set[str]:
    return {one.code for one in findings}


@pytest.fixture
def made() -> Export:
    return month()


def row(made: Export, table: str, **match: str) -> dict[str, str]:
    """The first row that matches."""
    return next(
        one
        for one in made.rows[table]
        if all(one.get(name) == value for name, value in match.items())
    )


# -- a right export -----------------------------------------------------------------------------


def test_a_right_export_keeps_every_rule_that_it_touches(made: Export) -> None:
    findings = verify(made.files())
    assert {one.code for one in findings if one.level is not Level.RIGHT} == {"left_unsigned"}
    held = {one.code.removesuffix(".holds") for one in findings if one.level is Level.RIGHT}
    assert RULES.keys() - held == {
        "price_parts", "terminals_known", "agencies_known", "tar_holds", "tar_start",
        "tar_complete",
    }  # fmt: skip


def test_a_folder_is_read_as_well(made: Export, tmp_path: Path) -> None:
    for name, content in made.files().items():
        (tmp_path / name).write_bytes(content)
    assert not wrong(list(verify_export(Folder(tmp_path), "export")))


def test_closings_may_stand_in_any_order(made: Export) -> None:
    for table in ("lines.csv", "lines_vat.csv", "transactions_tse.csv", "vat.csv"):
        made.rows[table].reverse()
    assert not wrong(verify(made.files()))


def test_memory_does_not_grow_with_the_export(tmp_path: Path) -> None:
    """Ten times the closings, and a tenth of what they would need at once."""
    few, many = peak(tmp_path / "few", shifts=3), peak(tmp_path / "many", shifts=30)
    assert many < few + 200_000, (few, many)


def peak(folder: Path, *, shifts: int) -> int:
    """Bytes that the verification of so many closings of 8 BONs needs."""
    made, first = Export(), 1
    for number in range(1, shifts + 1):
        shift = made.shift("KV-1", number, first)
        for _ in range(8):
            shift.bon(lines=[("Umsatz", 1, "1.00")] * 4, paid=[("Bar", "4.00")])
        shift.close()
        first = shift.next
    folder.mkdir()
    for name, content in made.files().items():
        (folder / name).write_bytes(content)
    del made
    tracemalloc.start()
    try:
        assert not any(one.level is Level.WRONG for one in verify_export(Folder(folder), "x"))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_index_is_valid_for_lxml(made: Export) -> None:
    files = made.files()
    # libxml2 refuses the authority's own words for Media. These say the same.
    ambiguous = b"(Name, Command*, Table*, Command*, AcceptNoTables?)"
    clear = b"(Name, Command*, (Table+, Command*)?, AcceptNoTables?)"
    dtd = etree.DTD(io.BytesIO(files["gdpdu-01-09-2004.dtd"].replace(ambiguous, clear)))
    assert dtd.validate(etree.fromstring(files["index.xml"])), dtd.error_log


# -- damages of rows ----------------------------------------------------------------------------

Damage = Callable[[Export], object]


def change(table: str, match: Mapping[str, str], **to: str) -> Damage:
    return lambda made: row(made, table, **match).update(to)


def drop(table: str, **match: str) -> Damage:
    return lambda made: made.rows[table].remove(row(made, table, **match))


def again(table: str, match: Mapping[str, str], **to: str) -> Damage:
    """The row once more, behind itself, with changes."""

    def damage(made: Export) -> None:
        found = row(made, table, **match)
        made.rows[table].insert(made.rows[table].index(found) + 1, {**found, **to})

    return damage


def all_of(*damages: Damage) -> Damage:
    def damage(made: Export) -> None:
        for one in damages:
            one(made)

    return damage


SALE, VOUCHER, REDEEMED, BACK = ({"BON_ID": f"KV-1-{number}"} for number in (1, 2, 3, 4))
CLOSING = {"Z_KASSE_ID": "KV-1", "Z_NR": "1"}
TRAINED, ORDERED, UNSIGNED = ({"BON_ID": f"KV-1-{number}"} for number in (5, 7, 9))


def rename(made: Export, closing: tuple[str, str], **to: str) -> None:
    """Another key for a closing, in all tables."""
    for rows in made.rows.values():
        for one in rows:
            if (one["Z_KASSE_ID"], one["Z_NR"]) == closing:
                one.update(to)


DAMAGES: list[tuple[str, Damage]] = [
    ("words_known", change("transactions.csv", TRAINED, KUNDE_LAND="de")),
    ("words_known", change("lines.csv", TRAINED, GV_TYP="Verkauf")),
    ("words_known", change("tse.csv", {}, TSE_PD_ENCODING="UTF8")),
    ("times_form", change("references.csv", BACK, REF_DATUM="gestern")),
    ("times_order", change("transactions.csv", SALE, BON_START="2026-05-04T09:00:00.000Z")),
    ("times_order", change("transactions_tse.csv", SALE, TSE_TA_START="2026-05-05T00:00:00Z")),
    ("times_order", change("transactions.csv", SALE, BON_ENDE="2026-05-05T09:00:00.000+02:00")),
    ("closing_known", again("allocation_groups.csv", {}, Z_NR="9")),
    ("closing_master", drop("location.csv", **CLOSING)),
    ("closing_master", again("cashregister.csv", CLOSING)),
    ("closing_ends", change("cashpointclosing.csv", CLOSING, Z_START_ID="KV-1-2")),
    ("closing_cases", change("businesscases.csv", {"GV_TYP": "Umsatz", "UST_SCHLUESSEL": "1"},
                             Z_UMS_BRUTTO="1,19000", Z_UMS_NETTO="1,00000", Z_UST="0,19000")),
    ("closing_cases", change("businesscases.csv", {"GV_TYP": "Umsatz"}, GV_NAME="Essen")),
    ("closing_payments", change("payment.csv", {"ZAHLART_TYP": "ECKarte"},
                                Z_ZAHLART_BETRAG="49,99")),
    ("closing_totals", change("cashpointclosing.csv", CLOSING, Z_SE_ZAHLUNGEN="1,00")),
    ("closing_totals", change("cashpointclosing.csv", CLOSING, Z_SE_BARZAHLUNGEN="1,00")),
    ("closing_cash", change("cash_per_currency.csv", CLOSING, ZAHLART_BETRAG_WAEH="0,01")),
    ("closing_numbers", lambda made: rename(made, ("KV-1", "2"), Z_NR="3")),
    ("closing_times", lambda made: rename(made, ("KV-1", "1"),
                                          Z_ERSTELLUNG="2026-05-05T00:00:00.000Z")),
    ("bon_known", again("datapayment.csv", SALE, BON_ID="KV-1-99")),
    ("bon_known", again("lines_vat.csv", SALE, POS_ZEILE="77")),
    ("bon_ids", again("lines.csv", SALE)),
    ("bon_ids", again("transactions.csv", SALE)),
    ("bon_numbers", change("transactions.csv", {"BON_NR": "102"}, BON_NR="103")),
    ("bon_numbers", lambda made: [
        one.update(BON_NR=str(int(one["BON_NR"]) + 1))
        for one in made.rows["transactions.csv"] if one["Z_NR"] == "2"
    ]),
    ("bon_named", change("transactions.csv", {"BON_TYP": "AVSonstige"}, BON_NAME="")),
    ("bon_storno", change("transactions.csv", BACK, BON_STORNO="1")),
    ("vat_arithmetic", change("itemamounts.csv", {}, PF_UST="0,80001")),
    ("vat_keys", drop("vat.csv", **CLOSING, UST_SCHLUESSEL="2")),
    ("vat_rates", change("vat.csv", {"UST_SCHLUESSEL": "1", "Z_NR": "2"}, UST_SATZ="16,00")),
    ("vat_of_lines", change("lines_vat.csv", ORDERED, POS_BRUTTO="3,99400", POS_NETTO="3,35400")),
    ("vat_of_rate", all_of(
        change("lines_vat.csv", ORDERED, POS_NETTO="3,33000", POS_UST="0,66000"),
        change("transactions_vat.csv", ORDERED, BON_NETTO="3,33000", BON_UST="0,66000"))),
    ("vat_of_case", change("lines.csv", TRAINED, GV_TYP="TrinkgeldAN")),
    ("paid", all_of(
        change("datapayment.csv", UNSIGNED, BASISWAEH_BETRAG="2,01"),
        change("payment.csv", {"ZAHLART_TYP": "Bar"}, Z_ZAHLART_BETRAG="2,08"),
        change("cashpointclosing.csv", CLOSING, Z_SE_ZAHLUNGEN="52,08", Z_SE_BARZAHLUNGEN="2,08"))),
    ("gross", change("transactions.csv", TRAINED, UMS_BRUTTO="5,01")),
    ("prices", change("lines.csv", SALE, MENGE="2,000")),
    ("price_parts", change("itemamounts.csv", {}, PF_BRUTTO="6,01000", PF_NETTO="5,21000")),
    ("references_named", change("references.csv", BACK, REF_Z_NR="")),
    ("references_named", change("references.csv", BACK, REF_BON_ID="KV-1-4")),
    ("references_resolve", change("references.csv", BACK, REF_BON_ID="KV-1-77")),
    ("references_needed", drop("references.csv", REF_TYP="ExterneRechnung")),
    ("terminals_known", change("transactions.csv", SALE, TERMINAL_ID="Handy 1")),
    ("terminals_known", change("lines.csv", SALE, POS_TERMINAL_ID="Handy 1")),
    ("agencies_known", change("lines.csv", TRAINED, AGENTUR_ID="3")),
    ("tse_known", change("transactions_tse.csv", SALE, TSE_ID="2")),
    ("tse_keys", change("tse.csv", {}, TSE_SERIAL="00" * 32)),
    ("tse_rows", drop("transactions_tse.csv", **SALE)),
    ("tse_rows", change("transactions_tse.csv", {"TSE_TA_FEHLER": "TSE ausgefallen"},
                        TSE_TA_FEHLER="")),
    ("tse_rows", change("transactions_tse.csv", SALE, TSE_TA_SIGZ="")),
    ("tse_slots", change("transactions_tse.csv", UNSIGNED, TSE_TA_VORGANGSART="Kassenbeleg-V1",
                         TSE_VORGANGSDATEN="Beleg^2.01_0.00_0.00_0.00_0.00^2.00:Bar")),
    ("tse_payments", change("transactions_tse.csv", UNSIGNED, TSE_TA_VORGANGSART="Kassenbeleg-V1",
                            TSE_VORGANGSDATEN="Beleg^2.00_0.00_0.00_0.00_0.00^2.00:Unbar")),
    ("tse_order", change("lines.csv", ORDERED, ARTIKELTEXT="Eisbecher")),
    ("tse_process", change("transactions_tse.csv", UNSIGNED, TSE_TA_VORGANGSART="SonstigerVorgang",
                           TSE_VORGANGSDATEN="x")),
    ("tse_process", change("transactions.csv", TRAINED, BON_TYP="AVTransfer")),
    ("tse_signature", change("transactions_tse.csv", SALE, TSE_TA_ENDE="2026-05-04T08:00:08Z")),
    ("tse_signature", change("cashregister.csv", {"Z_KASSE_ID": "KV-2"}, KASSE_SERIENNR="X")),
    ("tse_signature", change("tse.csv", CLOSING, TSE_SIG_ALGO="ecdsa-plain-SHA384")),
]  # fmt: skip


def parts(made: Export) -> None:
    """A line whose price was found in two steps, a foreign terminal's table, and a table."""
    key = {name: row(made, "lines.csv", **TRAINED)[name] for name in ("Z_KASSE_ID", "Z_NR")}
    key["Z_ERSTELLUNG"] = row(made, "lines.csv", **TRAINED)["Z_ERSTELLUNG"]
    three = {"UST_SCHLUESSEL": "1", "PF_BRUTTO": "6,00000", "PF_NETTO": "5,20000", "TYP": "x"}
    base = {**key, **TRAINED, "POS_ZEILE": "1", **three, "PF_UST": "0,80000"}
    discount = {**base, "TYP": "discount", "PF_BRUTTO": "-1,00000", "PF_NETTO": "-1,00000"}
    made.rows["itemamounts.csv"] = [
        {**base, "TYP": "base_amount"}, {**discount, "PF_UST": "0,00000"},
    ]  # fmt: skip
    made.rows["allocation_groups.csv"] = [{**key, **SALE, "ABRECHNUNGSKREIS": "Tisch 4"}]


def test_prices_in_parts_and_groups_are_right_as_well(made: Export) -> None:
    parts(made)
    assert not wrong(verify(made.files()))


@pytest.mark.parametrize(
    ("rule", "damage"), DAMAGES, ids=[f"{at}-{one[0]}" for at, one in enumerate(DAMAGES)]
)
def test_a_damage_is_found_as_what_it_is(made: Export, rule: str, damage: Damage) -> None:
    parts(made)
    damage(made)
    assert wrong(verify(made.files())) == {rule}


# What stands in two places of the books breaks two rules.
TWICE: list[tuple[set[str], Damage]] = [
    ({"gross", "vat_of_lines"}, drop("transactions_vat.csv", **ORDERED)),
    ({"closing_tables", "closing_payments"}, lambda made: made.rows["payment.csv"].clear()),
    ({"tse_numbers", "tse_counters"}, again("transactions_tse.csv", SALE)),
    ({"bon_ids", "closing_ends"}, lambda made: [
        one.update(BON_ID="KV-1-2") for rows in made.rows.values() for one in rows
        if one.get("BON_ID") == "KV-1-12"
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "damage"), TWICE, ids=["sums", "tables", "row", "id"])
def test_a_damage_of_two_facts_is_found_as_both(
    made: Export, rules: set[str], damage: Damage
) -> None:
    damage(made)
    found = wrong(verify(made.files()))
    assert found == rules


# -- damages of what was signed: with signatures that are right --------------------------------


def sold_again(made: Export, till: str = "KV-3") -> None:
    shift = made.shift(till, 1)
    shift.bon(lines=[("Umsatz", 1, "1.00")], paid=[("Bar", "1.00")])
    shift.close()


def test_a_transaction_number_that_a_tse_used_twice_is_found(made: Export) -> None:
    made.device.number -= 1
    sold_again(made)
    assert wrong(verify(made.files())) == {"tse_numbers"}


def test_a_signature_counter_that_a_tse_used_twice_is_found(made: Export) -> None:
    made.device.counter -= 2
    sold_again(made)
    assert wrong(verify(made.files())) == {"tse_counters"}


def test_log_time_that_goes_back_is_found(made: Export) -> None:
    made.now -= timedelta(hours=1)
    sold_again(made)
    assert wrong(verify(made.files())) == {"tse_times"}


# -- the TSE's own export -------------------------------------------------------------------------


def tars(made: Export, leave_out: str = "-") -> Tars:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as file:
        for name, content in made.device.logs.items():
            if leave_out not in name:
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                file.addfile(entry, io.BytesIO(content))
    found = Tars()
    found.add(io.BytesIO(archive.getvalue()))
    return found


def test_the_export_and_the_tse_agree(made: Export) -> None:
    findings = verify(made.files(), tars(made, "none"))
    assert not wrong(findings)
    assert {"tar_holds.holds", "tar_start.holds", "tar_complete.holds"} <= codes(findings)


def test_what_the_tse_does_not_hold_is_found(made: Export) -> None:
    assert wrong(verify(made.files(), tars(made, "No-2_Finish"))) == {"tar_holds"}


def test_a_start_time_that_the_tse_does_not_say_is_found(made: Export) -> None:
    change("transactions_tse.csv", SALE, TSE_TA_START="2026-05-04T07:59:00.000Z")(made)
    assert wrong(verify(made.files(), tars(made, "none"))) == {"tar_start"}


def left_out(kind: str = "Beleg") -> Export:
    """An export from which somebody took the second sale away, and closed the gap."""
    made = Export()
    shift = made.shift("KV-1", 1)
    shift.bon(lines=[("Umsatz", 1, "1.00")], paid=[("Bar", "1.00")])
    number = made.device.number = made.device.number + 1
    data = f"{kind}^0.00_0.00_0.00_0.00_0.00^"
    time = int(made.now.timestamp())
    made.device.log("Start", number, "KV-1", "", "", time)
    made.device.log("Finish", number, "KV-1", "Kassenbeleg-V1", data, time)
    shift.bon(lines=[("Umsatz", 1, "3.00")], paid=[("Bar", "3.00")])
    shift.close()
    return made


def test_a_sale_that_only_the_tse_remembers_is_found() -> None:
    made = left_out()
    assert wrong(verify(made.files(), tars(made, "none"))) == {"tar_complete"}
    assert not wrong(verify(made.files()))


def test_an_abort_without_a_bon_is_a_note() -> None:
    made = left_out("AVBelegabbruch")
    findings = verify(made.files(), tars(made, "none"))
    assert not wrong(findings)
    assert "tar_aborted" in codes(findings)


def test_what_the_export_explains_is_a_note() -> None:
    made = left_out()
    explained = f"TSE_SERIAL;TSE_TANR\r\n{made.device.serial.hex()};2\r\n".encode()
    files = {**made.files(), "tse_erlaeuterungen.csv": explained}
    findings = verify(files, tars(made, "none"))
    assert not wrong(findings)
    assert "tar_explained" in codes(findings)


def test_a_tse_whose_export_was_not_given_is_undecided(made: Export) -> None:
    other = Export()
    other.device = type(made.device)(4712)
    sold_again(other)
    findings = verify(made.files(), tars(other, "none"))
    assert "tar_missing" in {one.code for one in findings if one.level is Level.UNDECIDED}


# -- damages of the files -----------------------------------------------------------------------


def replace(name: str, old: bytes, new: bytes) -> Callable[[Files], object]:
    def damage(files: Files) -> None:
        assert old in files[name]
        files[name] = files[name].replace(old, new, 1)

    return damage


INDEX, DTD, LINES = "index.xml", "gdpdu-01-09-2004.dtd", "lines.csv"
BOMB = b'<!DOCTYPE DataSet [<!ENTITY a "x">]>'

FILES: list[tuple[set[str], Callable[[Files], object]]] = [
    ({"index_valid"}, replace(INDEX, b"<Version>1.0</Version>", b"")),
    ({"index_valid"}, replace(INDEX, b"<Version>1.0<", b"<Version>2.0<")),
    ({"index_valid"}, replace(INDEX, b"</DataSet>", b"")),
    ({"index_valid"}, replace(INDEX, b"<Location/>", b"<Location>x<b/></Location>")),
    ({"index_valid"}, replace(INDEX, b"<DataSet>", b'<DataSet a="1">')),
    ({"index_valid"}, replace(INDEX, b"<UTF8/>", b"<UTF8>x</UTF8>")),
    ({"index_valid"}, replace(INDEX, b"gdpdu-01-09-2004", b"gdpdu-01-08-2002")),
    ({"index_valid"}, replace(INDEX, b'<!DOCTYPE DataSet SYSTEM "gdpdu-01-09-2004.dtd">', BOMB)),
    ({"dtd_official"}, replace(DTD, b"(Name, Location, Comment)", b"(Name, Location?, Comment?)")),
    ({"index_standard"}, replace(INDEX, b"<MaxLength>50<", b"<MaxLength>51<")),
    ({"index_standard"}, replace(INDEX, b"<Accuracy>5<", b"<Accuracy>2<")),
    ({"index_standard"}, replace(INDEX, b"<ColumnDelimiter>;", b"<ColumnDelimiter>,")),
    ({"index_standard"}, replace(INDEX, b"<UTF8/>", b"<ANSI/>")),
    ({"index_standard"}, replace(INDEX, b"<Name>BON_NR<", b"<Name>BON_NUMMER<")),
    ({"files_there"}, lambda files: files.pop("lines.csv")),
    ({"files_there"}, lambda files: files.pop(DTD)),
    ({"files_there"}, lambda files: files.pop(INDEX)),
    ({"files_there", "table_undeclared"}, replace(INDEX, b"<URL>tse.csv<", b"<URL>tses.csv<")),
    ({"rows_form"}, replace(LINES, b"Umsatz 1", b"\xff")),
    ({"rows_form"}, replace(LINES, b"Umsatz 1", b"x" * 256)),
    ({"rows_form"}, replace(LINES, b"1,000", b"1.000")),
    ({"rows_form"}, replace(LINES, b"1,000", b"1,0000")),
    ({"rows_form"}, replace(LINES, b"\r\n", b"\n")),
    ({"rows_form", "not_judged"}, replace(LINES, b"ARTIKELTEXT", b"ARTIKEL")),
    ({"rows_form", "not_judged"}, replace(LINES, b"Umsatz 1", b'"Umsatz"1')),
]


@pytest.mark.parametrize(("rules", "damage"), FILES)
def test_a_damaged_file_is_found_as_what_it_is(
    made: Export, rules: set[str], damage: Callable[[Files], object]
) -> None:
    files = made.files()
    damage(files)
    found = wrong(verify(files))
    # A row that can't be read is missing in the sums, too.
    assert found >= rules if rules == {"rows_form"} else found == rules


def test_an_export_without_a_closing_is_not_a_pass(made: Export) -> None:
    files = made.files()
    files["cashpointclosing.csv"] = files["cashpointclosing.csv"].split(b"\r\n")[0] + b"\r\n"
    assert "no_closings" in wrong(verify(files))


def test_a_damaged_zip_is_malformed(made: Export) -> None:
    content = bytearray(made.zip())
    content[200:220] = bytes(20)
    findings = list(verify_export(Zip(io.BytesIO(bytes(content))), "export.zip"))
    assert wrong(findings) & {"malformed", "files_there", "rows_form"}


def test_further_files_and_columns_are_named(made: Export) -> None:
    files = {**made.files(), "pruefbericht.txt": b"x"}
    assert "file_further" in codes(verify(files))


def test_a_reference_out_of_the_export_is_a_note(made: Export) -> None:
    change("references.csv", BACK, REF_Z_NR="99")(made)
    findings = verify(made.files())
    assert not wrong(findings)
    assert "reference_outside" in codes(findings)


def test_every_rule_has_a_damage_that_breaks_it() -> None:
    tested = {rule for rule, _ in DAMAGES}
    tested |= {rule for rules, _ in (*TWICE, *FILES) for rule in rules}
    tested |= {"tse_times", "tar_holds", "tar_start", "tar_complete"}
    assert RULES.keys() - tested == set()
