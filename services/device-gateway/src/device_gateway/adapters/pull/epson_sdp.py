"""Epson Server Direct Print: what the printer posts, and the XML that it is answered with.

Source: Epson, "Server Direct Print User's Manual" (TM-i, TM-DT): `ConnectionType`, `ID`,
`ResponseFile` as a form; `PrintRequestInfo` 2.00 with one `ePOSPrint` and its `printjobid`; the
result as `PrintResponseInfo`. The spooler of the printer has to be off: with it a success says that
the job was taken and not that it is on paper.
"""

from __future__ import annotations

import hashlib
import re
import xml.etree.ElementTree as Xml
from dataclasses import dataclass
from typing import Literal

from device_gateway.adapters.virtual_printer import Paper

RESPONSE_BYTES_MAX = 16_384
TIMEOUT_MS = 30_000
"""The printer gives a job up after this."""

EMPTY = b""
MEDIA_TYPE = "text/xml; charset=utf-8"

NOTHING_PRINTED = frozenset({"SchemaError", "DeviceNotFound", "EX_SPOOLER", "JobSpooling"})
"""The printer refused the job as a whole. All other failures may leave something on the paper."""

_REASONS = {
    "EPTR_COVER_OPEN": "cover_open",
    "EPTR_REC_EMPTY": "paper_out",
    "EPTR_CUTTER": "cutter",
    "EPTR_MECHANICAL": "mechanical",
    "EPTR_AUTOMATICAL": "too_hot",
    "EPTR_UNRECOVERABLE": "broken",
    "EPTR_BATTERY_LOW": "battery",
    "EX_BADPORT": "connection_lost",
    "EX_TIMEOUT": "stalled",
}

NEAR_END, PAPER_END, COVER, OFFLINE = 0x00020000, 0x00080000, 0x00000020, 0x00000008
"""Of the status (ePOS-Print XML: ASB)."""

_RESET = b"\x1b@"
_PLAIN = b"\x1d!\x00\x1bE\x00\x1ba\x00"
"""Instead of a reset, which would take the printer's own settings for the request with it."""


@dataclass(frozen=True, slots=True)
class Result:
    """`token` None: the printer says nothing of a certain job."""

    token: str | None
    outcome: Literal["printed", "refused", "unknown"]
    reason: str


def token_of(job_id: str) -> str:
    """`printjobid`: one to thirty letters and digits."""
    return hashlib.sha256(job_id.encode()).hexdigest()[:30]


def request_of(job_id: str, job: bytes, papers: tuple[Paper, ...]) -> bytes:
    """The answer to `GetRequest`: one job, its bytes as they are but for the resets."""
    parts = [paper.raw for paper in papers] or [job]
    plain = b"".join(
        _PLAIN + part.removeprefix(_RESET) if part.startswith(_RESET) else part for part in parts
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<PrintRequestInfo Version="2.00"><ePOSPrint><Parameter>'
        f"<devid>local_printer</devid><timeout>{TIMEOUT_MS}</timeout>"
        f"<printjobid>{token_of(job_id)}</printjobid></Parameter><PrintData>"
        '<epos-print xmlns="http://www.epson-pos.com/schemas/2011/03/epos-print">'
        f"<command>{plain.hex()}</command></epos-print></PrintData></ePOSPrint></PrintRequestInfo>"
    ).encode()


def result_of(response_file: str) -> Result | None:
    """What `SetResponse` says; None: this is no result. Never raises."""
    root = _parsed(response_file)
    if root is None:
        return None
    token = _first(root, "printjobid")
    response = next((each for each in root.iter() if _name(each) == "response"), None)
    if response is None:
        # The answer as a whole was not understood: nothing of it was printed.
        failed = any(_name(each) == "ErrorSummary" for each in root.iter())
        return Result(token, "refused", "not_understood") if failed else None
    code = response.get("code") or ""
    if response.get("success") in ("true", "1"):
        return Result(token, "printed", _warning(response.get("status") or ""))
    if code in NOTHING_PRINTED:
        return Result(token, "refused", code.lower())
    return Result(token, "unknown", _REASONS.get(code, "offline"))


def status_of(status_file: str) -> str | None:
    """What `SetStatus` says of the printer, as a reason; None: nothing."""
    root = _parsed(status_file)
    if root is None:
        return None
    for each in root.iter():
        if _name(each) == "printerstatus" and each.get("devicename") == "local_printer":
            bits = _bits(each.get("asbstatus") or "")
            return None if bits is None else reason_of(bits)
    return None


def reason_of(bits: int) -> str:
    """Why nothing would be printed; `paper_near_end`; or nothing."""
    if bits & COVER:
        return "cover_open"
    if bits & PAPER_END:
        return "paper_out"
    if bits & OFFLINE:
        return "offline"
    return "paper_near_end" if bits & NEAR_END else ""


def _warning(status: str) -> str:
    bits = _bits(status)
    return "paper_near_end" if bits is not None and bits & NEAR_END else ""


def _bits(text: str) -> int | None:
    if not re.fullmatch(r"0[xX][0-9A-Fa-f]{1,8}|[0-9]{1,10}", text):
        return None
    return int(text, 16 if text[1:2] in ("x", "X") else 10)


def _parsed(text: str) -> Xml.Element | None:
    # No entities: neither ours nor the printer's messages have any, and others' may be bombs.
    if len(text) > RESPONSE_BYTES_MAX or "<!" in text:
        return None
    try:
        return Xml.fromstring(text)  # noqa: S314 (bounded, and without a document type)
    except (Xml.ParseError, ValueError):
        return None


def _first(root: Xml.Element, name: str) -> str | None:
    return next((each.text for each in root.iter() if _name(each) == name), None)


def _name(element: Xml.Element) -> str:
    return element.tag.rpartition("}")[2]
