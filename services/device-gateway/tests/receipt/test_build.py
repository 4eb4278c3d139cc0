"""From facts to the document."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from device_gateway.receipt import examples
from device_gateway.receipt.build import VerdictIncomplete, masked, receipt_of, slip_of
from device_gateway.receipt.document import Outage, ReceiptDocument, Signed
from money import euro


def test_the_document_survives_json() -> None:
    document = receipt_of(examples.ORDER)
    assert ReceiptDocument.model_validate_json(document.model_dump_json()) == document


def test_each_line_points_to_its_row_of_the_vat_table() -> None:
    document = receipt_of(examples.ORDER)
    rates = {row.letter: row.rate for row in document.vat}
    assert [rates[item.letter] for item in document.items] == [700, 700, 1900, 0]


def test_the_tse_values_are_taken_over_unchanged() -> None:
    fiscal = receipt_of(examples.ORDER).fiscal
    assert isinstance(fiscal, Signed)
    assert (fiscal.value, fiscal.qr) == (examples.VALUE, examples.QR)


def test_a_verdict_of_unsigned_is_an_outage() -> None:
    verdict = examples.signed().model_copy(update={"verdict": "unsigned", "reason": "tse_out"})
    assert isinstance(receipt_of(replace(examples.ORDER, verdict=verdict)).fiscal, Outage)


def test_a_signed_verdict_without_its_value_makes_no_receipt() -> None:
    verdict = examples.signed().model_copy(update={"value": None})
    with pytest.raises(VerdictIncomplete):
        receipt_of(replace(examples.ORDER, verdict=verdict))


def test_a_short_serial_is_masked_whole() -> None:
    assert masked("4711") == "****"


def test_a_slip_is_valid_to_the_end_of_the_third_year_after_its_sale() -> None:
    slip = slip_of(examples.ORDER, serial="GS-1", value=euro("5.00"), valid_until=None)
    assert slip.valid_until == date(2029, 12, 31)


def test_the_day_of_sale_is_the_stores_day() -> None:
    booked = examples.booking().model_copy(
        update={"recorded_at": examples.RECORDED.replace(month=12, day=31, hour=23, minute=30)}
    )
    order = replace(examples.ORDER, booking=booked)
    slip = slip_of(order, serial="GS-1", value=euro("5.00"), valid_until=None)
    assert slip.sold_on == date(2027, 1, 1)
