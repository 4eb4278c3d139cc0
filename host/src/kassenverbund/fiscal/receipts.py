"""Receipt codes (DSFinV-K annex I): from the printed text back to the bytes that were signed.

    V0;client;processType;processData;transaction number;signature counter;start;log time;
    algorithm;time format;signature;public key

The start time is not signed by the code's own signature: only the start's log message proves it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from kassenverbund.fiscal.asn1 import INTEGER_MAX, Malformed, whole, whole_number
from kassenverbund.fiscal.keys import KeyUnreadable, TseKey, Undecidable, oid_of, point_in
from kassenverbund.fiscal.verdicts import Finding

CHARACTERS_MAX = 4_000
"""A QR code holds fewer (version 40: 2,953 bytes)."""

_HEAD = bytes.fromhex("020102060904007f0007030701018011") + b"FinishTransaction"
"""Version 2, transaction log, and the operation of which a receipt shows the end."""

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_TYPES = frozenset({"Kassenbeleg-V1", "Bestellung-V1", "SonstigerVorgang"})
_AMOUNT = r"-?\d+\.\d\d"
_RECEIPT = re.compile(
    rf"(?P<type>Beleg|AV[A-Za-z]+)\^(?P<sums>{_AMOUNT}(?:_{_AMOUNT}){{4}})\^"
    rf"(?P<paid>(?:{_AMOUNT}:(?:Bar|Unbar)(?::[A-Z]{{3}})?(?:_(?!$)|$))*)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The fields of a code."""

    client: str
    process_type: str
    process_data: str
    number: int
    counter: int
    time: datetime
    algorithm: str
    time_format: str
    signature: bytes
    key: bytes


def read_receipt(text: str) -> Receipt:
    """Process data may hold semicolons: three fields stand left of it and eight right of it.
    Raises `Malformed`."""
    if len(text) > CHARACTERS_MAX:
        raise Malformed(f"longer than {CHARACTERS_MAX} characters")
    left, right = text.split(";", 3), text.rsplit(";", 8)
    if left[0] != "V0" or text.count(";") < 11:
        raise Malformed("not twelve fields that begin with V0")
    begin = sum(len(field) + 1 for field in left[:3])
    number, counter, start, time, algorithm, time_format, signature, key = right[1:]
    _instant(start)
    return Receipt(
        client=left[1],
        process_type=left[2],
        process_data=text[begin : len(right[0])],
        number=_number(number),
        counter=_number(counter),
        time=_instant(time),
        algorithm=algorithm,
        time_format=time_format,
        signature=_bytes(signature),
        key=_bytes(key),
    )


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= INTEGER_MAX):
        raise Malformed(f"{text[:40]!r} is not a number")
    return int(text)


def _instant(text: str) -> datetime:
    try:
        if not _INSTANT.fullmatch(text):
            raise ValueError
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as absurd:
        raise Malformed(f"{text[:40]!r} is not a time like 2026-01-31T12:00:00.000Z") from absurd


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as broken:
        raise Malformed("signature or key is not base64") from broken


def signed_by(receipt: Receipt, serial: bytes) -> Iterator[bytes]:
    """What the TSE may have signed: strict DER first, then the ways of known vendors. Raises
    `Undecidable` for an algorithm without an identifier here, `Malformed` for a time format."""
    data, kind = receipt.process_data.encode(), receipt.process_type.encode()
    client = whole(0x81, receipt.client.encode())
    oid = whole(0x06, oid_of(receipt.algorithm))
    end = whole_number(0x85, receipt.number) + whole(0x04, serial) + whole(0x30, oid)
    end += whole_number(0x02, receipt.counter)
    bodies = [whole(0x82, data) + whole(0x83, kind)]
    # One vendor writes the data in parts, of indefinite length, and signs it so.
    bodies.append(b"\xa2\x80" + whole(0x04, data) + b"\0\0" + whole(0x83, kind))
    if not kind:
        bodies.append(whole(0x82, data))
    for time in _times(receipt):
        for body in bodies:
            yield _HEAD + client + body + end + time


def _times(receipt: Receipt) -> list[bytes]:
    time = receipt.time
    match receipt.time_format:
        case "unixTime":
            return [whole_number(0x02, max(0, int(time.timestamp())))]
        case "utcTime" | "utcTimeWithSeconds":
            # Who declares the first mostly signs the second.
            texts = [f"{time:%y%m%d%H%M%S}Z", f"{time:%y%m%d%H%M}Z"]
            return [whole(0x17, text.encode()) for text in texts]
        case "generalizedTime":
            return [whole(0x18, f"{time:%Y%m%d%H%M%S}Z".encode())]
        case "generalizedTimeWithMilliseconds":
            text = f"{time:%Y%m%d%H%M%S}.{time.microsecond // 1000:03d}Z"
            return [whole(0x18, text.encode())]
    raise Malformed(f"{receipt.time_format[:40]!r} is not a time format")


def verify_receipt(text: str, item: str, *, expected: Collection[bytes] = ()) -> Iterator[Finding]:
    """The verdicts on one code. `expected`: serial numbers, one of which must have signed."""
    try:
        receipt = read_receipt(text)
        key = TseKey(point_in(receipt.key))
        if expected and key.serial not in expected:
            yield Finding(item, "key_wrong", key.serial.hex())
        fits = any(
            key.fits(receipt.algorithm, receipt.signature, signed)
            for signed in signed_by(receipt, key.serial)
        )
    except KeyUnreadable as unreadable:
        yield Finding(item, "key_unreadable", str(unreadable))
    except Undecidable as unknown:
        yield Finding(item, "algorithm_unknown", str(unknown))
    except (Malformed, UnicodeEncodeError) as malformed:
        yield Finding(item, "malformed", str(malformed))
    else:
        detail = f"{key.serial.hex()} {key.curve}, {receipt.counter}"
        yield Finding(item, "signature_right" if fits else "signature_wrong", detail)
        yield from process_notes(item, receipt.process_type, receipt.process_data)


def process_notes(item: str, process_type: str, process_data: str) -> Iterator[Finding]:
    """What is unusual in what was signed. It never makes a signature wrong."""
    if process_type not in _TYPES:
        if process_type.strip():
            yield Finding(item, "process_type_unusual", process_type)
        return
    if process_type != "Kassenbeleg-V1":
        return
    form = _RECEIPT.fullmatch(process_data)
    if form is None:
        yield Finding(item, "process_data_unusual", process_data[:80])
        return
    paid = [one.split(":") for one in form["paid"].split("_") if one]
    if form["type"] == "Beleg" and all(len(one) == 2 for one in paid):
        taxed = sum(Decimal(one) for one in form["sums"].split("_"))
        if taxed != sum(Decimal(one[0]) for one in paid):
            yield Finding(item, "sums_differ", process_data[:120])
