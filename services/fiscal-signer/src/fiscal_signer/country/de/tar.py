"""The export of a TSE as a TAR archive (BSI TR-03151, TR-03153): file names and archive blocks.

    info.csv
    <serial, 64 hex digits>_X509.cer              the device's certificate, then its issuers'
    Unixt_<time>_Sig-<counter>_Log-Tra_No-<number>_<Start|Update|Finish>_Client-<client>.log
    Unixt_<time>_Sig-<counter>_Log-Sys_<operation>.log
    Unixt_<time>_Sig-<counter>_Log-Aud.log

The same logs make the same bytes: nothing of the moment or the machine goes in.
"""

from __future__ import annotations

import csv
import io
import re
import tarfile
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fiscal_signer.country.de.algorithms import serial_of
from fiscal_signer.country.de.log_message import LogMessage, parse

MANUFACTURER = "Kassenverbund"
VERSION = "Software-TSE 1"
"""Of the device's formats, not of the program: an export stays the same over updates."""

END = bytes(2 * tarfile.BLOCKSIZE)
"""What ends an archive."""

_NAME_MAX = tarfile.LENGTH_NAME
_MODE_AND_OWNER = b"0000444\0" + 2 * b"0000000\0"
_REST = (b"0" + bytes(100) + tarfile.POSIX_MAGIC).ljust(356, b"\0")
"""A regular file, no link, no names of user and group, no device."""
_REST_SUM = sum(_REST)

_STEPS = {
    "StartTransaction": "Start", "UpdateTransaction": "Update", "FinishTransaction": "Finish",
}  # fmt: skip
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9 '()+,.=_-]")
"""Of what a client's name may hold, what has a meaning in paths (`/`, `:`, `?`) and all else."""


def log_file(raw: bytes) -> bytes:
    """A log message as a file of the archive. Raises `LogMessageError`."""
    log = parse(raw)
    return _entry(log_name(log), raw, int(log.log_time.timestamp()))


def log_name(log: LogMessage) -> str:
    """The file name of a log message."""
    begin = f"Unixt_{int(log.log_time.timestamp())}_Sig-{log.signature_counter}_Log-"
    match log.kind:
        case "transaction":
            step = _STEPS.get(log.operation or "", "Update")
            client = _safe(log.client_id or "")
            return f"{begin}Tra_No-{log.transaction_number}_{step}_Client-{client}.log"
        case "system":
            return f"{begin}Sys_{_safe(log.operation or '')}.log"
        case _:
            return f"{begin}Aud.log"


def _safe(text: str) -> str:
    return _NOT_IN_NAMES.sub("_", text)


def head(description: str, certificates: Sequence[bytes], *, at: int) -> bytes:
    """The files before the logs. `certificates`: DER, the device's first; `at`: unix seconds that
    these files are dated with."""
    info = io.StringIO()
    fields = ("description:", description, "manufacturer:", MANUFACTURER, "version:", VERSION)
    csv.writer(info, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(fields)
    files = [_entry("info.csv", info.getvalue().encode(), at)]
    for der in certificates:
        files.append(_entry(certificate_name(der), der, at))
    return b"".join(files)


def certificate_name(der: bytes) -> str:
    """Named after the hash of its key's point, as the serial number of a TSE is."""
    key = x509.load_der_x509_certificate(der).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)  # Our own: the software TSE makes no other.
    form = serialization.PublicFormat.UncompressedPoint
    return (
        f"{serial_of(key.public_bytes(serialization.Encoding.X962, form)).hex().upper()}_X509.cer"
    )


def _entry(name: str, content: bytes, at: int) -> bytes:
    return header(name, len(content), at) + content + bytes(-len(content) % tarfile.BLOCKSIZE)


def header(name: str, size: int, at: int) -> bytes:
    """What stands before a file: one block (POSIX.1-1988), and a pax header before that where the
    name is too long for it."""
    if len(name) > _NAME_MAX or not name.isascii():
        entry = tarfile.TarInfo(name)
        entry.size, entry.mtime, entry.mode = size, at, 0o444
        return entry.tobuf(tarfile.PAX_FORMAT)
    # By hand: an export of a year has millions, and the standard library takes ten times as long.
    begin = name.encode().ljust(_NAME_MAX, b"\0") + _MODE_AND_OWNER + b"%011o\0%011o\0" % (size, at)
    # The sum counts its own eight characters as blanks.
    total = sum(begin) + 8 * 0x20 + _REST_SUM
    return begin + b"%06o\0 " % total + _REST
