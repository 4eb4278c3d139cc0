"""German for what `fiscal verify` says of a DSFinV-K export: its rules and its notes."""

from __future__ import annotations

from collections.abc import Mapping

from kassenverbund.fiscal.verdicts import BREACH

_RULES: Mapping[str, str] = {
    "index.xml is valid against gdpdu-01-09-2004.dtd": (
        "index.xml ist gültig nach gdpdu-01-09-2004.dtd"
    ),
    "gdpdu-01-09-2004.dtd is the authority's": (
        "gdpdu-01-09-2004.dtd ist die der Finanzverwaltung"
    ),
    "index.xml declares tables and columns as DSFinV-K does": (
        "index.xml beschreibt Tabellen und Spalten wie die DSFinV-K"
    ),
    "every declared file and every needed table is there": (
        "jede beschriebene Datei und jede nötige Tabelle ist da"
    ),
    "rows have the declared form (UTF-8, CRLF, columns, lengths, numbers)": (
        "Zeilen haben die beschriebene Form (UTF-8, CRLF, Spalten, Längen, Zahlen)"
    ),
    "fixed words are those of DSFinV-K": "feste Wörter sind die der DSFinV-K",
    "times are ISO 8601 with an offset": "Zeiten sind nach ISO 8601 mit Zeitzone",
    "nothing ends before it begins, and no BON after its closing": (
        "nichts endet vor seinem Beginn, und kein Bon nach seinem Kassenabschluss"
    ),
    "every row belongs to a closing of cashpointclosing.csv": (
        "jede Zeile gehört zu einem Kassenabschluss in cashpointclosing.csv"
    ),
    "a closing has one till, a place and VAT rates": (
        "ein Kassenabschluss hat eine Kasse, einen Ort und Steuersätze"
    ),
    "the Z numbers of a till have no gap": "die Z-Nummern einer Kasse sind lückenlos",
    "a till's closings follow each other in time": (
        "die Abschlüsse einer Kasse folgen zeitlich aufeinander"
    ),
    "Z_START_ID and Z_ENDE_ID are the first and the last BON": (
        "Z_START_ID und Z_ENDE_ID sind der erste und der letzte Bon"
    ),
    "a closing has business cases, payments and currencies, or none of them": (
        "ein Abschluss hat Geschäftsvorfälle, Zahlarten und Währungen, oder nichts davon"
    ),
    "businesscases.csv is the sum of the closing's lines": (
        "businesscases.csv ist die Summe der Positionen des Abschlusses"
    ),
    "payment.csv is the sum of the closing's payments": (
        "payment.csv ist die Summe der Zahlungen des Abschlusses"
    ),
    "Z_SE_ZAHLUNGEN and Z_SE_BARZAHLUNGEN are the sums of the payments": (
        "Z_SE_ZAHLUNGEN und Z_SE_BARZAHLUNGEN sind die Summen der Zahlungen"
    ),
    "cash_per_currency.csv is the sum of the cash payments": (
        "cash_per_currency.csv ist die Summe der Barzahlungen"
    ),
    "every row belongs to a BON and a line that are there": (
        "jede Zeile gehört zu einem vorhandenen Bon und einer vorhandenen Position"
    ),
    "a BON_ID stands once per till, and a line once per BON": (
        "eine BON_ID steht einmal je Kasse, eine Position einmal je Bon"
    ),
    "the BON numbers of a till have no gap": "die Bonnummern einer Kasse sind lückenlos",
    "other processes (AVSonstige) have a BON_NAME": (
        "sonstige Vorgänge (AVSonstige) haben einen BON_NAME"
    ),
    "BON_STORNO and AVBelegstorno do not occur beside a TSE": (
        "BON_STORNO und AVBelegstorno kommen neben einer TSE nicht vor"
    ),
    "gross less net is the tax": "Brutto weniger Netto ist die Steuer",
    "the tax is the rate's": "die Steuer ist die des Satzes",
    "every VAT key stands in vat.csv": "jeder Umsatzsteuerschlüssel steht in vat.csv",
    "a VAT key has its legal rate": "ein Umsatzsteuerschlüssel hat seinen gesetzlichen Satz",
    "the lines of a BON add up to its sums per VAT key": (
        "die Positionen eines Bons ergeben seine Summen je Umsatzsteuerschlüssel"
    ),
    "business cases that are not taxable have the VAT key 5": (
        "nicht steuerbare Geschäftsvorfälle haben den Umsatzsteuerschlüssel 5"
    ),
    "the sums per VAT key add up to UMS_BRUTTO": (
        "die Summen je Umsatzsteuerschlüssel ergeben UMS_BRUTTO"
    ),
    "the payments of a Beleg add up to UMS_BRUTTO": (
        "die Zahlungen eines Belegs ergeben UMS_BRUTTO"
    ),
    "quantity times price is the line's amount": "Menge mal Preis ist der Betrag der Position",
    "the parts of a price add up to the line's amount": (
        "die Teile eines Preises ergeben den Betrag der Position"
    ),
    "a reference names what it refers to": "eine Referenz nennt, worauf sie verweist",
    "a reference leads to a BON that is there": ("eine Referenz führt zu einem vorhandenen Bon"),
    "a settled claim or down payment refers to where it arose": (
        "eine aufgelöste Forderung oder Anzahlung verweist auf ihre Entstehung"
    ),
    "every terminal other than the till stands in slaves.csv": (
        "jedes Terminal außer der Kasse steht in slaves.csv"
    ),
    "every agency stands in pa.csv": "jede Agentur steht in pa.csv",
    "every TSE_ID stands in tse.csv": "jede TSE_ID steht in tse.csv",
    "a TSE's serial number is the hash of its key, and its certificate holds the key": (
        "die Seriennummer einer TSE ist der Hash ihres Schlüssels,"
        " und ihr Zertifikat enthält den Schlüssel"
    ),
    "every BON has its TSE transaction, or says why not": (
        "jeder Bon hat seine TSE-Transaktion oder sagt, warum nicht"
    ),
    "the signed process is of the BON's kind": "der signierte Vorgang ist von der Art des Bons",
    "the signed sums are the BON's sums": "die signierten Summen sind die des Bons",
    "the signed payments are the BON's payments": "die signierten Zahlungen sind die des Bons",
    "the signed order is the BON's lines": (
        "die signierte Bestellung sind die Positionen des Bons"
    ),
    "the signature over a BON is right": "die Signatur über einen Bon stimmt",
    "no transaction number stands twice": "keine Transaktionsnummer steht doppelt",
    "no signature counter stands twice": "kein Signaturzähler steht doppelt",
    "log time does not go back from counter to counter": (
        "die Log-Zeit springt von Zähler zu Zähler nicht zurück"
    ),
    "what is signed here stands in the TSE's export": (
        "was hier signiert ist, steht im Export der TSE"
    ),
    "the start time is that of the start's log message": (
        "die Startzeit ist die der Log-Nachricht des Starts"
    ),
    "what the TSE signed for these tills is here, or is explained": (
        "was die TSE für diese Kassen signierte, ist hier oder ist erklärt"
    ),
}

