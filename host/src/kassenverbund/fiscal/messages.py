"""Log messages of a TSE (BSI TR-03153, ASN.1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from kassenverbund.fiscal.asn1 import Cursor, Element, Malformed, number_in
from kassenverbund.fiscal.keys import algorithm_of

MESSAGE_BYTES_MAX = 64 * 1024

_TYPE = bytes.fromhex("04007f0007030701")
"""0.4.0.127.0.7.3.7.1: certified data; one more byte says of what."""

KINDS = {1: "transaction", 2: "system", 3: "audit"}

_TIMES = {
    (0x17, 11): "%y%m%d%H%MZ",
    (0x17, 13): "%y%m%d%H%M%SZ",
    (0x18, 15): "%Y%m%d%H%M%SZ",
    (0x18, 19): "%Y%m%d%H%M%S.%fZ",
}


@dataclass(frozen=True, slots=True)
class Message:
    """One log message, read. What its kind does not have is empty or None."""

    kind: str
    signed: bytes
    """All elements before the signature, as they stand."""
    serial: bytes
    algorithm: str
    counter: int
    time: datetime
    """UTC."""
    signature: bytes
    operation: str = ""
    client: str = ""
    process_type: str = ""
    process_data: bytes = b""
    number: int | None = None


def read_message(data: bytes) -> Message:
    """One log message of any vendor. Raises `Malformed`."""
    if len(data) > MESSAGE_BYTES_MAX:
        raise Malformed(f"longer than {MESSAGE_BYTES_MAX} bytes")
    if not data:
        raise Malformed("empty")
    outside = Cursor(data)
    sequence = outside.take()
    if sequence.tag != 0x30 or not outside.ended:
        raise Malformed("not exactly one SEQUENCE")
    inside, found = Cursor(sequence.value), []
    while not inside.ended:
        found.append(inside.take())
    return _Parts(found).message()


class _Parts:
    """The elements in the order in which the standard puts them."""

    def __init__(self, elements: list[Element]) -> None:
        self._elements = elements
        self._at = 0

    def message(self) -> Message:
        if number_in(self._must(0x02, "version")) != 2:
            raise Malformed("not version 2")
        oid = self._must(0x06, "certifiedDataType")
        kind = KINDS.get(oid[-1]) if oid[:-1] == _TYPE else None
        if kind is None:
            raise Malformed("certified data of an unknown kind")
        operation = client = process_type = ""
        process_data, number = b"", None
        if kind != "audit":
            operation = _text(self._must(0x80, "operationType"))
        if kind == "transaction":
            client = _text(self._must(0x81, "clientId"))
            process_data = self._may(0x82) or b""
            process_type = _text(self._may(0x83) or b"")
            self._may(0x84)
            given = self._may(0x85)
            number = None if given is None else number_in(given)
            self._may(0x86)
        elif kind == "system":
            self._must(0x81, "systemOperationData")
            self._may(0x82)
        serial = self._must(0x04, "serialNumber")
        algorithm = Cursor(self._must(0x30, "signatureAlgorithm")).take()
        if kind == "audit":
            self._must(0x04, "seAuditData")
        counter = number_in(self._must(0x02, "signatureCounter"))
        time = self._time()
        signed = b"".join(element.raw for element in self._elements[: self._at])
        signature = self._must(0x04, "signatureValue")
        if self._at != len(self._elements):
            raise Malformed("something follows the signature")
        return Message(
            kind=kind, signed=signed, serial=serial, algorithm=algorithm_of(algorithm.value),
            counter=counter, time=time, signature=signature, operation=operation, client=client,
            process_type=process_type, process_data=process_data, number=number,
        )  # fmt: skip

    def _must(self, tag: int, what: str) -> bytes:
        found = self._may(tag)
        if found is None:
            raise Malformed(f"{what} is missing")
        return found

    def _may(self, tag: int) -> bytes | None:
        if self._at == len(self._elements) or self._elements[self._at].tag != tag:
            return None
        self._at += 1
        return self._elements[self._at - 1].value

    def _time(self) -> datetime:
        for tag in (0x02, 0x17, 0x18):
            value = self._may(tag)
            if value is not None:
                return _unix(value) if tag == 0x02 else _written(tag, value)
        raise Malformed("logTime is missing")


def _unix(value: bytes) -> datetime:
    try:
        return datetime.fromtimestamp(number_in(value), UTC)
    except (ValueError, OverflowError, OSError) as absurd:
        raise Malformed("logTime is not a time") from absurd


def _written(tag: int, value: bytes) -> datetime:
    layout = _TIMES.get((tag, len(value)))
    try:
        if layout is None:
            raise ValueError
        return datetime.strptime(value.decode("ascii"), layout).replace(tzinfo=UTC)
    except ValueError as absurd:
        raise Malformed("logTime is not a time") from absurd


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as broken:
        raise Malformed("text that is not UTF-8") from broken
