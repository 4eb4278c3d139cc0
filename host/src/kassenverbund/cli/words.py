"""What the command line says: English in the code, German from this table."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

LANGUAGES = ("en", "de")

GERMAN: Mapping[str, str] = {
    "The backbone behind the tills of a chain.": "Das Rückgrat hinter den Kassen einer Kette.",
    "Start everything on this machine and stay up.": (
        "Alles auf diesem Rechner starten und laufen lassen."
    ),
    "Start single services (a store box, a cluster).": (
        "Einzelne Dienste starten (Filialrechner, Cluster)."
    ),
    "Play the demo scene on a chain of its own, and end.": (
        "Die Vorführung auf einer eigenen Kette spielen und enden."
    ),
    "Prove that the logs are whole: no gap, no changed byte.": (
        "Beweisen, dass die Protokolle vollständig sind: keine Lücke, kein geändertes Byte."
    ),
    "Records that could not be handled.": "Nachrichten, die nicht verarbeitet werden konnten.",
    "The events of a service's log.": "Die Ereignisse im Protokoll eines Dienstes.",
    "Make a bearer token.": "Ein Zugangs-Token ausstellen.",
    "Bring the database up to date.": "Die Datenbank auf den neuen Stand bringen.",
    "The chain's declaration.": "Die Beschreibung der Kette.",
    "Write or check the published schemas.": "Die veröffentlichten Schemata schreiben oder prüfen.",
    "de or en (otherwise from LANG)": "de oder en (sonst aus LANG)",
    "for scripts: JSON on standard output": "für Skripte: JSON auf der Standardausgabe",
    "services, all if none is named": "Dienste; ohne Angabe alle",
    "services to run": "Dienste, die laufen sollen",
    "postgres or kafka (a local broker, or KAFKA_BOOTSTRAP)": (
        "postgres oder kafka (ein Broker auf diesem Rechner oder KAFKA_BOOTSTRAP)"
    ),
    "do not play the demo scene on the first start": (
        "die Vorführung beim ersten Start nicht spielen"
    ),
    "where to keep the demo's data (otherwise a temporary folder)": (
        "wo die Daten der Vorführung bleiben (sonst ein vorläufiger Ordner)"
    ),
    "service": "Dienst",
    "position in the log": "Position im Protokoll",
    "id of the parked record": "Kennung der geparkten Nachricht",
    "why it is discarded (recorded as an event)": (
        "warum sie verworfen wird (wird als Ereignis festgehalten)"
    ),
    "go on showing what is recorded": "weiter zeigen, was aufgezeichnet wird",
    "only events of this stream": "nur Ereignisse dieses Stroms",
    "how many of the newest": "wie viele der neuesten",
    "role; may be repeated": "Rolle; mehrfach möglich",
    "only for this store": "nur für diese Filiale",
    "valid for so many hours": "so viele Stunden gültig",
    "who it is for": "für wen es ist",
    "change nothing; fail where a file is not as the code says": (
        "nichts ändern; scheitern, wo eine Datei nicht zum Code passt"
    ),
    "the chain's file": "die Datei der Kette",
    "List parked records.": "Geparkte Nachrichten auflisten.",
    "Show one parked record.": "Eine geparkte Nachricht zeigen.",
    "Handle a parked record and those behind it again.": (
        "Eine geparkte Nachricht und die dahinter wartenden erneut verarbeiten."
    ),
    "Give a parked record up; what waits behind it is free.": (
        "Eine geparkte Nachricht aufgeben; was dahinter wartet, wird frei."
    ),
    "Show the newest events.": "Die neuesten Ereignisse zeigen.",
    "Show one event whole.": "Ein Ereignis ganz zeigen.",
    "Check a chain.yaml; print its JSON Schema with --schema.": (
        "Eine chain.yaml prüfen; mit --schema ihr JSON-Schema ausgeben."
    ),
    "print the JSON Schema and end": "das JSON-Schema ausgeben und enden",
    # what it says while it works
    "Kassenverbund is up": "Kassenverbund läuft",
    "Address": "Adresse",
    "Trust this CA": "Dieser CA vertrauen",
    "Printed receipts": "Gedruckte Belege",
    "Try it": "Ausprobieren",
    "Stop with Ctrl-C.": "Mit Strg-C beenden.",
    "Token": "Token",
    "starting …": "startet …",
    "The demo scene was played.": "Die Vorführung wurde gespielt.",
    "There is no demo scene in this program.": "In diesem Programm ist keine Vorführung.",
    "stopped because of a failure": "wegen eines Fehlers beendet",
    "whole": "vollständig",
    "BROKEN": "GEBROCHEN",
    "events": "Ereignisse",
    "Service": "Dienst",
    "Result": "Ergebnis",
    "checked": "geprüft",
    "is valid": "ist gültig",
    "stores": "Filialen",
    "TSEs": "TSEs",
    "nothing to do": "nichts zu tun",
    "files ran": "Dateien ausgeführt",
    "nothing is parked": "nichts ist geparkt",
    "handled": "verarbeitet",
    "still parked": "weiter geparkt",
    "discarded": "verworfen",
    "there is no such event": "dieses Ereignis gibt es nicht",
    "there is no such parked record": "diese geparkte Nachricht gibt es nicht",
    "up to date": "auf dem neuen Stand",
    "differs": "weicht ab",
    "written": "geschrieben",
    "Lane": "Spur",
    "Event": "Ereignis",
    "Reason": "Grund",
    "Waiting": "Wartend",
    "Tries": "Versuche",
}

_language = "en"


def choose_language(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """`--lang` where it is given, otherwise what the terminal is set to."""
    for index, argument in enumerate(arguments):
        if argument.startswith("--lang="):
            return _known(argument.removeprefix("--lang="))
        if argument == "--lang" and index + 1 < len(arguments):
            return _known(arguments[index + 1])
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if environment.get(name):
            return _known(environment[name])
    return "en"


def _known(name: str) -> str:
    return "de" if name.lower().startswith("de") else "en"


def speak(arguments: Sequence[str]) -> None:
    """Settle the language of this process."""
    global _language
    _language = choose_language(arguments, os.environ)


def say(english: str) -> str:
    """`english`, or its German where that is spoken."""
    return GERMAN[english] if _language == "de" and english in GERMAN else english
