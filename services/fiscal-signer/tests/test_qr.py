"""The QR code: the public vectors, and what must not pass."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from hypothesis import given
from hypothesis import strategies as st

from fiscal_signer.country import Finished, Process
from fiscal_signer.country.de import log_message, qr
from fiscal_signer.country.de.algorithms import (
    OIDS,
    AlgorithmUnknown,
    point_in,
    serial_of,
)
from fiscal_signer.country.port import MarkVerdict

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "vectors.json").read_text())
PUBLIC = ["A", "B", "T2"]


def check(verdict: MarkVerdict, name: str) -> bool | None:
    return next(one.passed for one in verdict.checks if one.name == name)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_qr_code_is_valid(name: str) -> None:
    verdict = qr.verify(VECTORS[name]["qr"])
    assert verdict.valid, verdict.checks


@pytest.mark.parametrize("name", ["A", "B"])
def test_the_signed_bytes_are_rebuilt_exactly(name: str) -> None:
    code = qr.read(VECTORS[name]["qr"])
    _, signed = next(qr.signed_bytes(code, serial_of(point_in(code.public_key))))
    assert signed.hex() == VECTORS[name]["signed"]


def test_a_qr_code_is_built_from_its_log_messages() -> None:
    start = log_message.parse(bytes.fromhex(VECTORS["T1"]["log"]))
    end = log_message.parse(bytes.fromhex(VECTORS["T2"]["log"]))
    assert end.transaction_number is not None
    built = qr.build(
        Finished(
            client_id=end.client_id or "",
            process=Process(end.process_type or "", (end.process_data or b"").decode()),
            transaction_number=end.transaction_number,
            signature_counter=end.signature_counter,
            start_time=start.log_time,
            log_time=end.log_time,
            algorithm=end.algorithm,
            time_format=end.time_format,
            value=end.signature,
            public_key=base64.b64decode(VECTORS["key_T1_T3"]),
        )
    )
    assert built == VECTORS["T2"]["qr"]


def tampered(name: str, **fields: Any) -> MarkVerdict:
    code = replace(qr.read(VECTORS[name]["qr"]), **fields)
    return qr.verify(text_of(code))


def text_of(code: qr.Qr) -> str:
    return qr.build(
        Finished(
            client_id=code.client_id,
            process=Process(code.process_type, code.process_data),
            transaction_number=code.transaction_number,
            signature_counter=code.signature_counter,
            start_time=code.start_time,
            log_time=code.log_time,
            algorithm=code.algorithm,
            time_format=code.time_format,
            value=code.signature,
            public_key=code.public_key,
        )
    )


@pytest.mark.parametrize("name", PUBLIC)
def test_another_amount_breaks_it(name: str) -> None:
    data = qr.read(VECTORS[name]["qr"]).process_data
    at = data.index("0.00")
    changed = f"{data[:at]}1{data[at + 1 :]}"
    assert check(tampered(name, process_data=changed), "signature") is False


@pytest.mark.parametrize("name", PUBLIC)
def test_another_counter_breaks_it(name: str) -> None:
    counter = qr.read(VECTORS[name]["qr"]).signature_counter
    assert check(tampered(name, signature_counter=counter + 1), "signature") is False


@pytest.mark.parametrize("name", PUBLIC)
def test_another_transaction_number_breaks_it(name: str) -> None:
    number = qr.read(VECTORS[name]["qr"]).transaction_number
    assert check(tampered(name, transaction_number=number + 1), "signature") is False


@pytest.mark.parametrize("name", PUBLIC)
def test_a_second_in_the_log_time_breaks_it(name: str) -> None:
    log_time = qr.read(VECTORS[name]["qr"]).log_time
    assert check(tampered(name, log_time=log_time + timedelta(seconds=1)), "signature") is False


@pytest.mark.parametrize("name", PUBLIC)
def test_swapped_halves_of_the_signature_break_it(name: str) -> None:
    signature = qr.read(VECTORS[name]["qr"]).signature
    half = len(signature) // 2
    swapped = signature[half:] + signature[:half]
    assert check(tampered(name, signature=swapped), "signature") is False


@pytest.mark.parametrize("name", PUBLIC)
def test_the_start_time_is_not_signed(name: str) -> None:
    start = qr.read(VECTORS[name]["qr"]).start_time
    assert tampered(name, start_time=start - timedelta(hours=1)).valid


def test_a_key_on_no_curve_is_found_out() -> None:
    key = bytearray(qr.read(VECTORS["A"]["qr"]).public_key)
    key[-1] ^= 1
    assert check(tampered("A", public_key=bytes(key)), "public_key") is False


NOW = datetime(2026, 11, 22, 6, 30, 15, tzinfo=UTC)
CURVES: dict[str, tuple[ec.EllipticCurve, int]] = {
    "secp256r1": (ec.SECP256R1(), 32),
    "brainpoolP256r1": (ec.BrainpoolP256R1(), 32),
    "secp384r1": (ec.SECP384R1(), 48),
    "brainpoolP384r1": (ec.BrainpoolP384R1(), 48),
    "brainpoolP512r1": (ec.BrainpoolP512R1(), 64),
}
KEYS = {name: ec.generate_private_key(curve) for name, (curve, _) in CURVES.items()}


def point_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def signed_code(
    curve: str,
    algorithm: str,
    *,
    time_format: str = "unixTime",
    shape: int = 0,
    process_type: str = "Kassenbeleg-V1",
    data: str = "Beleg^1.00_0.00_0.00_0.00_0.00^1.00:Bar",
) -> qr.Qr:
    """A code as a foreign device would make it: `shape` is one of the encodings in use."""
    key = KEYS[curve]
    code = qr.Qr(
        client_id="KV-berlin-1", process_type=process_type, process_data=data,
        transaction_number=7, signature_counter=19, start_time=NOW, log_time=NOW,
        algorithm=algorithm, time_format=time_format, signature=b"", public_key=point_of(key),
    )  # fmt: skip
    _, signed = list(qr.signed_bytes(code, serial_of(code.public_key)))[shape]
    from fiscal_signer.country.de.algorithms import _HASHES

    r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(_HASHES[algorithm]())))
    size = CURVES[curve][1]
    return replace(code, signature=r.to_bytes(size, "big") + s.to_bytes(size, "big"))


@pytest.mark.parametrize("algorithm", sorted(name for name in OIDS if name.startswith("ecdsa")))
@pytest.mark.parametrize("curve", sorted(CURVES))
def test_every_curve_goes_with_every_hash(curve: str, algorithm: str) -> None:
    if algorithm == "ecdsa-plain-RIPEMD160":
        code = replace(signed_code(curve, "ecdsa-plain-SHA256"), algorithm=algorithm)
        assert check(qr.verify(text_of(code)), "signature") is None
        return
    assert qr.verify(text_of(signed_code(curve, algorithm))).valid


@pytest.mark.parametrize(
    "time_format",
    ["unixTime", "utcTime", "utcTimeWithSeconds", "generalizedTime",
     "generalizedTimeWithMilliseconds"],
)  # fmt: skip
def test_every_log_time_format_is_checked(time_format: str) -> None:
    code = signed_code("secp384r1", "ecdsa-plain-SHA384", time_format=time_format)
    assert qr.verify(text_of(code)).valid
    late = replace(code, log_time=NOW + timedelta(minutes=1))
    assert check(qr.verify(text_of(late)), "signature") is False


def test_utc_time_without_seconds_is_tried_too() -> None:
    code = signed_code("secp384r1", "ecdsa-plain-SHA384", time_format="utcTime", shape=2)
    assert qr.verify(text_of(code)).valid


def test_process_data_in_ber_is_tried_too() -> None:
    code = signed_code("secp384r1", "ecdsa-plain-SHA384", shape=1)
    assert qr.verify(text_of(code)).valid


def test_a_missing_process_type_is_tried_too() -> None:
    code = signed_code("secp384r1", "ecdsa-plain-SHA384", shape=2, process_type="", data="x")
    assert qr.verify(text_of(code)).valid


def test_a_signature_in_der_is_accepted() -> None:
    code = signed_code("secp384r1", "ecdsa-plain-SHA384")
    r, s = code.signature[:48], code.signature[48:]
    der = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
    assert qr.verify(text_of(replace(code, signature=der))).valid


@pytest.mark.parametrize("curve", sorted(CURVES))
def test_a_key_may_come_as_subject_public_key_info(curve: str) -> None:
    code = signed_code(curve, "ecdsa-plain-SHA384")
    spki = (
        KEYS[curve]
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    verdict = qr.verify(text_of(replace(code, public_key=spki)))
    assert verdict.valid, verdict.checks
    assert verdict.serial == serial_of(code.public_key).hex()


def test_schnorr_is_undecided_and_so_not_valid() -> None:
    code = replace(signed_code("secp384r1", "ecdsa-plain-SHA384"), algorithm="ecsdsa-plain-SHA384")
    verdict = qr.verify(text_of(code))
    assert check(verdict, "signature") is None
    assert not verdict.valid


def test_process_data_may_hold_semicolons() -> None:
    data = '2;"Eisbecher ""Himbeere""";3.99\r-1;"Limo Orange 0.2l";2.30'
    code = signed_code("secp384r1", "ecdsa-plain-SHA384", process_type="Bestellung-V1", data=data)
    assert qr.read(text_of(code)).process_data == data
    assert qr.verify(text_of(code)).valid


