"""What a report says, and what it may not leave out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

TseForm = Literal["1", "2", "3"]
"""ArtTSE: SD card, USB stick, cloud."""

FORMS: dict[str, TseForm] = {"fiskaly": "3"}
"""Kind of a TSE as declared → its form. A kind that is not here is none that can be reported."""

PC_TILL = "1"
"""Art: computer-based or PC till."""


@dataclass(frozen=True, slots=True)
class Device:
    """A TSE."""

    tse_id: str
    serial: str | None
    """64 hex digits; None: the signer never met it."""
    form: TseForm | None
    """None: of a kind that is not certified."""
    certified: bool
    certification_id: str | None
    """`BSI-K-TR-0717-2025`."""
    commissioned_on: date | None

    @property
    def bsi_id(self) -> str | None:
        """`0717-2025`, as the report writes it."""
        if self.certification_id is None:
            return None
        return "-".join(self.certification_id.removeprefix("BSI-K-TR-").split("-")[:2])


@dataclass(frozen=True, slots=True)
class System:
    """A till."""

    till_id: str
    name: str
    serial: str
    """As registered at the TSE, on receipts and in DSFinV-K (KASSE_SERIENNR)."""
    manufacturer: str
    model: str
    software: str
    software_version: str
    device: Device
    acquired_on: date
    commissioned_on: date
    decommissioned_on: date | None = None
    decommissioned_because: str | None = None


@dataclass(frozen=True, slots=True)
class Establishment:
    """A store, as of a day."""

    store_id: str
    name: str
    street: str
    postal_code: str
    city: str
    taxpayer: str
    taxpayer_address: str
    tax_number: str | None
    vat_id: str | None
    as_of: date
    systems: tuple[System, ...]


def gaps_of(establishment: Establishment) -> tuple[str, ...]:
    """What is missing before the report may be sent, for people, in German. Empty: nothing."""
    gaps = []
    if establishment.tax_number is None:
        gaps.append("Steuernummer fehlt (chain.yaml: legal_entities … tax_number)")
    if not establishment.systems:
        gaps.append("Es gibt kein Aufzeichnungssystem")
    for device in devices_of(establishment):
        if device.serial is None:
            gaps.append(f"TSE {device.tse_id}: Seriennummer unbekannt, sie wurde nie verwendet")
        if not device.certified or device.form is None:
            gaps.append(f"TSE {device.tse_id} ist nicht zertifiziert (Test/Schulung)")
        elif device.certification_id is None:
            gaps.append(
                f"TSE {device.tse_id}: Zertifizierungs-ID fehlt"
                " (chain.yaml: stores … tses … certification_id)"
            )
    return tuple(gaps)


def devices_of(establishment: Establishment) -> tuple[Device, ...]:
    """Its TSEs, each once."""
    found = {system.device.tse_id: system.device for system in establishment.systems}
    return tuple(found[tse_id] for tse_id in sorted(found))
