"""A TSE's export (BSI TR-03151): `info.csv`, certificates, and a file per log message."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import IO

from kassenverbund.fiscal.asn1 import Malformed
from kassenverbund.fiscal.certificates import (
    NOT_CERTIFIED,
    Certificates,
    is_authority,
    read_certificates,
)
from kassenverbund.fiscal.keys import Undecidable
from kassenverbund.fiscal.messages import Message, read_message
from kassenverbund.fiscal.receipts import process_notes
from kassenverbund.fiscal.sequence import Sequenced
from kassenverbund.fiscal.tarfiles import ArchiveCut, Entry, read_tar
from kassenverbund.fiscal.verdicts import Finding

_CERTIFICATE = re.compile(r"([0-9A-Fa-f]{64})_(X509|CVC)\.(?:cer|crt|pem|der)", re.IGNORECASE)
_LOG = re.compile(
    r"(?P<format>Unixt|Utc|Gent)_(?P<time>[0-9A-Za-z.]+)_Sig-(?P<counter>\d{1,19})_Log-"
    r"(?:Tra_No-(?P<number>\d{1,19})_(?P<step>Start|Update|Finish)_Client-(?P<client>.*?)"
    r"|Sys_(?P<operation>\w+?)|(?P<audit>Aud\w*?))(?:_Fc-\d+)?\.log",
    re.ASCII,
)


def _nothing(read: int) -> None:
    del read


@dataclass(slots=True)
class Judge:
    """Checks messages and keeps what concerns them all. `expected`: serial numbers, one of which
    must have signed; empty: any."""

    certificates: Certificates
    expected: Collection[bytes] = ()
    filtered: bool = False
    devices: dict[bytes, Sequenced] = field(default_factory=dict)

    def message(self, item: str, content: bytes) -> tuple[Message | None, list[Finding]]:
        """One log message: its signature, with the key that its serial number names."""
        try:
            message = read_message(content)
        except Malformed as malformed:
            return None, [Finding(item, "malformed", str(malformed))]
        self.devices.setdefault(message.serial, Sequenced()).add(message)
        if self.expected and message.serial not in self.expected:
            return message, [Finding(item, "key_wrong", message.serial.hex())]
        key = self.certificates.key(message.serial)
        if key is None:
            return message, [Finding(item, "key_unknown", message.serial.hex())]
        try:
            fits = key.fits(message.algorithm, message.signature, message.signed)
        except Undecidable as unknown:
            return message, [Finding(item, "algorithm_unknown", str(unknown))]
        findings = [Finding(item, "signature_right" if fits else "signature_wrong")]
        if message.operation == "FinishTransaction":
            data = message.process_data.decode("utf-8", "replace")
            findings += process_notes(item, message.process_type, data)
        return message, findings

    def end(self, *, complete: bool = False) -> Iterator[Finding]:
        """What can be said when all messages are there: order and certificates, per device.
        `complete`: the certificates up to the root should be there too."""
        for serial, messages in sorted(self.devices.items()):
            yield from messages.findings(serial.hex(), filtered=self.filtered)
            if self.certificates.key(serial) is not None:
                yield from self.certificates.findings(
                    serial.hex(), serial, messages.times, complete=complete
                )


def verify_archive(
    file: IO[bytes], item: str, judge: Judge, *, moved: Callable[[int], None] = _nothing
) -> Iterator[Finding]:
    """The verdicts on an export, file by file, then on the whole. The archive is read twice, since
    a certificate may stand behind what it signed; `moved` is told how far the second reading is.

    Memory: a file at a time, and 24 bytes for each log message.
    """
    try:
        yield from _certificates(file, item, judge.certificates)
        file.seek(0)
        logs = 0
        for entry in read_tar(file):
            moved(entry.offset)
            if _base(entry).endswith(".log"):
                logs += 1
                yield from _log(entry, judge)
    except ArchiveCut:
        yield Finding(item, "archive_cut")
    except Malformed as malformed:
        yield Finding(item, "malformed", str(malformed))
    else:
        if not logs:
            yield Finding(item, "no_logs")
    yield from judge.end(complete=True)


def _base(entry: Entry) -> str:
    return entry.name.rsplit("/", 1)[-1]


def _certificates(file: IO[bytes], item: str, known: Certificates) -> Iterator[Finding]:
    info = False
    for entry in read_tar(file):
        name = _base(entry)
        named = _CERTIFICATE.fullmatch(name)
        if named is not None:
            yield from _certificate(entry, named, known)
        elif name == "info.csv":
            described = _description(entry.content or b"")
            info = described is not None
            if NOT_CERTIFIED in (described or ""):
                yield Finding(entry.name, "not_certified")
        elif not name.endswith(".log"):
            yield Finding(entry.name, "file_unexpected")
    if not info:
        yield Finding(item, "info_missing")


def _certificate(entry: Entry, named: re.Match[str], known: Certificates) -> Iterator[Finding]:
    if named[2].upper() == "CVC":
        yield Finding(entry.name, "certificate_unreadable", "CVC")
        return
    try:
        found = read_certificates(entry.content or b"")
    except Malformed as malformed:
        yield Finding(entry.name, "malformed", str(malformed))
        return
    keys = [known.add(certificate) for certificate in found]
    # An authority's file may be named otherwise by its vendor; whoever signs logs may not.
    leaf = keys[0] if found and not is_authority(found[0]) else None
    if leaf is not None and leaf.serial.hex() != named[1].lower():
        yield Finding(entry.name, "certificate_name_differs", leaf.serial.hex())


def _description(content: bytes) -> str | None:
    """`"description:","…","manufacturer:","…","version:","…"` as one text; None: it is not so."""
    try:
        (row,) = [one for one in csv.reader(content.decode().splitlines()) if one]
    except (ValueError, csv.Error):
        return None
    keys = [key.strip(": ").lower() for key in row[::2]]
    return " ".join(row[1::2]) if keys[:3] == ["description", "manufacturer", "version"] else None


def _log(entry: Entry, judge: Judge) -> Iterator[Finding]:
    if entry.content is None:
        yield Finding(entry.name, "malformed", f"{entry.size} bytes")
        return
    message, findings = judge.message(entry.name, entry.content)
    yield from findings
    if message is None:
        return
    named = _LOG.fullmatch(_base(entry))
    if named is None:
        yield Finding(entry.name, "name_unusual")
    elif (wrong := _differing(named, message)) is not None:
        yield Finding(entry.name, "name_differs", wrong)


def _differing(named: re.Match[str], message: Message) -> str | None:
    """Which field of the name is not what the message says."""
    kind = "audit" if named["audit"] else "system" if named["operation"] else "transaction"
    if kind != message.kind:
        return "kind"
    if int(named["counter"]) != message.counter:
        return "signature counter"
    if named["format"] == "Unixt" and named["time"] != str(int(message.time.timestamp())):
        return "time"
    if kind == "system" and named["operation"] != message.operation:
        return "operation"
    if kind == "transaction":
        if int(named["number"]) != message.number:
            return "transaction number"
        if f"{named['step']}Transaction" != message.operation:
            return "operation"
        if _plain(named["client"]) != _plain(message.client):
            return "client"
    return None


def _plain(client: str) -> str:
    """Vendors put other characters where a client's cannot stand in a file name."""
    return re.sub(r"[^A-Za-z0-9.-]", "_", client)
