"""What the settings of `chain.yaml` mean that a tax adviser or a lawyer may decide otherwise."""

from __future__ import annotations

from typing import Literal, NamedTuple

from kassenverbund.kit.fiscal_cases import Text

Unit = Literal["years", "months", "days", "hours", "seconds", "money", "digits", "yes", "word"]


class Meaning(NamedTuple):
    """Of one setting."""

    what: Text
    unit: Unit
    source: str = ""


def _means(en: str, de: str, unit: Unit, source: str = "") -> Meaning:
    return Meaning(Text(en, de), unit, source)


WORDS: dict[str, Text] = {
    "supply": Text("under the key of the goods", "unter dem Schlüssel der Ware"),
    "not_taxable": Text("not taxable (key 5)", "nicht steuerbar (Schlüssel 5)"),
    "undetermined": Text("VAT not determinable (key 7)", "USt nicht ermittelbar (Schlüssel 7)"),
    "warn": Text("warned of", "mit Hinweis angenommen"),
    "refuse": Text("refused", "abgelehnt"),
    "cap": Text("taken within caps", "bis zu Höchstbeträgen angenommen"),
}
"""Values that are words."""

MEANINGS: dict[str, Meaning] = {
    "vouchers.validity_years": _means(
        "Validity: end of the n-th year after the sale", "Gültig bis Ende des n-ten Jahres nach"
        " dem Verkauf", "years", "BGB §§ 195, 199"),
    "vouchers.across_entities": _means(
        "Vouchers of another legal entity of the chain are taken", "Gutscheine eines anderen"
        " Unternehmens der Kette werden angenommen", "yes", "ZAG § 2"),
    "vouchers.value_max": _means("Largest value of a voucher", "Höchster Wert eines Gutscheins",
                                 "money"),
    "vouchers.balance_max": _means(
        "Largest balance after top-ups and transfers", "Höchstes Guthaben nach Aufladung und"
        " Übertragung", "money"),
    "vouchers.payout_max": _means("Most that is paid out in cash at once", "Höchste Barauszahlung"
                                  " auf einmal", "money", "KWG § 25i (2)"),
    "vouchers.foreign_codes": _means("Short codes of another system are taken", "Kurze Codes eines"
                                     " anderen Systems werden angenommen", "yes"),
    "vouchers.replace_weak_codes": _means(
        "A short code is replaced at its first use", "Ein kurzer Code wird bei der ersten Nutzung"
        " ersetzt", "yes"),
    "vouchers.remainder_slip": _means(
        "What is left is printed on a slip of its own", "Restguthaben auf eigenem Zettel"
        " gedruckt", "yes"),
    "vouchers.revived_months": _means(
        "Usable after its last day, when goods come back", "Nach Ablauf nutzbar, wenn Ware"
        " zurückkommt", "months"),
    "vouchers.offline_cap": _means("Most that a new voucher pays without a line", "Höchstbetrag"
                                   " neuer Gutscheine ohne Verbindung", "money"),
    "accounts.balance_max": _means("Largest credit of an account", "Höchstes Guthaben eines Kontos",
                                   "money", "KWG § 25i (2)"),
    "accounts.load_per_month": _means("Most that is loaded in a month", "Höchste Aufladung im"
                                      " Monat", "money", "KWG § 25i (2)"),
    "accounts.payout_max": _means("Largest rest returned in cash", "Höchste Barauszahlung eines"
                                  " Rests", "money", "KWG § 25i (2)"),
    "accounts.validity_years": _means(
        "Validity: end of the n-th year after the load", "Gültig bis Ende des n-ten Jahres nach"
        " der Aufladung", "years", "BGB §§ 195, 199"),
    "accounts.settlement_s": _means("Time to record a settlement", "Frist, eine Abrechnung"
                                    " aufzuzeichnen", "seconds"),
    "accounts.private_webhooks": _means("Webhooks may go to private addresses", "Webhooks auch an"
                                        " private Adressen", "yes"),
    "cost_centers.receivable_vat": _means(
        "VAT key of a receivable", "Steuerschlüssel einer Forderung", "word",
        "DSFinV-K 2.4, Forderungsentstehung"),
    "cost_centers.subsidy_vat": _means("VAT key of a subsidy", "Steuerschlüssel eines Zuschusses",
                                       "word", "DSFinV-K 2.4, ZuschussEcht; UStAE 10.2"),
    "cost_centers.center_number_digits": _means("Usual length of a center's number", "Übliche Länge"
                                                " einer Kostenstellennummer", "digits"),
    "cost_centers.longer_numbers": _means("Longer numbers are", "Längere Nummern werden", "word"),
    "cost_centers.months_close_after_days": _means("A month is closed so long after its end",
                                                   "Ein Monat wird nach seinem Ende geschlossen"
                                                   " nach", "days"),
    "cost_centers.hold_s": _means("A charge waits for its booking", "Eine Belastung wartet auf"
                                  " ihren Beleg", "seconds"),
    "cost_centers.lease_max_hours": _means("A store without a line uses its share of the limits",
                                           "Eine Filiale ohne Verbindung nutzt ihren Anteil an den"
                                           " Grenzen", "hours"),
    "cost_centers.signature_line": _means("The slip has a line to sign on", "Der Beleg hat eine"
                                          " Unterschriftszeile", "yes"),
    "cost_centers.slip": _means("Each charge and each delivery on account gets a slip of its own",
                                "Jede Belastung und jede Lieferung auf Rechnung bekommt einen"
                                " eigenen Beleg", "yes"),
}  # fmt: skip

UNITS: dict[Unit, Text] = {
    "years": Text("years", "Jahre"),
    "months": Text("months", "Monate"),
    "days": Text("days", "Tage"),
    "hours": Text("hours", "Stunden"),
    "seconds": Text("seconds", "Sekunden"),
    "digits": Text("digits", "Stellen"),
}
