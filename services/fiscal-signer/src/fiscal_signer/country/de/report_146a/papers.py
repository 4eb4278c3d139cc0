"""A report as files: XML for the upload, a cover sheet for people."""

from __future__ import annotations

from datetime import date
from xml.sax.saxutils import escape

from fiscal_signer.country.de.report_146a.model import (
    PC_TILL,
    Establishment,
    System,
    devices_of,
    gaps_of,
)

NAMESPACE = "http://finkonsens.de/elster/elsternachricht/aufzeichnung146a/v1"
VERSION = "1"

REASON = "Außerbetriebnahme"
"""Where nobody said why."""

TEXT_MAX = 100
"""Longer names are cut: the form has no room for more."""


def files_of(establishment: Establishment) -> tuple[tuple[str, bytes], ...]:
    """(name, content). With gaps the XML is called a draft: whoever sends it has read the name."""
    gaps = gaps_of(establishment)
    draft = "-ENTWURF" if gaps else ""
    stem = f"146a-{establishment.store_id}"
    return (
        (f"{stem}{draft}.xml", xml_of(establishment)),
        (f"{stem}.txt", cover_of(establishment)),
    )


def xml_of(establishment: Establishment) -> bytes:
    """The upload. What is not known is left out, so that a draft is never taken for a report."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?>',
        f'<Aufzeichnung146a xmlns="{NAMESPACE}" version="{VERSION}">',
        "  <Aufzeichnung146a>",
    ]
    for system in establishment.systems:
        lines.append("    <AngabenAufzeichnungssystem>")
        lines += [
            f"      <{name}>{escape(_text(value))}</{name}>"
            for name, value in _elements(system)
            if value is not None
        ]
        lines.append("    </AngabenAufzeichnungssystem>")
    lines += ["  </Aufzeichnung146a>", "</Aufzeichnung146a>", ""]
    return "\n".join(lines).encode()


def _elements(system: System) -> tuple[tuple[str, str | None], ...]:
    """In the order of the form."""
    device, gone = system.device, system.decommissioned_on
    reason = None if gone is None else system.decommissioned_because or REASON
    return (
        ("Art", PC_TILL),
        ("Software", system.software),
        ("SoftwareVersion", system.software_version),
        ("SeriennummerAS", system.serial),
        ("Hersteller", system.manufacturer),
        ("Modell", system.model),
        ("SeriennummerTSE", device.serial),
        ("InbetriebnahmeTSE", _day(device.commissioned_on)),
        ("BSIID", device.bsi_id),
        ("ArtTSE", device.form),
        ("AnschaffungAS", _day(system.acquired_on)),
        ("InbetriebnahmeAS", _day(system.commissioned_on)),
        ("AusserbetriebnahmeAS", _day(gone)),
        ("GrundAusserbetriebnahme", reason),
    )


def _day(day: date | None) -> str | None:
    return None if day is None else day.strftime("%d.%m.%Y")


def _text(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable())[:TEXT_MAX]


FORM_NAMES = {"1": "SD-Karte", "2": "USB-Stick", "3": "Cloud"}


def cover_of(establishment: Establishment) -> bytes:
    """What a person enters beside the upload, what was found, and what is missing."""
    shop = establishment
    lines = [
        "Mitteilung nach § 146a Abs. 4 AO",
        f"Begleitblatt zu Filiale {shop.store_id}, Stand {_day(shop.as_of)}",
        "",
        f"Steuerpflichtiger:  {shop.taxpayer}, {shop.taxpayer_address}",
        f"Steuernummer:       {shop.tax_number or 'FEHLT'}",
        f"USt-IdNr.:          {shop.vat_id or '-'}",
        f"Betriebsstätte:     {shop.name}, {shop.street}, {shop.postal_code} {shop.city}",
        f"Anzahl der Systeme: {len(shop.systems)}",
    ]
    for device in devices_of(shop):
        form = FORM_NAMES.get(device.form or "", "unbekannte Bauform")
        lines += [
            "",
            f"TSE {device.tse_id} ({form})",
            f"  Zertifizierung:   {device.certification_id or 'FEHLT'}",
            f"  Seriennummer:     {device.serial or 'FEHLT'}",
            f"  In Betrieb seit:  {_day(device.commissioned_on) or 'FEHLT'}",
        ]
    for system in shop.systems:
        gone = _day(system.decommissioned_on)
        lines += [
            "",
            f"Aufzeichnungssystem {system.name}",
            f"  Seriennummer:     {system.serial}",
            f"  Gerät:            {system.manufacturer}, {system.model}",
            f"  Software:         {system.software} {system.software_version}",
            f"  TSE:              {system.device.tse_id}",
            f"  Angeschafft:      {_day(system.acquired_on)}",
            f"  In Betrieb seit:  {_day(system.commissioned_on)}",
        ]
        if gone is not None:
            why = system.decommissioned_because or REASON
            lines.append(f"  Außer Betrieb:    {gone} ({why})")
    gaps = gaps_of(shop)
    lines.append("")
    if gaps:
        lines.append("ENTWURF - vor der Übermittlung fehlt:")
        lines += [f"  - {gap}" for gap in gaps]
    else:
        lines.append("Die XML-Datei kann in Mein ELSTER hochgeladen werden. Frist: ein Monat nach")
        lines.append("Anschaffung oder Außerbetriebnahme eines Systems.")
    return ("\n".join(lines) + "\n").encode()
