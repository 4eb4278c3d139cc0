"""Receipt codes: the public vectors verify, and what was changed in them does not."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kassenverbund.fiscal.keys import TseKey, point_in
from kassenverbund.fiscal.receipts import read_receipt, signed_by, verify_receipt
from kassenverbund.fiscal.verdicts import Level

ROOT = Path(__file__).parents[3]
VECTORS: dict[str, Any] = json.loads(
    (ROOT / "services/fiscal-signer/tests/vectors.json").read_text()
)
PUBLIC = ["A", "B", "T2"]
DIGESTS = {
    "A": "a01feb0c4e0f11126668f599ee2929330833e898d8a9d8e649158819a3e1db99",
    "B": "ec95bdb1df829e891b5aecbf28c23a8735d2ebf222fe0644a1c39a3b33ad7a38",
}


def codes_of(text: str) -> list[str]:
    return [finding.code for finding in verify_receipt(text, "receipt")]


def changed(name: str, field: int, value: str) -> str:
    """A public code with another field; of what follows process data, counted from the end."""
    fields = VECTORS[name]["qr"].split(";")
    assert fields[field] != value
    fields[field] = value
    return ";".join(fields)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_receipt_code_is_right(name: str) -> None:
    assert codes_of(VECTORS[name]["qr"])[0] == "signature_right"


@pytest.mark.parametrize("name", ["A", "B"])
def test_the_signed_bytes_are_rebuilt_exactly(name: str) -> None:
    receipt = read_receipt(VECTORS[name]["qr"])
    signed = next(signed_by(receipt, TseKey(point_in(receipt.key)).serial))
    assert signed.hex() == VECTORS[name]["signed"]
    assert hashlib.sha256(signed).hexdigest() == DIGESTS[name]


def test_a_receipt_code_leads_back_to_the_log_message_behind_it() -> None:
    receipt = read_receipt(VECTORS["T2"]["qr"])
    signed = next(signed_by(receipt, TseKey(point_in(receipt.key)).serial))
    assert signed.hex() in VECTORS["T2"]["log"]


@pytest.mark.parametrize("name", PUBLIC)
def test_another_character_of_the_process_data_is_found_out(name: str) -> None:
    data = VECTORS[name]["qr"].split(";")[3]
    assert codes_of(changed(name, 3, data.replace("0.00", "0.01", 1)))[0] == "signature_wrong"


@pytest.mark.parametrize("name", PUBLIC)
@pytest.mark.parametrize("field", [1, 2, 4, 5])
def test_another_client_type_number_or_counter_is_found_out(name: str, field: int) -> None:
    value = VECTORS[name]["qr"].split(";")[field]
    other = str(int(value) + 1) if value.isdigit() else value + "x"
    assert codes_of(changed(name, field, other))[0] == "signature_wrong"


@pytest.mark.parametrize("name", PUBLIC)
def test_a_second_less_is_found_out(name: str) -> None:
    time = VECTORS[name]["qr"].split(";")[7]
    second = int(time[17:19])
    earlier = f"{time[:17]}{second - 1:02d}{time[19:]}"
    assert codes_of(changed(name, 7, earlier))[0] == "signature_wrong"


@pytest.mark.parametrize("name", PUBLIC)
def test_swapped_halves_of_the_signature_are_found_out(name: str) -> None:
    signature = base64.b64decode(VECTORS[name]["qr"].split(";")[10])
    half = len(signature) // 2
    swapped = base64.b64encode(signature[half:] + signature[:half]).decode()
    assert codes_of(changed(name, 10, swapped))[0] == "signature_wrong"


@pytest.mark.parametrize("name", PUBLIC)
def test_the_start_time_is_not_signed(name: str) -> None:
    assert codes_of(changed(name, 6, "2020-01-01T00:00:00.000Z"))[0] == "signature_right"


def test_the_key_of_another_device_is_found_out() -> None:
    other = VECTORS["T2"]["qr"].split(";")[11]
    assert codes_of(changed("A", 11, other))[0] == "signature_wrong"


def test_a_key_on_no_curve_is_found_out() -> None:
    key = bytearray(base64.b64decode(VECTORS["A"]["qr"].split(";")[11]))
    key[-1] ^= 1
    assert codes_of(changed("A", 11, base64.b64encode(key).decode())) == ["key_unreadable"]


def test_a_receipt_of_another_tse_than_the_expected_one_is_wrong() -> None:
    found = [one.code for one in verify_receipt(VECTORS["A"]["qr"], "x", expected=[bytes(32)])]
    assert found == ["key_wrong", "signature_right"]


def test_a_signature_of_an_unknown_kind_is_not_passed() -> None:
    findings = list(verify_receipt(changed("A", 8, "ecsdsa-plain-SHA256"), "x"))
    assert [(one.code, one.level) for one in findings] == [("algorithm_unknown", Level.UNDECIDED)]
    assert not findings[0].passed


def test_the_shortened_example_of_the_standard_is_malformed() -> None:
    example = (
        "V0;AMA-2642;Kassenbeleg-V1;Beleg^4.05_3.00_0.00_0.00_0.00^7.05:Bar;13;44131;"
        "2019-11-22T11:29:48.000Z;2019-11-22T11:29:49.000Z;ecdsa-plain-SHA384;unixTime;…"
    )
    assert codes_of(example) == ["malformed"]


@pytest.mark.parametrize(
    ("field", "value"),
    [(0, "V1"), (4, "x"), (4, "-1"), (4, "9" * 19), (6, "2021-13-01T00:00:00.000Z"),
     (7, "2021-08-23 14:36:33"), (9, "zulu"), (10, "*"), (11, "")],
)  # fmt: skip
def test_a_field_that_cannot_be_read_fails_the_code(field: int, value: str) -> None:
    assert codes_of(changed("A", field, value))[0] in ("malformed", "key_unreadable")


def test_amounts_that_do_not_add_up_are_noted() -> None:
    assert "sums_differ" in codes_of(VECTORS["T2"]["qr"])
    assert codes_of(VECTORS["A"]["qr"]) == ["signature_right"]


def test_process_data_may_hold_semicolons() -> None:
    order = '2;"Eisbecher";3.99\r-1;"Limo";2.30'
    receipt = read_receipt(changed("A", 3, order))
    assert (receipt.process_data, receipt.number) == (order, 1)


@given(st.text(max_size=200))
def test_no_text_is_right_by_chance(text: str) -> None:
    assert not any(one.passed for one in verify_receipt(f"V0;{text}", "x"))


@given(st.integers(0, 11), st.text(max_size=40))
def test_no_field_makes_it_stumble(field: int, text: str) -> None:
    fields = VECTORS["A"]["qr"].split(";")
    fields[field] = text
    assert list(verify_receipt(";".join(fields), "x"))


def test_a_der_signature_is_accepted() -> None:
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    receipt = read_receipt(VECTORS["A"]["qr"])
    half = len(receipt.signature) // 2
    der = encode_dss_signature(
        int.from_bytes(receipt.signature[:half], "big"),
        int.from_bytes(receipt.signature[half:], "big"),
    )
    key = TseKey(point_in(receipt.key))
    signed = next(signed_by(replace(receipt, signature=der), key.serial))
    assert key.fits(receipt.algorithm, der, signed)
