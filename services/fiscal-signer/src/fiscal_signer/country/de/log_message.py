"""Log messages of a TSE (BSI TR-03153 chapter 3, ASN.1): what is signed, and what is stored.

The signed bytes are the elements inside the SEQUENCE without its header and without the
signature. They are taken as raw slices: one vendor encodes processData in BER with indefinite
length, and its signatures hold over those bytes only, not over a DER re-encoding.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

from fiscal_signer.country.de import tlv
from fiscal_signer.country.de.algorithms import NAMES, OIDS
from fiscal_signer.country.de.tlv import Tlv, TlvError

LOG_MESSAGE_BYTES_MAX = 64 * 1024

VERSION = 2
START, UPDATE, FINISH = "StartTransaction", "UpdateTransaction", "FinishTransaction"

Kind = Literal["transaction", "system", "audit"]

_KINDS: dict[str, Kind] = {
    "0.4.0.127.0.7.3.7.1.1": "transaction",
    "0.4.0.127.0.7.3.7.1.2": "system",
    "0.4.0.127.0.7.3.7.1.3": "audit",
}
_OIDS = {kind: tlv.encode(0x06, tlv.encode_oid(oid)) for oid, kind in _KINDS.items()}
_VERSION = tlv.integer(0x02, VERSION)
_ALGORITHMS = {
    name: tlv.encode(0x30, tlv.encode(0x06, tlv.encode_oid(oid))) for name, oid in OIDS.items()
}

UNIX_TIME = "unixTime"
TIME_FORMATS = (
    UNIX_TIME, "utcTime", "utcTimeWithSeconds", "generalizedTime",
    "generalizedTimeWithMilliseconds",
)  # fmt: skip


class LogMessageError(ValueError):
    """The bytes are not a log message; the text says where they stop being one."""


@dataclass(frozen=True, slots=True)
class LogMessage:
    """A log message, read. Fields that its kind does not have are None."""

    kind: Kind
    signed: bytes
    """The bytes under the signature, as they stand in the message."""
    serial: bytes
    """SHA-256 of the key's point."""
    algorithm: str
    """`ecdsa-plain-SHA384`; the dotted identifier where it has no name."""
    signature_counter: int
    log_time: datetime
    """UTC."""
    time_format: str
    signature: bytes
    operation: str | None = None
    client_id: str | None = None
    process_type: str | None = None
    process_data: bytes | None = None
    transaction_number: int | None = None
    external_data: bytes | None = None
    internal_data: bytes | None = None
    system_data: bytes | None = None
    audit_data: bytes | None = None


def time_element(when: datetime, time_format: str) -> bytes:
    """The logTime element. Raises ValueError for an unknown format.

    `utcTime` is written with seconds, as TSEs do that declare it; the form without seconds is
    tried by the verifier.
    """
    utc = when.astimezone(UTC)
    match time_format:
        case "unixTime":
            return tlv.integer(0x02, int(utc.timestamp()))
        case "utcTime" | "utcTimeWithSeconds":
            return tlv.encode(0x17, utc.strftime("%y%m%d%H%M%SZ").encode())
        case "generalizedTime":
            return tlv.encode(0x18, utc.strftime("%Y%m%d%H%M%SZ").encode())
        case "generalizedTimeWithMilliseconds":
            text = f"{utc.strftime('%Y%m%d%H%M%S')}.{utc.microsecond // 1000:03d}Z"
            return tlv.encode(0x18, text.encode())
    raise ValueError(f"{time_format!r} is not a log time format")


def transaction_signed(
    *,
    operation: str,
    client_id: str,
    process_type: str,
    process_data: bytes,
    transaction_number: int,
    serial: bytes,
    algorithm: str,
    signature_counter: int,
    log_time: bytes,
) -> bytes:
    """The bytes that a transaction log signs, in strict DER. `log_time` is a whole element.

    A start carries empty process type and data, both present.
    """
    return transaction_head(
        operation=operation,
        client_id=client_id,
        data_element=tlv.encode(0x82, process_data),
        type_element=_text(0x83, process_type),
        transaction_number=transaction_number,
    ) + security_tail(serial, algorithm, signature_counter, log_time)


def transaction_head(
    *,
    operation: str,
    client_id: str,
    data_element: bytes,
    type_element: bytes,
    transaction_number: int,
) -> bytes:
    """The first half, with the two elements whose encoding differs between vendors."""
    return b"".join(
        (
            _VERSION,
            _OIDS["transaction"],
            _text(0x80, operation),
            _text(0x81, client_id),
            data_element,
            type_element,
            tlv.integer(0x85, transaction_number),
        )
    )


def security_tail(serial: bytes, algorithm: str, counter: int, log_time: bytes) -> bytes:
    """The second half: key, algorithm, counter, time. Raises KeyError: unknown algorithm."""
    return b"".join((_signer(serial, algorithm), tlv.integer(0x02, counter), log_time))


# What most log messages of a chain have in common: operations, tills, process types, devices.
@lru_cache(maxsize=4_096)
def _text(tag: int, text: str) -> bytes:
    return tlv.encode(tag, text.encode())


@lru_cache(maxsize=1_024)
def _signer(serial: bytes, algorithm: str) -> bytes:
    return tlv.encode(0x04, serial) + _ALGORITHMS[algorithm]


