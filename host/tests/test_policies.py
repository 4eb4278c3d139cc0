"""`policies export`: what is in force, complete, dated and readable."""

from __future__ import annotations

import csv
import io
from datetime import date
from pathlib import Path

import pytest

from kassenverbund.chain_file import ChainFileInvalid, load_chain, parse_chain
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.fiscal_cases import TABLE
from kassenverbund.policies.collect import annex_of
from kassenverbund.policies.document import Annex
from kassenverbund.policies.render import as_csv, markdown
from kassenverbund.policies.settings_words import MEANINGS

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "chain.yaml"
REFUNDED = "fiscal.voucher.multi_purpose.refunded"
CHOICE = f"""
fiscal_cases:
  {REFUNDED}:
    - {{choice: new_sale, valid_from: 2027-01-01}}
"""


def declared(more: str = "") -> Chain:
    return parse_chain(EXAMPLE.read_text() + more, name="chain.yaml")


def annex(more: str = "", *, since: dict[tuple[str, str], date] | None = None) -> Annex:
    chain = declared(more)
    return annex_of(
        chain,
        on=date(2026, 11, 22),
        program="Kassenverbund",
        sign_within_s=10,
        stores=chain.stores,
        since=since,
    )


def rows(document: Annex) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(as_csv(document, "de")), delimiter=";"))


def test_every_fiscal_case_stands_in_the_annex() -> None:
    named = {row["policy"] for row in rows(annex())}
    assert {case.name for case in TABLE} <= named


def test_every_choice_of_a_chain_is_explained() -> None:
    chain = load_chain(EXAMPLE)
    settings = {
        f"{part}.{name}"
        for part in ("vouchers", "accounts", "cost_centers")
        for name in type(getattr(chain, part)).model_fields
    }
    assert settings == set(MEANINGS)


def test_a_choice_from_a_day_on_has_two_periods() -> None:
    found = [row for row in rows(annex(CHOICE)) if row["policy"] == REFUNDED]
    assert [
        (row["in_force"].split(",")[0], row["valid_from"], row["valid_to"]) for row in found
    ] == [
        ("MehrzweckgutscheinEinloesung", "2019-01-01", "2026-12-31"),
        ("MehrzweckgutscheinKauf", "2027-01-01", ""),
    ]


def test_a_changed_rate_ends_the_day_before_the_next_one() -> None:
    more = "  - {vat: reduced, rate: 800, valid_from: 2027-02-01, label: neu, dsfinvk_key: 2}\n"
    text = EXAMPLE.read_text().replace("  - {vat: zero", more + "  - {vat: zero", 1)
    chain = parse_chain(text, name="chain.yaml")
    document = annex_of(
        chain, on=date(2026, 11, 22), program="", sign_within_s=10, stores=(), since=None
    )
    found = [row for row in rows(document) if row["policy"] == "vat.DE.reduced"]
    assert [(row["in_force"], row["valid_to"]) for row in found] == [
        ("7 %, Schlüssel 2", "2027-01-31"),
        ("8 %, Schlüssel 2", ""),
    ]


def test_what_the_setting_of_cost_centers_chooses_stands_at_the_case() -> None:
    text = EXAMPLE.read_text().replace("receivable_vat: supply", "receivable_vat: undetermined")
    chain = parse_chain(text, name="chain.yaml")
    document = annex_of(
        chain, on=date(2026, 11, 22), program="", sign_within_s=10, stores=(), since=None
    )
    (row,) = (row for row in rows(document) if row["policy"] == "fiscal.receivable.cost_center")
    assert "Schlüssel 7" in row["in_force"]


def test_the_days_of_the_log_stand_at_the_store() -> None:
    since = {("berlin", "address"): date(2026, 3, 1)}
    found = {row["policy"]: row["valid_from"] for row in rows(annex(since=since))}
    assert found["store.berlin.address"] == "2026-03-01"
    assert found["store.koeln.address"] == ""


def test_the_page_is_german_or_english_and_every_row_has_its_columns() -> None:
    for language, word in (("de", "Anlage"), ("en", "Annex")):
        page = markdown(annex(CHOICE), "de" if language == "de" else "en")
        assert page.startswith(f"# {word}")
        width = 0
        for line in page.splitlines():
            bars = line.replace("\\|", "").count("|")
            if line.startswith("|---"):
                width = bars
            elif line.startswith("| `"):
                assert bars == width


def test_a_name_cannot_break_the_table_nor_become_a_formula() -> None:
    text = EXAMPLE.read_text().replace("name: Regelsteuersatz", "name: x")
    text = text.replace("label: Regelsteuersatz", 'label: "=1+1 | x"')
    chain = parse_chain(text, name="chain.yaml")
    document = annex_of(
        chain, on=date(2026, 11, 22), program="", sign_within_s=10, stores=(), since=None
    )
    (row,) = (row for row in rows(document) if row["policy"] == "vat.DE.standard")
    assert row["what"].startswith("'=")
    assert "=1+1 \\| x" in markdown(document, "de")


@pytest.mark.parametrize(
    ("more", "where", "rule"),
    [
        ("fiscal_cases: {fiscal.nothing: {choice: x}}", "fiscal_cases.fiscal.nothing", "no fiscal"),
        (f"fiscal_cases: {{{REFUNDED}: {{choice: x}}}}", f"fiscal_cases.{REFUNDED}", "no choice x"),
        (
            "fiscal_cases: {fiscal.receivable.cost_center: {choice: not_taxable}}",
            "fiscal_cases.fiscal.receivable.cost_center",
            "`cost_centers.receivable_vat` alone",
        ),
        (
            f"fiscal_cases: {{{REFUNDED}: [{{choice: new_sale}}, {{choice: new_sale}}]}}",
            f"fiscal_cases.{REFUNDED}",
            "same day",
        ),
    ],
)
def test_a_wrong_choice_is_told_with_its_place(more: str, where: str, rule: str) -> None:
    with pytest.raises(ChainFileInvalid) as caught:
        declared(f"\n{more}\n")
    (fault,) = caught.value.faults
    assert fault.where == where
    assert rule in fault.rule
    assert fault.line > EXAMPLE.read_text().count("\n")
