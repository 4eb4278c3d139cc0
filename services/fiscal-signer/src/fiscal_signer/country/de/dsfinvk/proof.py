"""The signatures of processes: rows of transactions_tse.csv, and what explains the rest.

A process has one transaction of its TSE, or TSE_TA_FEHLER says why not. What a TSE signed beside
(too late, for a booking that was given up on the way, system messages) stands in a file of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fiscal_signer.country.de.dsfinvk.text import instant, quoted

ERROR_MAX = 200
DATA = ("transactions_tse.csv", "TSE_VORGANGSDATEN")
SIGNATURE_MAX = 512
KIND_MAX = 30

EXPLAINED_HEADER = (
    '"TSE_SERIAL";"TSE_TANR";"TSE_TA_SIGZ";"GRUND";"BON_ID";"ZEITPUNKT";"ERLAEUTERUNG"\r\n'
)

NOT_CERTIFIED = "TSE nicht zertifiziert (nur Test und Schulung)"

_REASONS = {
    "outage": "TSE ausgefallen",
    "too_late": "Signatur kam nicht rechtzeitig; nachträglich wird nicht signiert",
    "tse_unknown": "Kassenvorgang nennt keine bekannte TSE",
    "tse_of_another_store": "Kassenvorgang nennt die TSE einer anderen Filiale",
    "malformed": "Vorgangsdaten nicht lesbar",
}

_EXPLAINED = {
    "too_late": "Signatur kam nach Ablauf der Frist; der Beleg wurde ohne Signatur ausgegeben",
    "unexplained": "Signatur ohne Vorgang in diesem Kassensystem",
    "system": "Systemmeldung der TSE",
    "abandoned": "Begonnene Transaktion ohne Vorgang, als AVBelegabbruch beendet",
    "late_start": "Transaktion eines unsignierten Vorgangs wurde begonnen",
}


@dataclass(frozen=True, slots=True)
class Outage:
    """When a TSE was out, and why. `ended_at` None: it had not ended."""

    reason: str
    began_at: str
    ended_at: str | None


@dataclass(frozen=True, slots=True)
class Device:
    """A TSE as tse.csv has it. `number`: TSE_ID."""

    number: int
    tse_id: str
    serial: str
    algorithm: str
    time_format: str
    public_key: str
    certificate: str
    certified: bool


@dataclass(frozen=True, slots=True)
class Proof:
    """What one row says, from the columns after BON_ID on, and what the row could not."""

    columns: str
    device: Device | None
    note: str = ""
    process_data: str = ""


def signed(made: Mapping[str, Any], device: Device | None) -> Proof:
    """Of `signature.made`."""
    data = made["process_data"]
    columns = (
        f"{'' if device is None else device.number};{made['transaction_number']};"
        f'"{instant(made["start_time"])}";"{instant(made["log_time"])}";'
        f"{quoted(made['process_type'], KIND_MAX)};{made['signature_counter']};"
        f'{quoted(made["value"], SIGNATURE_MAX)};"";{quoted(data, len(data))}'
    )
    return Proof(columns, device, "" if made["certified"] else NOT_CERTIFIED, data)


def unsigned(
    left: Mapping[str, Any], device: Device | None, outages: Mapping[str, Outage]
) -> Proof:
    """Of `signature.left_unsigned`."""
    reason = left["reason"]
    text = _REASONS.get(reason, f"nicht signiert ({reason})")
    outage = outages.get(left.get("outage_id") or "")
    if outage is not None:
        end = "noch nicht beendet" if outage.ended_at is None else instant(outage.ended_at)
        text = f"{text}: {outage.reason}, von {instant(outage.began_at)} bis {end}"
    return _without(device, text, left["process_type"], left["process_data"])


def unknown(device: Device | None) -> Proof:
    """No verdict was ever heard."""
    return _without(device, "Kein Ergebnis der Signatur im Journal", "", "")


def _without(device: Device | None, text: str, kind: str, data: str) -> Proof:
    number = "" if device is None else device.number
    columns = (
        f'{number};;"";"";{quoted(kind, KIND_MAX)};;"";{quoted(text, ERROR_MAX)};'
        f"{quoted(data, len(data))}"
    )
    return Proof(columns, device, text, data)


def explanation(name: str, event: Mapping[str, Any], device: Device | None) -> str:
    """A row of the file that explains what stands in a TSE and in no process."""
    match name:
        case "signature.surplus":
            reason, at = event["reason"], instant(event["log_time"])
            detail = f": {event['operation']}" if reason == "system" else ""
        case "signature.abandoned":
            reason, at = "abandoned", ""
            detail = f" ({event['reason']})" if event.get("reason") else ""
        case _:
            reason, at, detail = "late_start", instant(event["start_time"]), ""
    serial = "" if device is None else device.serial
    return (
        f'"{serial}";{_number(event.get("transaction_number"))};'
        f'{_number(event.get("signature_counter"))};"{reason}";'
        f'{quoted(event.get("booking_id", ""), 40)};"{at}";'
        f"{quoted(_EXPLAINED[reason] + detail, 255)}\r\n"
    )


def _number(value: Any) -> str:
    return "" if value is None else str(value)
