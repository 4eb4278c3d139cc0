"""Exports of a played TSS: a TAR archive made by Python's own tarfile, named as the vendor does."""

from __future__ import annotations

import base64
import io
import tarfile
from collections.abc import Mapping
from typing import TYPE_CHECKING

from fiscal_signer.country.de import log_message

if TYPE_CHECKING:
    from fiscal_signer.testing.fiskaly.tss import Tss

INFO = '"description:","","manufacturer:","fiskaly GmbH","version:","played"'


class Export:
    """One export. `looks`: so often it is looked at before it is complete."""

    def __init__(self, export_id: str, query: Mapping[str, str], looks: int) -> None:
        self.id = export_id
        self.query = dict(query)
        self.looks = looks
        self.state = "PENDING"
        self.file = b""

    def look(self, tss: Tss) -> dict[str, object]:
        """Its state; it goes on by being looked at."""
        if self.state in ("PENDING", "WORKING"):
            self.looks -= 1
            self.state = "WORKING" if self.looks >= 0 else "COMPLETED"
            if self.state == "COMPLETED":
                self.file = archive_of(tss, self.query)
        return {"_id": self.id, "_type": "EXPORT", "_env": tss.env, "state": self.state}


def archive_of(tss: Tss, query: Mapping[str, str]) -> bytes:
    """The log messages that a query means, in an order of its own."""
    first = int(query.get("start_signature_counter", 1))
    last = int(query.get("end_signature_counter", tss.counter))
    begin, end = int(query.get("start_date", 0)), int(query.get("end_date", 2**62))
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        _add(archive, "info.csv", INFO.encode())
        serial = tss.described()["serial_number"].upper()
        _add(archive, f"{serial}_X509.cer", base64.b64decode(tss.certificate()))
        for counter in sorted(tss.logs, reverse=True):
            log = log_message.parse(tss.logs[counter])
            unix = int(log.log_time.timestamp())
            if first <= counter <= last and begin <= unix <= end:
                _add(archive, _name(log, unix), tss.logs[counter])
    return made.getvalue()


def _name(log: log_message.LogMessage, unix: int) -> str:
    begin = f"Unixt_{unix}_Sig-{log.signature_counter}_Log-"
    if log.kind == "system":
        return f"{begin}Sys_{log.operation}.log"
    step = (log.operation or "").removesuffix("Transaction")
    return f"{begin}Tra_No-{log.transaction_number}_{step}_Client-{log.client_id}.log"


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))
