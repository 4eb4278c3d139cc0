"""What the program does whatever the chain declares: nothing here can be set."""

from __future__ import annotations

from kassenverbund.kit.fiscal_cases import Text
from kassenverbund.policies.document import Policy

RETENTION_YEARS = 10


def _rule(name: str, en: str, de: str, source: str, *, in_force: Text | None = None) -> Policy:
    return Policy(
        name=name,
        what=Text(en, de),
        in_force=in_force or Text("always", "immer"),
        source=source,
    )


BUILT_IN = (
    _rule(
        "fiscal.signing.every_process",
        "Every process with a number of its till is signed: sales, returns, cancellations, payouts,"
        " orders, cash moves, closings, training, aborted bookings; also what nobody paid cash for",
        "Jeder Vorgang mit einer Nummer seiner Kasse wird signiert: Verkauf, Rücknahme, Storno,"
        " Auszahlung, Bestellung, Bargeldbewegung, Abschluss, Training, Abbruch; auch ohne Bargeld",
        "KassenSichV § 2; AEAO zu § 146a, 1.6, 1.10, 1.11",
    ),
    _rule(
        "fiscal.signing.order",
        "A store's processes are signed in the order in which they were recorded, each TSE its own",
        "Die Vorgänge einer Filiale werden in der Reihenfolge ihrer Aufzeichnung signiert,"
        " je TSE für sich",
        "KassenSichV § 2",
    ),
    _rule(
        "fiscal.signing.never_later",
        "What could not be signed in time stays unsigned, with its reason. Nothing is signed"
        " afterwards, and nothing is booked a second time to have it signed",
        "Was nicht rechtzeitig signiert werden konnte, bleibt unsigniert, mit Grund. Nichts wird"
        " nachsigniert, nichts zum Signieren ein zweites Mal gebucht",
        "AEAO zu § 146a, 1.14, 2.7",
    ),
    _rule(
        "fiscal.outage",
        "While a TSE is out the store goes on selling. The receipt says so; beginning, end and"
        " reason of the outage are events and stand in the export (TSE_TA_FEHLER)",
        "Fällt eine TSE aus, wird weiter verkauft. Der Beleg weist darauf hin; Beginn, Ende und"
        " Grund sind aufgezeichnet und stehen im Export (TSE_TA_FEHLER)",
        "AEAO zu § 146a, 1.14.1–1.14.4",
    ),
    _rule(
        "fiscal.tse.not_certified",
        "A TSE that is not certified (test, training) is marked on every paper and in every export",
        "Eine nicht zertifizierte TSE (Test, Schulung) ist auf jedem Papier und in jedem Export"
        " gekennzeichnet",
        "KassenSichV § 5",
    ),
    _rule(
        "fiscal.tse.change",
        "A till changes its TSE only when a shift opens; why is recorded",
        "Eine Kasse wechselt ihre TSE nur bei einer Kassenöffnung; der Grund wird aufgezeichnet",
        "AEAO zu § 146a, 1.1; DSFinV-K 2.4 (Stammdatenmodul)",
    ),
    _rule(
        "fiscal.booking.correction",
        "A recorded booking is never changed. A correction is a new booking with reversed signs"
        " and a reference to the old one",
        "Ein aufgezeichneter Vorgang wird nie geändert. Eine Korrektur ist ein neuer Vorgang mit"
        " umgekehrten Vorzeichen und Verweis auf den alten",
        "AO § 146 (4); DSFinV-K 2.4",
    ),
    _rule(
        "fiscal.booking.numbers",
        "Numbers of a till have no gap, over all its processes and shifts",
        "Die Nummern einer Kasse sind lückenlos, über alle Vorgänge und Schichten",
        "AO § 146 (1); GoBD 3.2.1",
    ),
    _rule(
        "fiscal.vat.rounding",
        "VAT of a booking is computed once, on the gross sum per rate, half a cent up; the same"
        " numbers are signed, printed and exported",
        "Die Umsatzsteuer eines Belegs wird einmal gerechnet, auf die Bruttosumme je Satz,"
        " kaufmännisch gerundet; dieselben Zahlen werden signiert, gedruckt und exportiert",
        "UStG § 14 (4) Nr. 8; UStAE 14.5",
    ),
    _rule(
        "fiscal.closing",
        "Each till closes for itself, with a gapless Z number. A closing is a signed process;"
        " nothing of the shift changes after it, and nothing stays open over it",
        "Jede Kasse schließt für sich ab, mit lückenloser Z-Nummer. Der Abschluss ist ein"
        " signierter Vorgang; danach ändert sich nichts, und nichts bleibt über ihn hinweg offen",
        "DSFinV-K 2.4 (Kassenabschlussmodul); AEAO zu § 146a, 2.2.3",
    ),
    _rule(
        "fiscal.closing.master_data",
        "Addresses, VAT rates, TSEs and other master data change between two closings of a till,"
        " never within a shift",
        "Adressen, Steuersätze, TSEs und andere Stammdaten ändern sich nur zwischen zwei"
        " Abschlüssen einer Kasse, nie in einer Schicht",
        "DSFinV-K 2.4 (Stammdatenmodul)",
    ),
    _rule(
        "fiscal.cash.count",
        "Cash is counted before the answer tells what should be there; a difference is a process"
        " of its own before the closing",
        "Bargeld wird gezählt, bevor die Kasse das Soll nennt; eine Differenz ist ein eigener"
        " Vorgang vor dem Abschluss",
        "AO § 146 (1) Satz 2; DSFinV-K 2.4, DifferenzSollIst",
    ),
    _rule(
        "fiscal.receipt",
        "Every receipt has clear text and QR code; a repeat says KOPIE",
        "Jeder Beleg hat Klartext und QR-Code; eine Wiederholung trägt KOPIE",
        "KassenSichV § 6; AEAO zu § 146a, 2.4",
    ),
    _rule(
        "vouchers.buy_no_voucher",
        "No voucher and no cost center buys a voucher",
        "Mit Gutschein oder Kostenstelle wird kein Gutschein gekauft",
        "UStAE 3.17",
    ),
    _rule(
        "records.unchangeable",
        "Records are only added to, and chained by hashes (`kassenverbund verify`)",
        "Aufzeichnungen werden nur ergänzt und sind durch Prüfsummen verkettet"
        " (`kassenverbund verify`)",
        "AO § 146 (4); GoBD 8",
    ),
    _rule(
        "records.retention",
        "How long records are kept",
        "Wie lange Aufzeichnungen aufbewahrt werden",
        "AO § 147 (3)",
        in_force=Text(f"{RETENTION_YEARS} years", f"{RETENTION_YEARS} Jahre"),
    ),
    _rule(
        "records.privacy",
        "No name and no code in the records: persons by id, codes as keyed hash",
        "Kein Name und kein Code in den Aufzeichnungen: Personen als Kennung, Codes als"
        " verschlüsselte Prüfsumme",
        "DSGVO Art. 5, 25",
    ),
)
