"""Log messages from the interface's answers: rebuilt from their fields, and checked.

The interface gives the fields of a log message and its signature. The bytes that were signed are
rebuilt from them, and count only if the signature holds over them: a receipt must never carry one
that does not. Vendors differ in empty elements, so the known shapes are tried (fiscal.md §3.2).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from fiscal_signer.adapters.fiskaly.wire import Transaction
from fiscal_signer.country.de import log_message, tlv
from fiscal_signer.country.de.algorithms import (
    OIDS,
    AlgorithmUnknown,
    key_of,
    point_in,
    serial_of,
    verify_plain,
)
from fiscal_signer.ports import Signed, TseError, TseFault

_OPERATIONS = {
    "Start": log_message.START,
    "Update": log_message.UPDATE,
    "Finish": log_message.FINISH,
}
UNREAD = "unread"
"""Operation of a log message that the device made about itself and gives out only in an export."""


@dataclass(frozen=True, slots=True)
class Signer:
    """The key whose signatures count."""

    point: bytes
    """Uncompressed."""
    time_format: str

    @classmethod
    def of(cls, public_key: str, time_format: str) -> Signer:
        """Raises `TseFault`: not a key, or a time format that nobody knows."""
        if time_format not in log_message.TIME_FORMATS:
            raise TseFault(TseError.NOT_INITIALIZED, f"{time_format!r} is not a time format")
        try:
            point = point_in(decoded(public_key))
            key_of(point)
        except AlgorithmUnknown as unknown:
            raise TseFault(TseError.NOT_INITIALIZED, str(unknown)) from unknown
        return cls(point, time_format)

    @property
    def serial(self) -> bytes:
        return serial_of(self.point)


def decoded(text: str) -> bytes:
    """base64 of the interface. Raises `TseFault`."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as broken:
        raise TseFault(TseError.UNREACHABLE, "an answer with broken base64") from broken


def content_of(transaction: Transaction) -> tuple[str, bytes] | None:
    """Process type and data, where the answer has them as they were signed."""
    if transaction.log.operation == "Start":
        return "", b""
    raw = transaction.content.raw if transaction.content else None
    return None if raw is None else (raw.process_type, decoded(raw.process_data))


def rebuilt(
    transaction: Transaction, signer: Signer, process_type: str, process_data: bytes
) -> Signed | None:
    """The log message of a revision; None where no shape of it fits the signature."""
    operation = _OPERATIONS.get(transaction.log.operation)
    if operation is None or transaction.signature.algorithm not in OIDS:
        return None
    value = decoded(transaction.signature.value)
    when = datetime.fromtimestamp(transaction.log.timestamp, UTC)
    tail = log_message.security_tail(
        signer.serial,
        transaction.signature.algorithm,
        transaction.signature.counter,
        log_message.time_element(when, signer.time_format),
    )
    for data_element, type_element in _shapes(process_type, process_data):
        signed = (
            log_message.transaction_head(
                operation=operation,
                client_id=transaction.client_serial_number,
                data_element=data_element,
                type_element=type_element,
                transaction_number=transaction.number,
            )
            + tail
        )
        if _fits(signer, transaction.signature.algorithm, value, signed):
            return Signed(
                operation=operation,
                signature_counter=transaction.signature.counter,
                log_time=when,
                value=value,
                log_message=log_message.whole(signed, value),
                client_id=transaction.client_serial_number,
                transaction_number=transaction.number,
                process_type=process_type,
                process_data=process_data.decode(errors="replace"),
            )
    return None


def parsed(raw: bytes, transaction: Transaction, signer: Signer) -> Signed | None:
    """A log message that the interface gave out whole, if it is the one of this revision."""
    try:
        log = log_message.parse(raw)
    except log_message.LogMessageError:
        return None
    same = (
        log.signature_counter == transaction.signature.counter
        and log.transaction_number == transaction.number
        and log.client_id == transaction.client_serial_number
        and log.operation == _OPERATIONS.get(transaction.log.operation)
    )
    if not same or not _fits(signer, log.algorithm, log.signature, log.signed):
        return None
    return Signed(
        operation=log.operation or "",
        signature_counter=log.signature_counter,
        log_time=log.log_time,
        value=log.signature,
        log_message=raw,
        client_id=log.client_id or "",
        transaction_number=log.transaction_number,
        process_type=(log.process_type or "").strip(),
        process_data=(log.process_data or b"").decode(errors="replace"),
    )


def unread(counter: int, noticed: datetime) -> Signed:
    """A counter that the device used for itself. Its bytes stand in the next export."""
    return Signed(
        operation=UNREAD,
        signature_counter=counter,
        log_time=noticed,
        value=b"",
        log_message=b"",
    )


def _shapes(process_type: str, process_data: bytes) -> Iterator[tuple[bytes, bytes]]:
    data = tlv.encode(0x82, process_data)
    kind = tlv.encode(0x83, process_type.encode())
    yield data, kind
    yield b"\xa2\x80" + tlv.encode(0x04, process_data) + b"\x00\x00", kind
    if not process_type:
        yield data, b""
        yield data, tlv.encode(0x83, b" ")


def holds(signer: Signer, log: log_message.LogMessage) -> bool:
    """Whether the signature of a log message that came whole is this device's."""
    return _fits(signer, log.algorithm, log.signature, log.signed)


def _fits(signer: Signer, algorithm: str, value: bytes, signed: bytes) -> bool:
    try:
        return verify_plain(key_of(signer.point), algorithm, value, signed)
    except AlgorithmUnknown:
        return False