def system_signed(
    *,
    operation: str,
    system_data: bytes,
    serial: bytes,
    algorithm: str,
    signature_counter: int,
    log_time: bytes,
) -> bytes:
    """The bytes that a system log signs."""
    return b"".join(
        (
            _VERSION,
            _OIDS["system"],
            tlv.encode(0x80, operation.encode("ascii")),
            tlv.encode(0x81, system_data),
            security_tail(serial, algorithm, signature_counter, log_time),
        )
    )


def whole(signed: bytes, signature: bytes) -> bytes:
    """The stored log message."""
    return tlv.encode(0x30, signed + tlv.encode(0x04, signature))


def parse(data: bytes) -> LogMessage:
    """Read one log message of any vendor. Raises `LogMessageError`.

    Lenient where TSEs differ: process data, process type and additional data are optional,
    processData may be BER with indefinite length, utcTime may lack its seconds.
    """
    if len(data) > LOG_MESSAGE_BYTES_MAX:
        raise LogMessageError(f"longer than {LOG_MESSAGE_BYTES_MAX} bytes")
    try:
        outer, end = tlv.read(data, 0)
        if outer.tag != 0x30 or end != len(data):
            raise LogMessageError("not exactly one SEQUENCE")
        return _Reader(tlv.read_all(outer.value)).message()
    except (TlvError, UnicodeDecodeError, OverflowError) as broken:
        raise LogMessageError(str(broken)) from broken


class _Reader:
    """Takes the elements in their fixed order."""

    def __init__(self, elements: list[Tlv]) -> None:
        self._elements = elements
        self._at = 0

    def _next(self, tag: int, what: str) -> bytes:
        found = self._optional(tag)
        if found is None:
            raise LogMessageError(f"{what} is missing")
        return found

    def _optional(self, tag: int) -> bytes | None:
        if self._at < len(self._elements) and self._elements[self._at].tag == tag:
            self._at += 1
            return self._elements[self._at - 1].value
        return None

    def message(self) -> LogMessage:
        version = tlv.decode_integer(self._next(0x02, "version"))
        if version != VERSION:
            raise LogMessageError(f"version {version} instead of {VERSION}")
        oid = tlv.decode_oid(self._next(0x06, "certifiedDataType"))
        kind = _KINDS.get(oid)
        if kind is None:
            raise LogMessageError(f"{oid} is not a kind of log message")
        fields: dict[str, object] = {}
        if kind == "transaction":
            fields = self._transaction()
        elif kind == "system":
            fields = self._system()
        serial = self._next(0x04, "serialNumber")
        algorithm = tlv.read_all(self._next(0x30, "signatureAlgorithm"))
        if not algorithm or algorithm[0].tag != 0x06:
            raise LogMessageError("signatureAlgorithm without an identifier")
        algorithm_oid = tlv.decode_oid(algorithm[0].value)
        if kind == "audit":
            fields["audit_data"] = self._next(0x04, "seAuditData")
        counter = tlv.decode_integer(self._next(0x02, "signatureCounter"))
        log_time, time_format = self._time()
        signed = b"".join(element.raw for element in self._elements[: self._at])
        signature = self._next(0x04, "signatureValue")
        if self._at != len(self._elements):
            raise LogMessageError("something follows the signature")
        return LogMessage(
            kind=kind,
            signed=signed,
            serial=serial,
            algorithm=NAMES.get(algorithm_oid, algorithm_oid),
            signature_counter=counter,
            log_time=log_time,
            time_format=time_format,
            signature=signature,
            **fields,  # type: ignore[arg-type]  # only names of LogMessage, set right below
        )

    def _transaction(self) -> dict[str, object]:
        operation = self._next(0x80, "operationType").decode()
        client_id = self._next(0x81, "clientId").decode()
        process_data = self._optional(0x82)
        process_type = self._optional(0x83)
        external = self._optional(0x84)
        number = self._optional(0x85)
        return {
            "operation": operation,
            "client_id": client_id,
            "process_data": process_data,
            "process_type": None if process_type is None else process_type.decode(),
            "external_data": external,
            "transaction_number": None if number is None else tlv.decode_integer(number),
            "internal_data": self._optional(0x86),
        }

    def _system(self) -> dict[str, object]:
        return {
            "operation": self._next(0x80, "operationType").decode(),
            "system_data": self._next(0x81, "systemOperationData"),
            "internal_data": self._optional(0x82),
        }

    def _time(self) -> tuple[datetime, str]:
        unix = self._optional(0x02)
        if unix is not None:
            return _from_unix(tlv.decode_integer(unix)), UNIX_TIME
        utc = self._optional(0x17)
        if utc is not None:
            text = utc.decode("ascii")
            if len(text) == 11:
                return _from_text(text, "%y%m%d%H%MZ"), "utcTime"
            return _from_text(text, "%y%m%d%H%M%SZ"), "utcTimeWithSeconds"
        text = self._next(0x18, "logTime").decode("ascii")
        if "." in text:
            return _from_text(text, "%Y%m%d%H%M%S.%fZ"), "generalizedTimeWithMilliseconds"
        return _from_text(text, "%Y%m%d%H%M%SZ"), "generalizedTime"


def _from_unix(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OSError) as absurd:
        raise LogMessageError(f"{seconds} is not a time") from absurd


def _from_text(text: str, layout: str) -> datetime:
    try:
        return datetime.strptime(text, layout).replace(tzinfo=UTC)
    except ValueError as absurd:
        raise LogMessageError(f"{text!r} is not a time") from absurd
