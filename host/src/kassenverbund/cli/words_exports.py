"""German for `fiscal export`."""

from __future__ import annotations

from collections.abc import Mapping

EXPORT_GERMAN: Mapping[str, str] = {
    "Export the books for an inspection (DSFinV-K, TAR, § 146a): a file and its SHA-256.": (
        "Die Bücher für eine Prüfung exportieren (DSFinV-K, TAR, § 146a): eine Datei und ihr"
        " SHA-256."
    ),
    "dsfinvk, tar or 146a": "dsfinvk, tar oder 146a",
    "first business day, for example 2026-01-01": "erster Buchungstag, zum Beispiel 2026-01-01",
    "last business day": "letzter Buchungstag",
    "where the file goes (must not exist)": "wohin die Datei kommt (es darf sie nicht geben)",
    "only this store; may be repeated": "nur diese Filiale; mehrfach möglich",
    "only this till; may be repeated": "nur diese Kasse; mehrfach möglich",
    "ask anew: with what was recorded since": (
        "neu anfordern: mit allem, was seitdem aufgezeichnet wurde"
    ),
    "the file exists": "die Datei gibt es schon",
    "not a day like 2026-01-31": "kein Tag wie 2026-01-31",
    "closings": "Abschlüsse",
    "KiB received": "KiB empfangen",
    "sums that differ; they stand in pruefbericht.txt inside the file": (
        "Summen weichen ab; sie stehen in pruefbericht.txt in der Datei"
    ),
}
