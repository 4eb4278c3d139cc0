"""Reports, slips of cash moves and receipts that are no sale; and what § 6 KassenSichV asks for.

`GOLDEN_WRITE=1 pytest …` writes the golden files anew; look at the difference before committing.
"""

from __future__ import annotations

import html
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device_gateway.adapters.escpos import PrinterProfile, encode
from device_gateway.adapters.virtual_printer import Drawer, Profile, Qr, judge
from device_gateway.events import TillClosed
from device_gateway.ports import ReceiptOrder
from device_gateway.printing.desk import moves_cash
from device_gateway.receipt import examples, report_examples
from device_gateway.receipt.document import ReceiptDocument
from device_gateway.receipt.grid import COLUMNS, Row
from device_gateway.receipt.papers import paper_html, paper_of, paper_rows
from device_gateway.receipt.report_examples import ORDERS
from device_gateway.receipt.text import grid_text
from money import AMOUNT_MAX, Money, euro

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

GOLDEN = Path(__file__).parent / "golden"
WIDE = PrinterProfile("p", columns=48, dots=576, codepage="CP858", codepage_number=19, qr="native")

SIGNED = {name: ORDERS[name] for name in ORDERS if name not in ("z-outage", "x-report")}
RECEIPTS = {
    name: order
    for name, order in {"receipt": examples.ORDER, "lunch": examples.LUNCH, **SIGNED}.items()
    if isinstance(paper_of(order), ReceiptDocument)
}


def text_of(order: ReceiptOrder, columns: int = 48) -> str:
    return grid_text(paper_rows(paper_of(order), columns, "CP858"))


def page_of(order: ReceiptOrder) -> str:
    """What a reader of the page sees, without the markup."""
    return html.unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", paper_html(paper_of(order))))


@pytest.mark.parametrize("columns", [32, 48])
@pytest.mark.parametrize("name", ORDERS)
def test_the_paper_looks_as_it_was_approved(name: str, columns: int) -> None:
    path, text = GOLDEN / f"{name}-{columns}.txt", text_of(ORDERS[name], columns)
    if os.environ.get("GOLDEN_WRITE") == "1":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("form", [text_of, page_of])
@pytest.mark.parametrize("name", RECEIPTS)
def test_the_receipt_has_what_the_law_asks_for(
    name: str, form: Callable[[ReceiptOrder], str]
) -> None:
    """§ 6 KassenSichV, item by item; AEAO to § 146a, 2.4.4 for the payments."""
    order = RECEIPTS[name]
    document = paper_of(order)
    assert isinstance(document, ReceiptDocument)
    flat = "".join(form(order).split())

    def shown(value: str) -> bool:
        return "".join(value.split()) in flat

    business, fiscal = document.business, document.fiscal
    assert fiscal.state == "signed"
    # 1: full name and address of the business
    assert shown(business.name)
    assert shown(business.street)
    assert shown(f"{business.postal_code} {business.city}")
    # 2: date of issue, start and end of the process, as the TSE gave them
    assert shown("21.11.2026")
    assert shown("2026-11-21T13:04:57.000Z")
    assert shown("2026-11-21T13:05:34.000Z")
    # 3: quantity and kind of the goods
    for item in document.items:
        # The printer's code page has no typographic quotes.
        assert shown(item.name) or shown(item.name.replace("„", '"').replace("“", '"'))
    # 4: transaction number
    assert shown("TSE-Transaktion 4711")
    # 5: price and tax by rate, or why there is none
    assert shown(f"{document.total.as_decimal():.2f}".replace(".", ","))
    for row in document.vat:
        for amount in (row.net, row.tax, row.gross):
            assert shown(f"{amount.as_decimal():.2f}".replace(".", ","))
        if row.rate == 0:
            assert shown("nicht steuerbar")
    # 6: serial numbers of recording system and security module
    assert shown(document.client_id)
    assert shown(fiscal.tse_serial)
    # 7: check value and signature counter
    assert shown("Signaturzähler 9423")
    assert shown(fiscal.value)
    # and how it was paid
    for tender in document.tenders:
        assert shown(tender.name)
        assert shown(f"{tender.amount.as_decimal():.2f}".replace(".", ","))


@pytest.mark.parametrize("name", SIGNED)
def test_every_signed_paper_carries_the_code_as_the_signer_gave_it(name: str) -> None:
    document = paper_of(SIGNED[name])
    data = encode(paper_rows(document, WIDE.columns, WIDE.codepage), WIDE)
    codes = judge(data, Profile(dots=576)).of(Qr)
    assert [code.content for code in codes if isinstance(code, Qr)] == [examples.QR]


@pytest.mark.parametrize("name", SIGNED)
def test_every_signed_paper_says_that_an_uncertified_tse_is_one(name: str) -> None:
    mark = "TSE not certified" if name == "z-english" else "TSE nicht zertifiziert"
    certified = replace(SIGNED[name], verdict=examples.signed(certified=True))
    for form in (text_of, page_of):
        assert mark in form(SIGNED[name])
        assert mark not in form(certified)


@pytest.mark.parametrize("name", SIGNED)
def test_every_paper_of_an_outage_says_so(name: str) -> None:
    out = replace(SIGNED[name], verdict=None, outage=True)
    for form in (text_of, page_of):
        assert "TSE ausgefallen" in form(out)
        assert "TSE-Transaktion" not in form(out)


def test_a_bill_names_the_time_of_its_first_order() -> None:
    for form in (text_of, page_of):
        assert "2026-11-21T11:02:30.000Z" in form(ORDERS["after-orders"])
        assert "11:40:00" not in form(ORDERS["after-orders"])