FISCAL_GERMAN: Mapping[str, str] = {
    **_RULES,
    **{BREACH + rule: "gilt NICHT: " + german for rule, german in _RULES.items()},
    "this table is none of DSFinV-K": "diese Tabelle ist keine der DSFinV-K",
    "this table is not declared in index.xml": "diese Tabelle ist in index.xml nicht beschrieben",
    "this file is none of DSFinV-K": "diese Datei ist keine der DSFinV-K",
    "a column that is none of DSFinV-K": "eine Spalte, die keine der DSFinV-K ist",
    "not signed, and the reason is given": "nicht signiert, mit Angabe des Grundes",
    "signed, and a failure was noted": "signiert, und ein Fehler wurde vermerkt",
    "the process data is cut: the signature cannot be checked": (
        "die Vorgangsdaten sind gekürzt: die Signatur kann nicht geprüft werden"
    ),
    "goods taken back without a reference": "Ware zurückgenommen ohne Referenz",
    "the reference leads out of this export": "die Referenz führt aus diesem Export hinaus",
    "a voucher without its number": "ein Gutschein ohne seine Nummer",
    "the export of this TSE was not given (--tar)": (
        "der Export dieser TSE wurde nicht angegeben (--tar)"
    ),
    "signed without a BON, as the export explains": "signiert ohne Bon, wie der Export erklärt",
    "an aborted transaction without a BON": "eine abgebrochene Transaktion ohne Bon",
    "there is no closing in it": "es ist kein Kassenabschluss darin",
    "these tables cannot be judged further": "diese Tabellen können nicht weiter geprüft werden",
    "more breaches of the same rule": "weitere Verstöße gegen dieselbe Regel",
    "export of a TSE (TAR) to compare a DSFinV-K export with": (
        "Export einer TSE (TAR) zum Abgleich mit einem DSFinV-K-Export"
    ),
    "Verify DSFinV-K exports, TSE exports (TAR), receipt codes, log messages, or this chain's own"
    " log.": (
        "DSFinV-K-Exporte, TSE-Exporte (TAR), Belegcodes, Log-Nachrichten oder das eigene"
        " Protokoll prüfen."
    ),
    "files, folders, receipt codes (V0;…, quoted), - for standard input, or: log": (
        "Dateien, Ordner, Belegcodes (V0;… in Anführungszeichen), - für die Standardeingabe,"
        " oder: log"
    ),
    "neither a DSFinV-K export, nor a TAR archive, a log message or receipt codes": (
        "weder DSFinV-K-Export noch TAR-Archiv, Log-Nachricht oder Belegcodes"
    ),
}
