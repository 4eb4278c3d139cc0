"""What the command line says: English in the code, German from this table."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Literal

from kassenverbund.cli.words_articles import ARTICLES_GERMAN
from kassenverbund.cli.words_cashiers import CASHIERS_GERMAN
from kassenverbund.cli.words_exports import EXPORT_GERMAN
from kassenverbund.cli.words_fiscal import FISCAL_GERMAN
from kassenverbund.cli.words_simulate import SIMULATE_GERMAN

LANGUAGES = ("en", "de")

GERMAN: Mapping[str, str] = {
    **FISCAL_GERMAN,
    **EXPORT_GERMAN,
    **ARTICLES_GERMAN,
    **CASHIERS_GERMAN,
    **SIMULATE_GERMAN,
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
    "Cost centers, companies and cards.": "Kostenstellen, Firmen und Karten.",
    "Take companies, groups, centers or cards over from a CSV file: all rows, or none.": (
        "Firmen, Gruppen, Kostenstellen oder Karten aus einer CSV-Datei übernehmen:"
        " alle Zeilen oder keine."
    ),
    "Write all of one kind to a CSV file that an import takes.": (
        "Alles einer Art in eine CSV-Datei schreiben, die sich wieder einlesen lässt."
    ),
    "List cost centers with their state.": "Kostenstellen mit ihrem Zustand auflisten.",
    "what the file holds": "was die Datei enthält",
    "where the file goes (must not exist)": "wohin die Datei kommt (es darf sie nicht geben)",
    "only centers of this company": "nur Kostenstellen dieser Firma",
    "changes recorded": "Änderungen festgehalten",
    "rows": "Zeilen",
    "Number": "Nummer",
    "Name": "Name",
    "State": "Zustand",
    "Company": "Firma",
    "Cards": "Karten",
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
    "with the role company: which one": "bei der Rolle company: welche Firma",
    "The VAT table beside what an outside service tells.": (
        "Die Steuertabelle neben dem, was ein fremder Dienst meldet."
    ),
    "Compare now. Exit code 1: they differ; 2: the service gave no usable answer.": (
        "Jetzt vergleichen. Exit-Code 1: sie weichen ab;"
        " 2: der Dienst gab keine brauchbare Antwort."
    ),
    "Write the proposed rates into the chain's file, from tomorrow on at the earliest.": (
        "Die vorgeschlagenen Sätze in die Datei der Kette schreiben, frühestens ab morgen."
    ),
    "only print the rows; write nothing": "die Zeilen nur ausgeben; nichts schreiben",
    "VAT key": "Steuersatz",
    "From": "Ab",
    "Ours": "Unserer",
    "Theirs": "Gemeldet",
    "Difference": "Abweichung",
    "agrees": "stimmt überein",
    "no tax, not compared": "ohne Steuer, nicht verglichen",
    "concerns a day that is open or past": "betrifft einen offenen oder vergangenen Tag",
    "upcoming; can be accepted": "kommt erst; kann übernommen werden",
    "the service leaves it out": "der Dienst lässt ihn aus",
    "nothing to accept": "nichts zu übernehmen",
    "in force from the day in the row, if the program is started anew before it": (
        "in Kraft ab dem Tag in der Zeile, wenn das Programm davor neu gestartet wird"
    ),
    "the chain's file names no vat_source": "die Datei der Kette nennt keine vat_source",
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
    "Vouchers in large numbers.": "Gutscheine in großer Zahl.",
    "Print blank cards: order a run, wait for it, fetch the codes once.": (
        "Blanko-Karten drucken: einen Druckauftrag geben, abwarten, die Codes einmal abholen."
    ),
    "Take vouchers over from a CSV file: all of them, or none.": (
        "Gutscheine aus einer CSV-Datei übernehmen: alle oder keinen."
    ),
    "Write all vouchers to a file that another installation imports.": (
        "Alle Gutscheine in eine Datei schreiben, die eine andere Installation übernimmt."
    ),
    "End the cards of a run that were never sold.": (
        "Die nie verkauften Karten eines Druckauftrags ungültig machen."
    ),
    "id of the run, your choice": "Kennung des Druckauftrags, frei gewählt",
    "id of the run": "Kennung des Druckauftrags",
    "how many cards": "wie viele Karten",
    "template of the cards": "Vorlage der Karten",
    "who issues the vouchers": "wer die Gutscheine ausgibt",
    "where the codes go (must not exist)": "wohin die Codes kommen (darf es noch nicht geben)",
    "where the vouchers go (must not exist)": (
        "wohin die Gutscheine kommen (darf es noch nicht geben)"
    ),
    "fixed value, for example 25.00": "fester Wert, zum Beispiel 25.00",
    "address of the program": "Adresse des Programms",
    "CSV in UTF-8": "CSV in UTF-8",
    "how many vouchers the file holds": "wie viele Gutscheine in der Datei stehen",
    "sum of their balances, for example 3480.50": ("Summe ihrer Restwerte, zum Beispiel 3480.50"),
    "issuer of rows that name none": "Aussteller für Zeilen ohne eigene Angabe",
    "only say what would be refused": "nur sagen, was abgelehnt würde",
    "why it is voided (recorded as an event)": (
        "warum er ungültig gemacht wird (wird als Ereignis festgehalten)"
    ),
    # what it says while it works
    "cards": "Karten",
    "vouchers": "Gutscheine",
    "taken over": "übernommen",
    "voided": "ungültig gemacht",
    "KiB sent": "KiB gesendet",
    "Line": "Zeile",
    "Column": "Spalte",
    "lines are refused": "Zeilen werden abgelehnt",
    "the file holds something else": "in der Datei steht etwas anderes",
    "nothing would be refused": "nichts würde abgelehnt",
    "not an amount": "kein Betrag",
    "the file did not arrive whole; ask again": (
        "die Datei kam nicht vollständig an; bitte noch einmal"
    ),
    "it takes too long; ask again later": "es dauert zu lange; später noch einmal fragen",
    "some are being sold or paid with right now; close the tills and export again": (
        "manche werden gerade verkauft oder eingelöst; Kassen schließen und noch einmal ausführen"
    ),
    "Kassenverbund is up": "Kassenverbund läuft",
    "Address": "Adresse",
    "Trust this CA": "Dieser CA vertrauen",
    "Printed receipts": "Gedruckte Belege",
    "Try it": "Ausprobieren",
    "Web till": "Webkasse",
    "Its pairing code (10 min)": "Ihr Kopplungscode (10 min)",
    "Stop with Ctrl-C.": "Mit Strg-C beenden.",
    "Token": "Token",
    "starting …": "startet …",
    "The demo scene was played.": "Die Vorführung wurde gespielt.",
    "There is no demo scene in this program.": "In diesem Programm ist keine Vorführung.",
    "stopped because of a failure": "wegen eines Fehlers beendet",
    "whole": "vollständig",
    "BROKEN": "GEBROCHEN",
    "not in this database": "nicht in dieser Datenbank",
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
    "The named policies that are in force.": "Die geltenden benannten Festlegungen.",
    "Write what is in force, with dates and sources (annex to the documentation).": (
        "Schreiben, was gilt, mit Daten und Quellen (Anlage zur Verfahrensdokumentation)."
    ),
    "md for people, csv for tables": "md für Menschen, csv für Tabellen",
    "where the file goes": "wohin die Datei kommt",
    "also read since when, from the recorded events": (
        "auch lesen, seit wann, aus den aufgezeichneten Ereignissen"
    ),
    "no such store (there are:": "diese Filiale gibt es nicht (es gibt:",
    # verdicts of `fiscal verify`
    "What tax inspectors want to know.": "Was die Betriebsprüfung wissen will.",
    "certificate of a TSE (for single log messages)": (
        "Zertifikat einer TSE (für einzelne Log-Nachrichten)"
    ),
    "certificate of a root that is trusted": "Zertifikat einer Wurzel, der vertraut wird",
    "serial number of a TSE (64 hex digits); others' signatures are wrong": (
        "Seriennummer einer TSE (64 Hexziffern); Signaturen anderer gelten als falsch"
    ),
    "the export was filtered: counters may be missing": (
        "der Export wurde gefiltert: Zähler dürfen fehlen"
    ),
    "not 64 hex digits": "keine 64 Hexziffern",
    "receipt code": "Belegcode",
    "not an event": "kein Ereignis",
    "more (--json shows all)": "weitere (--json zeigt alle)",
    "passed": "bestanden",
    "NOT PASSED": "NICHT BESTANDEN",
    "right": "richtig",
    "note": "Hinweise",
    "undecided": "unentschieden",
    "wrong": "falsch",
    "the signature is right": "die Signatur stimmt",
    "the certificate chain leads to a given root": (
        "die Zertifikatskette führt zu einer angegebenen Wurzel"
    ),
    "the chain ends at a root that nobody vouches for here (--root)": (
        "die Kette endet an einer Wurzel, für die hier niemand bürgt (--root)"
    ),
    "the issuer's certificate is in the TSE's export, not here": (
        "das Zertifikat des Ausstellers steht im Export der TSE, nicht hier"
    ),
    "by its own word a device that is not certified": (
        "nach eigener Angabe ein nicht zertifiziertes Gerät"
    ),
    "there is no readable info.csv": "es gibt keine lesbare info.csv",
    "there is no log message in it": "es ist keine Log-Nachricht darin",
    "this file does not belong into an export": "diese Datei gehört nicht in einen Export",
    "the file name has another form than the standard says": (
        "der Dateiname hat eine andere Form als im Standard"
    ),
    "the process type is none of the standard's": "die Vorgangsart ist keine des Standards",
    "the process data does not have the form of DSFinV-K": (
        "die Vorgangsdaten haben nicht die Form der DSFinV-K"
    ),
    "taxed amounts and payments differ (tips, for example)": (
        "Umsätze und Zahlungen weichen voneinander ab (etwa durch Trinkgeld)"
    ),
    "transactions that were started and not finished": "begonnene, nicht beendete Transaktionen",
    "missing counters, as in an export that was filtered": (
        "fehlende Zähler, wie in einem gefilterten Export"
    ),
    "a signature of a kind that cannot be checked here": (
        "eine Signatur, deren Verfahren hier nicht geprüft werden kann"
    ),
    "a certificate that cannot be read here": "ein Zertifikat, das hier nicht gelesen werden kann",
    "the certificate of the issuer is missing (--root)": (
        "das Zertifikat des Ausstellers fehlt (--root)"
    ),
    "malformed": "fehlerhaft aufgebaut",
    "the archive ends in the middle": "das Archiv endet mittendrin",
    "the signature is WRONG": "die Signatur ist FALSCH",
    "no certificate has the key that signed this": (
        "kein Zertifikat hat den Schlüssel, mit dem signiert wurde"
    ),
    "signed with another key than the expected one": (
        "mit einem anderen als dem erwarteten Schlüssel signiert"
    ),
    "the public key cannot be one": "der öffentliche Schlüssel kann keiner sein",
    "signature counters are missing": "Signaturzähler fehlen",
    "a signature counter that was used twice": "ein doppelt vergebener Signaturzähler",
    "the log time goes back": "die Log-Zeit springt zurück",
    "transaction numbers are missing": "Transaktionsnummern fehlen",
    "a transaction that was started or ended twice": (
        "eine doppelt begonnene oder beendete Transaktion"
    ),
    "the file name says something else than the content": (
        "der Dateiname sagt etwas anderes als der Inhalt"
    ),
    "the file name is not the hash of the certificate's key": (
        "der Dateiname ist nicht der Hash des Zertifikatsschlüssels"
    ),
    "a certificate was not valid at the time of a log message": (
        "ein Zertifikat war zur Zeit einer Log-Nachricht nicht gültig"
    ),
    "a certificate was not issued by the one that it names": (
        "ein Zertifikat wurde nicht von dem genannten Aussteller ausgestellt"
    ),
    "the chain leads to another root than the given ones": (
        "die Kette führt zu einer anderen als den angegebenen Wurzeln"
    ),
    "the receipt code says something else than the signed log message": (
        "der Belegcode sagt etwas anderes als die signierte Log-Nachricht"
    ),
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


def language() -> Literal["de", "en"]:
    """The language of this process."""
    return "de" if _language == "de" else "en"


def say(english: str) -> str:
    """`english`, or its German where that is spoken."""
    return GERMAN[english] if _language == "de" and english in GERMAN else english
