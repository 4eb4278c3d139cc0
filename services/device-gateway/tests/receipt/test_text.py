"""The receipt on its grid: golden papers, and no data that breaks the edge.

`GOLDEN_WRITE=1 pytest …` writes the golden files anew; look at the difference before committing.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device_gateway.ports import ReceiptOrder
from device_gateway.receipt import examples
from device_gateway.receipt.build import receipt_of, slip_of
from device_gateway.receipt.document import ReceiptDocument
from device_gateway.receipt.grid import COLUMNS, Row
from device_gateway.receipt.layout import receipt_rows, slip_rows
from device_gateway.receipt.text import receipt_text, slip_text
from money import AMOUNT_MAX, Money, euro

# No deadline and no health check by the clock: a busy machine is no fault of the code.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

GOLDEN = Path(__file__).parent / "golden"

ORDERS = {
    "receipt": examples.ORDER,
    "copy": examples.COPY,
    "outage": examples.OUTAGE,
    "english": examples.ENGLISH,
    "lunch": examples.LUNCH,
    "department": examples.DEPARTMENT,
}
CODE = "K7QM-4XTR-9WHC-2PLD"


@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("name", ORDERS)
def test_the_receipt_looks_as_it_was_approved(name: str, columns: int) -> None:
    _equals_golden(f"{name}-{columns}.txt", receipt_text(receipt_of(ORDERS[name]), columns=columns))


@pytest.mark.parametrize("columns", COLUMNS)
def test_the_voucher_slip_looks_as_it_was_approved(columns: int) -> None:
    slip = slip_of(examples.ORDER, serial="GS-2026-004812", value=euro("50.00"), valid_until=None)
    _equals_golden(f"slip-{columns}.txt", slip_text(slip, CODE, columns=columns))


def _equals_golden(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("GOLDEN_WRITE") == "1":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


MONEY = st.integers(min_value=-AMOUNT_MAX, max_value=AMOUNT_MAX).map(
    lambda minor: Money(amount=minor)
)
NAME = st.text(st.characters(exclude_categories=()), min_size=1, max_size=200)


@settings(UNHURRIED, max_examples=60)
@given(NAME, NAME, MONEY, st.sampled_from(COLUMNS))
def test_no_name_and_no_amount_goes_over_the_edge(
    name: str, till: str, amount: Money, columns: int
) -> None:
    rows = [
        row
        for order in (examples.ORDER, examples.LUNCH)
        for row in receipt_rows(_with(receipt_of(order), name, till, amount), columns, "CP858").rows
    ]
    for row in rows:
        assert not isinstance(row, Row) or row.cells <= columns


@settings(UNHURRIED, max_examples=60)
@given(NAME, MONEY, st.sampled_from(COLUMNS))
def test_every_amount_stands_whole_on_the_paper(name: str, amount: Money, columns: int) -> None:
    document = _with(receipt_of(examples.ORDER), name, "Kasse 1", amount)
    text = receipt_text(document, columns=columns)
    major = f"{abs(amount.amount) // 100:,}".replace(",", ".")
    assert text.count(f"{major},{abs(amount.amount) % 100:02d}") >= len(document.items) + 1


def _with(document: ReceiptDocument, name: str, till: str, amount: Money) -> ReceiptDocument:
    """The example with the same odd name and amount everywhere."""
    odd = {"amount": amount, "name": name}
    return document.model_copy(
        update={
            "store_name": name,
            "till_name": till,
            "total": amount,
            "footer": (name,),
            "items": tuple(
                item.model_copy(update={**odd, "unit_price": amount, "quantity": "999999.999"})
                for item in document.items
            ),
            "vat": tuple(
                row.model_copy(update={"net": amount, "tax": amount, "gross": amount})
                for row in document.vat
            ),
            "tenders": tuple(
                tender.model_copy(update={**odd, "tendered": amount, "change": amount})
                for tender in document.tenders
            ),
            "charges": tuple(
                charge.model_copy(
                    update={
                        "center_number": name,
                        "center_name": name,
                        "address": (name, name),
                        "card_number": name,
                        "amount": amount,
                        "limits": tuple(
                            left.model_copy(update={"name": name, "left": amount})
                            for left in charge.limits
                        ),
                    }
                )
                for charge in document.charges
            ),
        }
    )


def test_a_center_without_an_address_is_printed_by_number_and_name() -> None:
    text = receipt_text(receipt_of(examples.DEPARTMENT))
    part = text[text.index("Rechnung folgt") : text.index("Kundenkarte")]
    assert part.split() == ["Rechnung", "folgt", "Kostenstelle", "4711", "Empfang"]


def test_nobody_signs_where_the_chain_wants_no_signature() -> None:
    assert "Unterschrift" not in receipt_text(receipt_of(examples.DEPARTMENT))


def test_a_copy_says_so_and_keeps_the_original_time() -> None:
    text = receipt_text(receipt_of(examples.COPY))
    assert text.count("*** KOPIE ***") == 2
    assert "21.11.2026 14:05:33" in text


def test_the_original_does_not_say_copy() -> None:
    assert "KOPIE" not in receipt_text(receipt_of(examples.ORDER))


def test_an_unsigned_receipt_says_that_the_tse_was_out() -> None:
    assert "TSE ausgefallen" in receipt_text(receipt_of(examples.OUTAGE))


def test_an_unsigned_receipt_carries_no_transaction_number() -> None:
    assert "TSE-Transaktion" not in receipt_text(receipt_of(examples.OUTAGE))


def test_a_preview_says_that_it_is_no_receipt() -> None:
    preview = replace(examples.ORDER, verdict=None)
    assert "kein Beleg" in receipt_text(receipt_of(preview))


def test_the_software_tse_is_named_as_not_certified() -> None:
    assert "TSE nicht zertifiziert" in receipt_text(receipt_of(examples.ORDER))


def test_a_certified_tse_gets_no_warning() -> None:
    order = replace(examples.ORDER, verdict=examples.signed(certified=True))
    assert "nicht zertifiziert" not in receipt_text(receipt_of(order))


@pytest.mark.parametrize("columns", COLUMNS)
def test_the_signature_stands_on_the_paper_letter_by_letter(columns: int) -> None:
    text = receipt_text(receipt_of(examples.ORDER), columns=columns)
    assert examples.VALUE in "".join(text.split())


def test_the_rest_of_a_voucher_is_on_the_receipt() -> None:
    line = next(row for row in receipt_text(receipt_of(examples.ORDER)).splitlines()
                if "Restguthaben" in row)  # fmt: skip
    assert line.endswith("45,00 €")


def test_the_serial_of_a_voucher_paid_with_is_masked() -> None:
    text = receipt_text(receipt_of(examples.ORDER))
    assert "****4711" in text
    assert "GS-2026-004711" not in text


def test_the_code_of_a_voucher_stands_on_the_slip_alone() -> None:
    slip = slip_of(examples.ORDER, serial="GS-2026-004812", value=euro("50.00"), valid_until=None)
    assert CODE not in slip.model_dump_json()
    assert CODE in slip_text(slip, CODE, columns=32)


def test_a_long_store_name_in_double_width_is_not_clipped() -> None:
    order = replace(
        examples.ORDER, master_data=examples.store(name="Buchhandlung Müller & Söhne am Markt")
    )
    assert "Buchhandlung Müller & Söhne am" in receipt_text(receipt_of(order), columns=32)


def test_an_english_store_prints_english_words() -> None:
    text = receipt_text(receipt_of(examples.ENGLISH))
    assert "TOTAL" in text
    assert "€94.97" in text


def test_replaced_characters_are_counted_per_paper() -> None:
    odd = examples.booking(lines=(examples.line("漢字", "1.00"),), payments=())
    order = ReceiptOrder(booking=odd, verdict=examples.signed(), master_data=examples.store())
    assert receipt_rows(receipt_of(order), 48, "CP858").replaced == 2


@pytest.mark.parametrize("columns", COLUMNS)
def test_a_slip_fits_every_paper(columns: int) -> None:
    slip = slip_of(
        examples.ORDER, serial="S" * 64, value=Money(amount=AMOUNT_MAX), valid_until=None
    )
    rows = slip_rows(slip, "C" * 40, columns, "CP858").rows
    assert max(row.cells for row in rows if isinstance(row, Row)) <= columns
