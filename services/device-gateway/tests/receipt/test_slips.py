"""Slips beside the receipt, in every form that they are asked for: what is invoiced later, what is
left on a voucher, the end of a card terminal's day. And the card receipts of an X and a Z report.

`GOLDEN_WRITE=1 pytest …` writes the golden files anew; look at the difference before committing.
"""

from __future__ import annotations

import html
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from device_gateway.adapters.virtual_printer import Profile, judge
from device_gateway.events import TypedCard
from device_gateway.printing.desk import PrintingDesk
from device_gateway.receipt import report_examples
from device_gateway.receipt.papers import paper_html, paper_of, paper_rows
from device_gateway.receipt.report_examples import ORDERS
from device_gateway.receipt.slip_examples import PAPERS
from device_gateway.receipt.text import grid_text
from money import euro

GOLDEN = Path(__file__).parent / "golden"
SAID = {
    "center-slip": ("Kostenstelle 4711", "Firma A GmbH", "9,80", "Unterschrift", "Monatsbudget"),
    "account-slip": ("Kunde kunde-17", "Bestellung 7", "9,80", "Unterschrift"),
    "center-slip-copy": ("Kostenstelle 4711", "KOPIE"),
    "end-of-day": ("Kassenschnitt", "girocard", "802,10", "988,60", "Terminal-ID 52500041"),
    "rest-slip": ("****4711", "45,00", "gilt weiter"),
}


@pytest.fixture
def desk() -> PrintingDesk:
    queue: Any = None  # Nothing is queued here.
    return PrintingDesk(queue, clock=queue)


def flat(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("columns", [32, 48])
@pytest.mark.parametrize("name", PAPERS)
def test_the_slip_looks_as_it_was_approved(name: str, columns: int) -> None:
    path = GOLDEN / f"{name}-{columns}.txt"
    text = grid_text(paper_rows(paper_of(PAPERS[name]), columns, "CP858"))
    if os.environ.get("GOLDEN_WRITE") == "1":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
    assert all(len(line) <= columns for line in text.splitlines())


@pytest.mark.parametrize("name", PAPERS)
def test_the_printer_gets_what_the_page_and_the_text_show(name: str, desk: PrintingDesk) -> None:
    order = PAPERS[name]
    judged = judge(desk.escpos(order), Profile(dots=576))
    page = html.unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", desk.html(order)))
    for form in (judged.papers[-1].text, desk.text(order), page):
        for said in (*SAID[name], "Buchkette Beispiel GmbH", "Kastanienallee 12"):
            assert flat(said) in flat(form)


@pytest.mark.parametrize("name", PAPERS)
def test_the_slip_is_a_pdf_too(name: str, desk: PrintingDesk) -> None:
    pytest.importorskip("PIL")
    assert desk.pdf(PAPERS[name]).startswith(b"%PDF-")


def test_a_slip_says_once_above_and_once_below_that_it_is_a_copy(desk: PrintingDesk) -> None:
    for name in ("center-slip", "account-slip", "rest-slip"):
        assert desk.text(replace(PAPERS[name], is_copy=True)).count("KOPIE") == 2


@pytest.mark.parametrize("name", PAPERS)
def test_a_name_with_markup_stays_text_on_a_slip(name: str) -> None:
    evil = "<script>alert(1)</script>"
    store = PAPERS[name].master_data.model_copy(update={"name": evil})
    page = paper_html(paper_of(replace(PAPERS[name], master_data=store)))
    assert evil not in page
    assert html.escape(evil) in page


TYPED = (
    TypedCard(receipt_number="0041", amount=euro("49.90")),
    TypedCard(receipt_number="0042", amount=euro("-5.00")),
)


@pytest.mark.parametrize("name", ["z-report", "x-report"])
def test_a_report_lists_card_receipts_that_were_typed(name: str, desk: PrintingDesk) -> None:
    booking = (
        report_examples.closing(typed_cards=TYPED)
        if name == "z-report"
        else replace(report_examples.shift(), typed_cards=TYPED)
    )
    order = replace(ORDERS[name], booking=booking)
    rows = [line.split() for line in desk.text(order).splitlines()]
    assert ["Kartenbeleg", "0041", "49,90"] in rows
    assert ["Kartenbeleg", "0042", "-5,00"] in rows
    page = flat(re.sub(r"<[^>]+>", " ", desk.html(order)))
    assert "Kartenbeleg004149,90" in page