def test_a_receipt_with_foreign_grammar_is_not_valid() -> None:
    code = signed_code("secp384r1", "ecdsa-plain-SHA384", data="Beleg^1,00^1,00:Bar")
    verdict = qr.verify(text_of(code))
    assert check(verdict, "signature") is True
    assert check(verdict, "process_data") is False


def test_a_semicolon_in_the_client_id_is_refused() -> None:
    with pytest.raises(ValueError, match="semicolon"):
        text_of(replace(signed_code("secp384r1", "ecdsa-plain-SHA384"), client_id="a;b"))


@pytest.mark.parametrize(
    "text",
    ["", "V0", "V1;" + ";" * 10, "V0;" + ";" * 11, "x" * 5_000, "V0;a;b;c;1;2;3;4;5;6;7;8",
     "V0;a;b;c;１;2;2026-01-01T00:00:00.000Z;2026-01-01T00:00:00.000Z;x;y;AA==;AA=="],
)  # fmt: skip
def test_what_is_no_qr_code_fails_its_format(text: str) -> None:
    verdict = qr.verify(text)
    assert [one.name for one in verdict.checks] == ["format"]
    assert not verdict.valid


@given(st.text(max_size=200))
def test_no_text_is_valid_by_chance(text: str) -> None:
    assert not qr.verify(text).valid


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(AlgorithmUnknown):
        point_in(b"\x04" + bytes(63))