def test_a_training_says_so_above_and_below() -> None:
    for form in (text_of, page_of):
        assert form(ORDERS["training"]).count("TRAINING - KEIN BELEG") == 2


def test_a_cancellation_names_the_receipt_that_it_takes_back() -> None:
    assert "zu Beleg 128 vom 21.11.2026" in text_of(ORDERS["cancellation"])
    assert "Bar zurück" in text_of(ORDERS["cancellation"])


def test_goods_of_an_exchange_name_the_receipt_that_they_come_from() -> None:
    lines = text_of(ORDERS["exchange"]).splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("Die Entdeckung"))
    assert [line.strip() for line in lines[at + 1 : at + 3]] == [
        "zu Beleg 128 vom 21.11.2026",
        "Fehlende Seiten",
    ]


def test_a_paid_out_voucher_shows_only_the_end_of_its_serial() -> None:
    for form in (text_of, page_of):
        assert "GS-2026-004711" not in form(ORDERS["payout"])
        assert "****4711" in form(ORDERS["payout"])


def test_a_report_says_who_corrected_what_when_and_why() -> None:
    text = text_of(ORDERS["z-report"])
    part = text[text.index("Storno (Vorgang 131)") :].splitlines()[:3]
    assert [line.split() for line in part] == [
        ["Storno", "(Vorgang", "131)", "-12,99"],
        ["21.11.2026", "10:14:02", "durch", "u-17"],
        ["Grund:", "Falscher", "Artikel", "gebucht"],
    ]
    assert "... und 2 weitere" in text


def test_the_sums_of_a_report_are_those_of_its_rows() -> None:
    text = text_of(ORDERS["z-report"])
    # The example's closing balances: what was turned over is what was paid.
    assert text.count("1.324,60 €") == 2


def test_an_x_report_says_that_it_is_no_closing_and_is_not_signed() -> None:
    for form in (text_of, page_of):
        text = form(ORDERS["x-report"])
        assert "kein Kassenabschluss" in text
        assert "TSE" not in text
        assert "Z-BERICHT" not in text


def test_who_counts_blindly_is_told_nothing_of_the_drawer() -> None:
    blind = replace(ORDERS["x-report"], booking=replace(report_examples.shift(), cash=None))
    for form in (text_of, page_of):
        assert "913,35" not in form(blind)


def test_a_closing_by_the_clock_says_that_nobody_counted() -> None:
    alone = report_examples.closing(automatic=True, cash=report_examples.count(counted=None))
    for form in (text_of, page_of):
        text = form(replace(ORDERS["z-report"], booking=alone))
        assert "automatisch, ohne Zählung" in text
        assert "nicht gezählt" in text


def test_a_shift_in_which_nothing_happened_has_a_report() -> None:
    empty = report_examples.closing(
        cases=(), payments=(), corrections=(), corrections_left_out=0, counts={"closing": 1}
    )
    for form in (text_of, page_of):
        assert "keine" in form(replace(ORDERS["z-report"], booking=empty))


def test_the_drawer_opens_for_cash_moves_and_not_for_a_training() -> None:
    with_drawer = replace(WIDE, drawer_pin=2)
    assert moves_cash(ORDERS["cash-move"].booking)
    assert moves_cash(ORDERS["cancellation"].booking)
    assert not moves_cash(ORDERS["training"].booking)
    data = encode(paper_rows(paper_of(ORDERS["training"]), 48, "CP858"), with_drawer)
    assert not judge(data, Profile(dots=576)).of(Drawer)


MONEY = st.integers(min_value=-AMOUNT_MAX, max_value=AMOUNT_MAX).map(
    lambda minor: Money(amount=minor)
)
NAME = st.text(st.characters(exclude_categories=()), min_size=1, max_size=120)


@settings(UNHURRIED, max_examples=40)
@given(NAME, MONEY, st.sampled_from(COLUMNS))
def test_no_name_and_no_amount_goes_over_the_edge(name: str, amount: Money, columns: int) -> None:
    odd = report_examples.closing(till_name=name, cashier_id=name, grand_total=amount)
    closed = odd.model_copy(
        update={
            "cases": tuple(
                case.model_copy(
                    update={"name": name, "gross": amount, "net": amount, "tax": amount}
                )
                for case in odd.cases[:1]
            ),
            "payments": tuple(
                paid.model_copy(update={"name": name, "amount": amount})
                for paid in odd.payments[:1]
            ),
            "cash": odd.cash.model_copy(update={"expected": amount, "counted_by": name}),
            "corrections": tuple(
                one.model_copy(update={"amount": amount, "reason": name, "person": name})
                for one in odd.corrections
            ),
        }
    )
    move = report_examples.cash_move(reason=name, amount=amount, case_name=name)
    for process in (closed, move):
        document = paper_of(replace(ORDERS["z-report"], booking=process))
        for row in paper_rows(document, columns, "CP858").rows:
            assert not isinstance(row, Row) or row.cells <= columns


def test_a_name_with_markup_stays_text_on_a_report() -> None:
    evil = "<script>alert(1)</script>"
    order = replace(ORDERS["z-report"], booking=report_examples.closing(till_name=evil))
    assert isinstance(order.booking, TillClosed)
    page = paper_html(paper_of(order))
    assert evil not in page
    assert html.escape(evil) in page


def test_a_cash_move_says_which_way_the_money_went() -> None:
    inward = report_examples.cash_move(kind="transit_in", amount=euro("100.00"))
    assert "Auszahlung aus der Kasse" in text_of(ORDERS["cash-move"])
    assert "Einzahlung in die Kasse" in text_of(replace(ORDERS["cash-move"], booking=inward))
