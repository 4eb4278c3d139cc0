"""The receipt's QR code (DSFinV-K annex I): build it, and check anybody's.

    V0;client;processType;processData;transactionNumber;signatureCounter;start;log-time;
    algorithm;log-time-format;signature;public key

The verifier rebuilds the bytes that the TSE signed and checks the signature over them. The start
time is not among them (only the start's own log proves it).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from fiscal_signer.country.de import log_message, tlv
from fiscal_signer.country.de.algorithms import (
    OIDS,
    AlgorithmUnknown,
    key_of,
    point_in,
    serial_of,
    verify_plain,
)
from fiscal_signer.country.de.process_data import RECEIPT_TYPE, grammar_fault
from fiscal_signer.country.port import Check, Finished, MarkVerdict

QR_CHARACTERS_MAX = 4_000
"""More does not fit into a QR code (version 40 holds 2,953 bytes); it is not looked at."""

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
_NUMBER = re.compile(r"[0-9]{1,19}")


class QrUnreadable(ValueError):
    """The text is not a receipt QR code; the message says which field."""


@dataclass(frozen=True, slots=True)
class Qr:
    """The fields of a QR code, as strings where they were strings."""

    client_id: str
    process_type: str
    process_data: str
    transaction_number: int
    signature_counter: int
    start_time: datetime
    log_time: datetime
    algorithm: str
    time_format: str
    signature: bytes
    public_key: bytes


# The receipts of a batch share their key, and mostly their second.
@lru_cache(maxsize=256)
def instant(when: datetime) -> str:
    """ISO 8601 UTC with milliseconds and `Z`."""
    utc = when.astimezone(UTC)
    return f"{utc.strftime('%Y-%m-%dT%H:%M:%S')}.{utc.microsecond // 1000:03d}Z"


def build(finished: Finished) -> str:
    """The text of the QR code. Raises ValueError for a client id with a semicolon."""
    if ";" in finished.client_id or ";" in finished.process.type:
        raise ValueError("a semicolon in the client id or process type breaks the QR code")
    return ";".join(
        (
            "V0",
            finished.client_id,
            finished.process.type,
            finished.process.data,
            str(finished.transaction_number),
            str(finished.signature_counter),
            instant(finished.start_time),
            instant(finished.log_time),
            finished.algorithm,
            finished.time_format,
            base64.b64encode(finished.value).decode(),
            _key_text(finished.public_key),
        )
    )


@lru_cache(maxsize=256)
def _key_text(public_key: bytes) -> str:
    return base64.b64encode(public_key).decode()


def read(text: str) -> Qr:
    """Split a QR code. Process data may hold semicolons, so three fields are taken from the left
    and eight from the right. Raises `QrUnreadable`."""
    if len(text) > QR_CHARACTERS_MAX:
        raise QrUnreadable(f"longer than {QR_CHARACTERS_MAX} characters")
    left = text.split(";", 3)
    if left[0] != "V0":
        raise QrUnreadable("it does not begin with V0")
    right = left[3].rsplit(";", 8) if len(left) == 4 else []
    if len(right) != 9:
        raise QrUnreadable("it does not have 12 fields")
    return Qr(
        client_id=left[1],
        process_type=left[2],
        process_data=right[0],
        transaction_number=_number(right[1], "transaction number"),
        signature_counter=_number(right[2], "signature counter"),
        start_time=_instant(right[3], "start time"),
        log_time=_instant(right[4], "log time"),
        algorithm=right[5],
        time_format=right[6],
        signature=_base64(right[7], "signature"),
        public_key=_base64(right[8], "public key"),
    )


def _number(text: str, what: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise QrUnreadable(f"the {what} is not a number")
    return int(text)


def _instant(text: str, what: str) -> datetime:
    if not _TIME.fullmatch(text):
        raise QrUnreadable(f"the {what} is not of the form 2026-01-31T12:00:00.000Z")
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError as absurd:
        raise QrUnreadable(f"the {what} is not a time") from absurd


def _base64(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as broken:
        raise QrUnreadable(f"the {what} is not base64") from broken


def verify(text: str) -> MarkVerdict:
    """Check a QR code of any TSE. Never raises: what can't be read is a failed check."""
    try:
        qr = read(text)
    except QrUnreadable as unreadable:
        return MarkVerdict((Check("format", False, str(unreadable)),))
    checks = [Check("format", True)]
    serial = ""
    try:
        point = point_in(qr.public_key)
        serial = serial_of(point).hex()
        key = key_of(point)
    except AlgorithmUnknown as unknown:
        checks.append(Check("public_key", False, str(unknown)))
    else:
        checks.append(Check("public_key", True, f"{key.curve.name}"))
        checks.append(_signature(qr, point))
    if qr.process_type == RECEIPT_TYPE:
        fault = grammar_fault(qr.process_data)
        checks.append(Check("process_data", not fault, fault))
    return MarkVerdict(
        checks=tuple(checks),
        serial=serial,
        transaction_number=qr.transaction_number,
        signature_counter=qr.signature_counter,
    )


def _signature(qr: Qr, point: bytes) -> Check:
    if qr.algorithm not in OIDS:
        return Check("signature", False, f"{qr.algorithm!r} is not an algorithm of TR-03116")
    if qr.time_format not in log_message.TIME_FORMATS:
        return Check("signature", False, f"{qr.time_format!r} is not a log time format")
    key = key_of(point)
    try:
        for note, signed in signed_bytes(qr, serial_of(point)):
            if verify_plain(key, qr.algorithm, qr.signature, signed):
                return Check("signature", True, note)
    except AlgorithmUnknown as unknown:
        return Check("signature", None, str(unknown))
    return Check("signature", False, "the signature does not fit what the code says")


def signed_bytes(qr: Qr, serial: bytes) -> Iterator[tuple[str, bytes]]:
    """The bytes that a TSE may have signed for this code: strict DER first, then what vendors
    are known to do (with a note that names it)."""
    data = qr.process_data.encode()
    strict = tlv.encode(0x82, data)
    # One vendor writes processData constructed, with indefinite length, around an OCTET STRING.
    indefinite = b"\xa2\x80" + tlv.encode(0x04, data) + b"\x00\x00"
    type_element = tlv.encode(0x83, qr.process_type.encode())
    shapes = [("", strict, type_element), ("BER process data", indefinite, type_element)]
    if not qr.process_type:
        shapes.append(("no process type", strict, b""))
    for time_note, log_time in _times(qr):
        tail = log_message.security_tail(serial, qr.algorithm, qr.signature_counter, log_time)
        for note, data_element, kind_element in shapes:
            head = log_message.transaction_head(
                operation=log_message.FINISH,
                client_id=qr.client_id,
                data_element=data_element,
                type_element=kind_element,
                transaction_number=qr.transaction_number,
            )
            yield ", ".join(filter(None, (note, time_note))), head + tail


def _times(qr: Qr) -> Iterator[tuple[str, bytes]]:
    yield "", log_message.time_element(qr.log_time, qr.time_format)
    if qr.time_format == "utcTime":
        text = qr.log_time.strftime("%y%m%d%H%MZ")
        yield "time without seconds", tlv.encode(0x17, text.encode())
