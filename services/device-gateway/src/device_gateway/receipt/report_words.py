"""What stands on reports and slips of cash moves, in German and in English."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from device_gateway.receipt.document import Language


@dataclass(frozen=True, slots=True)
class ReportWords:
    """One language. Business cases keep the names that DSFinV-K gives them: they are looked up."""

    z_report: str
    x_report: str
    x_note: str
    process: str
    business_day: str
    opened: str
    closed: str
    cases: str
    key: str
    by_rate: str
    sum: str
    payments: str
    drawer: str
    opening: str
    expected: str
    counted: str
    not_counted: str
    automatic: str
    difference: str
    counted_by: str
    skimmed: str
    left: str
    corrections: str
    none: str
    left_out: str
    """With `{count}`."""
    by: str
    approved_by: str
    processes: str
    grand_total: str
    signature: str
    reason: str
    into: str
    out_of: str
    correction_kinds: Mapping[str, str]
    process_kinds: Mapping[str, str]
    cash_kinds: Mapping[str, str]


GERMAN = ReportWords(
    z_report="Z-BERICHT {number}",
    x_report="X-BERICHT",
    x_note="Zwischenstand - kein Kassenabschluss",
    process="Vorgang",
    business_day="Geschäftstag",
    opened="Geöffnet",
    closed="Geschlossen",
    cases="Geschäftsvorfälle",
    key="Schl.",
    by_rate="Nach Steuersatz",
    sum="Summe",
    payments="Zahlarten",
    drawer="Kassenbestand",
    opening="Anfangsbestand",
    expected="Soll",
    counted="Gezählt",
    not_counted="nicht gezählt",
    automatic="automatisch, ohne Zählung",
    difference="Differenz",
    counted_by="Gezählt von",
    skimmed="Abgeschöpft",
    left="Bleibt in der Kasse",
    corrections="Erlasse/Stornos",
    none="keine",
    left_out="… und {count} weitere",
    by="durch",
    approved_by="freigegeben von",
    processes="Vorgänge",
    grand_total="Umsatz seit Beginn",
    signature="Unterschrift",
    reason="Grund",
    into="Einzahlung in die Kasse",
    out_of="Auszahlung aus der Kasse",
    correction_kinds={
        "cancellation": "Storno",
        "return": "Rücknahme",
        "waiver": "Verschenkter Gutschein",
        "discount": "Rabatt",
        "abort": "Abbruch",
        "line_void": "Zeilenstorno",
        "payout": "Gutschein-Auszahlung",
        "price_change": "Preisänderung",
    },
    process_kinds={
        "sale": "Verkauf",
        "return": "Rücknahme",
        "cancellation": "Storno",
        "payout": "Gutschein-Auszahlung",
        "training": "Training (zählt nicht)",
        "aborted": "Abbruch",
        "order": "Bestellung",
        "cash": "Bargeldbewegung",
        "closing": "Kassenabschluss",
    },
    cash_kinds={
        "opening_float": "ANFANGSBESTAND",
        "transit_in": "WECHSELGELD",
        "transit_out": "ABSCHÖPFUNG",
        "owner_in": "PRIVATEINLAGE",
        "owner_out": "PRIVATENTNAHME",
        "wage": "LOHNZAHLUNG",
        "paid_in": "EINZAHLUNG",
        "paid_out": "AUSZAHLUNG",
        "tip_out": "TRINKGELD-AUSZAHLUNG",
        "difference": "KASSENDIFFERENZ",
    },
)

ENGLISH = ReportWords(
    z_report="Z REPORT {number}",
    x_report="X REPORT",
    x_note="So far - not a closing",
    process="Process",
    business_day="Business day",
    opened="Opened",
    closed="Closed",
    cases="Business cases",
    key="Key",
    by_rate="By VAT rate",
    sum="Sum",
    payments="Payments",
    drawer="Cash in drawer",
    opening="At the beginning",
    expected="Expected",
    counted="Counted",
    not_counted="not counted",
    automatic="by the clock, not counted",
    difference="Difference",
    counted_by="Counted by",
    skimmed="To the safe",
    left="Stays in the drawer",
    corrections="Waivers/cancellations",
    none="none",
    left_out="… and {count} more",
    by="by",
    approved_by="approved by",
    processes="Processes",
    grand_total="Turnover since the start",
    signature="Signature",
    reason="Reason",
    into="Paid into the drawer",
    out_of="Paid out of the drawer",
    correction_kinds={
        "cancellation": "Cancellation",
        "return": "Return",
        "waiver": "Donated voucher",
        "discount": "Discount",
        "abort": "Aborted",
        "line_void": "Line voided",
        "payout": "Voucher paid out",
        "price_change": "Price changed",
    },
    process_kinds={
        "sale": "Sales",
        "return": "Returns",
        "cancellation": "Cancellations",
        "payout": "Vouchers paid out",
        "training": "Training (not counted)",
        "aborted": "Aborted",
        "order": "Orders",
        "cash": "Cash moves",
        "closing": "Closing",
    },
    cash_kinds={
        "opening_float": "OPENING FLOAT",
        "transit_in": "CHANGE MONEY",
        "transit_out": "TO THE SAFE",
        "owner_in": "OWNER PAYS IN",
        "owner_out": "OWNER TAKES OUT",
        "wage": "WAGES",
        "paid_in": "PAID IN",
        "paid_out": "PAID OUT",
        "tip_out": "TIPS PAID OUT",
        "difference": "CASH DIFFERENCE",
    },
)


def report_words(language: Language) -> ReportWords:
    """The texts of a language."""
    return ENGLISH if language == "en" else GERMAN
