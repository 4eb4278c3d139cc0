"""Log messages: the public vectors, and the round trip of our own."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiscal_signer.country.de import log_message, tlv
from fiscal_signer.country.de.algorithms import OIDS, key_of, serial_of, verify_plain
from fiscal_signer.country.de.log_message import LogMessageError

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "vectors.json").read_text())
FISKALY = base64.b64decode(VECTORS["key_T1_T3"])
AUDITED = base64.b64decode(VECTORS["key_T4"])


def vector(name: str) -> bytes:
    return bytes.fromhex(VECTORS[name]["log"])


@pytest.mark.parametrize(
    ("name", "point"), [("T1", FISKALY), ("T2", FISKALY), ("T3", FISKALY), ("T4", AUDITED)]
)
def test_the_signatures_of_public_log_messages_hold(name: str, point: bytes) -> None:
    log = log_message.parse(vector(name))
    assert verify_plain(key_of(point), log.algorithm, log.signature, log.signed)


@pytest.mark.parametrize("name", ["T1", "T2", "T3", "T4"])
def test_a_changed_byte_breaks_the_signature_of_a_public_log_message(name: str) -> None:
    point = AUDITED if name == "T4" else FISKALY
    log = log_message.parse(vector(name))
    changed = bytes((log.signed[0],)) + log.signed[1:-1] + bytes((log.signed[-1] ^ 1,))
    assert not verify_plain(key_of(point), log.algorithm, log.signature, changed)


def test_the_serial_number_is_the_hash_of_the_point() -> None:
    assert serial_of(FISKALY).hex().upper() == VECTORS["serial_T1_T3"]
    assert log_message.parse(vector("T1")).serial == serial_of(FISKALY)


def test_a_start_with_a_space_as_process_type_is_read() -> None:
    log = log_message.parse(vector("T1"))
    assert (log.operation, log.client_id, log.process_type, log.process_data) == (
        "StartTransaction", "1063641", " ", b"",
    )  # fmt: skip
    assert (log.transaction_number, log.signature_counter) == (1, 15)
    assert log.log_time == datetime(2021, 7, 28, 12, 38, 46, tzinfo=UTC)


def test_a_finish_is_read() -> None:
    log = log_message.parse(vector("T2"))
    assert log.process_data == b"Beleg^62.00_0.00_0.00_0.00_0.00^66.30:Bar"
    assert (log.kind, log.process_type, log.signature_counter) == (
        "transaction", "Kassenbeleg-V1", 16,
    )  # fmt: skip


def test_a_system_log_is_read() -> None:
    log = log_message.parse(vector("T3"))
    assert (log.kind, log.operation) == ("system", "updateTime")
    assert log.system_data is not None
    assert [part.tag for part in tlv.read_all(log.system_data)] == [0x81, 0x82]


def test_an_audit_log_is_read() -> None:
    log = log_message.parse(vector("T4"))
    assert (log.kind, log.signature_counter) == ("audit", 396)
    assert log.audit_data == bytes.fromhex("300c80046130cbc9810103820101")


def rebuilt(log: log_message.LogMessage) -> bytes:
    assert log.operation is not None
    assert log.client_id is not None
    assert log.transaction_number is not None
    return log_message.whole(
        log_message.transaction_signed(
            operation=log.operation,
            client_id=log.client_id,
            process_type=log.process_type or "",
            process_data=log.process_data or b"",
            transaction_number=log.transaction_number,
            serial=log.serial,
            algorithm=log.algorithm,
            signature_counter=log.signature_counter,
            log_time=log_message.time_element(log.log_time, log.time_format),
        ),
        log.signature,
    )


@pytest.mark.parametrize("name", ["T1", "T2"])
def test_we_encode_a_public_log_message_to_the_same_bytes(name: str) -> None:
    assert rebuilt(log_message.parse(vector(name))) == vector(name)


TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF), max_size=300)


@given(
    operation=st.sampled_from(["StartTransaction", "FinishTransaction", "UpdateTransaction"]),
    client=st.text("ABCabc019-.:", min_size=1, max_size=30),
    process_type=st.sampled_from(["", " ", "Kassenbeleg-V1"]),
    data=TEXT,
    number=st.integers(0, 2**40),
    counter=st.integers(0, 2**40),
    algorithm=st.sampled_from(sorted(OIDS)),
    time_format=st.sampled_from(["unixTime", "utcTimeWithSeconds", "generalizedTime"]),
    seconds=st.integers(0, 2_000_000_000),
)
def test_what_is_encoded_is_read_back(
    operation: str, client: str, process_type: str, data: str, number: int, counter: int,
    algorithm: str, time_format: str, seconds: int,
) -> None:  # fmt: skip
    signed = log_message.transaction_signed(
        operation=operation,
        client_id=client,
        process_type=process_type,
        process_data=data.encode(),
        transaction_number=number,
        serial=bytes(32),
        algorithm=algorithm,
        signature_counter=counter,
        log_time=log_message.time_element(datetime.fromtimestamp(seconds, UTC), time_format),
    )
    log = log_message.parse(log_message.whole(signed, b"r" * 96))
    assert log.signed == signed
    assert log.process_data == data.encode()
    assert (log.operation, log.client_id, log.process_type) == (operation, client, process_type)
    assert (log.transaction_number, log.signature_counter) == (number, counter)
    assert (log.algorithm, log.time_format) == (algorithm, time_format)
    assert log.log_time == datetime.fromtimestamp(seconds, UTC)


def test_process_data_in_ber_is_signed_as_it_stands() -> None:
    """The layout of one vendor's logs: constructed, indefinite length."""
    log = log_message.parse(vector("T2"))
    strict = tlv.encode(0x82, log.process_data or b"")
    ber = b"\xa2\x80" + tlv.encode(0x04, log.process_data or b"") + b"\x00\x00"
    other = log_message.parse(log_message.whole(log.signed.replace(strict, ber), log.signature))
    assert other.process_data == log.process_data
    assert ber in other.signed


def test_a_log_without_process_type_is_read() -> None:
    log = log_message.parse(vector("T2"))
    without = log.signed.replace(tlv.encode(0x83, b"Kassenbeleg-V1"), b"")
    assert log_message.parse(log_message.whole(without, log.signature)).process_type is None


@given(st.integers(0, 229), st.integers(0, 255))
def test_any_changed_byte_is_refused_or_read_differently(at: int, value: int) -> None:
    raw = vector("T2")
    changed = raw[:at] + bytes((value,)) + raw[at + 1 :]
    try:
        log = log_message.parse(changed)
    except LogMessageError:
        return
    assert changed == raw or log != log_message.parse(raw)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_in_one_way(raw: bytes) -> None:
    with pytest.raises(LogMessageError):
        log_message.parse(raw)


@pytest.mark.parametrize("number", [0, 1, 127, 128, 223, 255, 256, 160504, 2**31, 2**40])
def test_integers_take_the_shortest_form(number: int) -> None:
    encoded = tlv.read(tlv.integer(0x02, number), 0)[0].value
    assert tlv.decode_integer(encoded) == number
    assert len(encoded) == 1 or not (encoded[0] == 0 and encoded[1] < 0x80)


def test_the_documented_integers_are_met() -> None:
    assert tlv.integer(0x85, 160504)[1:].hex() == "030272f8"
    assert tlv.integer(0x02, 223).hex() == "020200df"


@pytest.mark.parametrize("oid", sorted(OIDS.values()))
def test_identifiers_survive_the_round_trip(oid: str) -> None:
    assert tlv.decode_oid(tlv.encode_oid(oid)) == oid
