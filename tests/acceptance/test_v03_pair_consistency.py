"""V03, at the till: both articles of a pair have the same VAT, or the file is refused."""

from __future__ import annotations

import pytest

from kassenverbund.chain_file import ChainFileInvalid, parse_chain
from tests.support.program import ROOT

TEXT = (ROOT / "chain.yaml").read_text()
REDEMPTION = "{sku: GS-EINLOESEN, name: Gutschein Einlösen, vat: zero}"
SALE = "{sku: GS-VERKAUF, name: Gutschein Verkauf, vat: zero}"


def fault_of(text: str) -> str:
    with pytest.raises(ChainFileInvalid) as refused:
        parse_chain(text, name="chain.yaml")
    (fault,) = refused.value.faults
    return str(fault)


def test_v03_a_sale_with_vat_and_a_redemption_without_is_refused_naming_both() -> None:
    fault = fault_of(TEXT.replace(SALE, SALE.replace("zero", "standard")))
    assert "Gutschein Verkauf (GS-VERKAUF, VAT standard)" in fault
    assert "Gutschein Einlösen (GS-EINLOESEN, VAT zero)" in fault


def test_v03_the_refusal_names_the_line_and_the_rule() -> None:
    wrong = TEXT.replace(REDEMPTION, REDEMPTION.replace("zero", "standard"))
    line = wrong[: wrong.index("name: Gutschein Einlösen")].count("\n") + 1
    fault = fault_of(wrong)
    assert fault.startswith(f"chain.yaml:{line}: voucher_articles[0].redemption.vat: ")
    assert "need the same VAT" in fault


def test_v03_a_vat_key_that_the_file_does_not_have_is_refused() -> None:
    fault = fault_of(
        TEXT.replace(SALE, SALE.replace("zero", "none")).replace(
            REDEMPTION, REDEMPTION.replace("zero", "none")
        )
    )
    assert "there is no VAT key none" in fault


def test_v03_one_article_in_two_pairs_is_refused() -> None:
    assert "declared twice: GS-EINLOESEN" in fault_of(
        TEXT.replace("sku: GS-BUCH-EINLOESEN", "sku: GS-EINLOESEN")
    )


def test_v03_the_example_chain_is_consistent() -> None:
    assert len(parse_chain(TEXT, name="chain.yaml").voucher_articles) == 2
