"""The signer's own log: its events hold every log message, and who the devices are."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

from kassenverbund.fiscal.archives import Judge
from kassenverbund.fiscal.asn1 import Malformed
from kassenverbund.fiscal.certificates import read_certificates
from kassenverbund.fiscal.keys import KeyUnreadable, TseKey, Undecidable, point_in
from kassenverbund.fiscal.messages import Message
from kassenverbund.fiscal.receipts import read_receipt, signed_by
from kassenverbund.fiscal.verdicts import Finding


def verify_event(name: str, data: Mapping[str, Any], item: str, judge: Judge) -> Iterator[Finding]:
    """The verdicts on one event, in the order of the log. Nothing for one without a log message."""
    if name == "tse.initialized":
        yield from _introduced(data, item, judge)
    if not data.get("log_message"):
        return
    try:
        content = _bytes(data, "log_message")
    except Malformed as malformed:
        yield Finding(item, "malformed", str(malformed))
        return
    message, findings = judge.message(item, content)
    yield from findings
    if message is not None and data.get("qr"):
        yield from _receipt(str(data["qr"]), message, item)


def _introduced(data: Mapping[str, Any], item: str, judge: Judge) -> Iterator[Finding]:
    try:
        key = TseKey(point_in(_bytes(data, "public_key")))
        if data.get("certificate"):
            for certificate in read_certificates(_bytes(data, "certificate")):
                judge.certificates.add(certificate)
    except KeyUnreadable as unreadable:
        yield Finding(item, "key_unreadable", str(unreadable))
        return
    except Malformed as malformed:
        yield Finding(item, "malformed", str(malformed))
        return
    judge.certificates.add_key(key)
    if str(data.get("serial", "")).lower() != key.serial.hex():
        yield Finding(item, "key_wrong", key.serial.hex())


def _receipt(code: str, message: Message, item: str) -> Iterator[Finding]:
    """Whether the code on the receipt leads back to the very bytes that were signed."""
    try:
        receipt = read_receipt(code)
        key = TseKey(point_in(receipt.key))
        rebuilt = message.signed in signed_by(receipt, key.serial)
    except (Malformed, KeyUnreadable, Undecidable, UnicodeEncodeError) as unreadable:
        yield Finding(item, "receipt_differs", str(unreadable))
        return
    if not rebuilt or receipt.signature != message.signature:
        yield Finding(item, "receipt_differs")


def _bytes(data: Mapping[str, Any], name: str) -> bytes:
    try:
        return base64.b64decode(str(data.get(name, "")), validate=True)
    except (binascii.Error, ValueError) as broken:
        raise Malformed(f"{name} is not base64") from broken
