"""What stands on paper, in German and in English, and how amounts and times are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal

from device_gateway.receipt.document import Language
from money import Money

WRITTEN_MAX = 8_192
"""Amounts and rates whose writing is kept."""


@dataclass(frozen=True, slots=True)
class Words:
    """One language. Field names say where a text stands."""

    locale: str
    date_time: str
    receipt: str
    till: str
    till_serial: str
    vat_id: str
    tax_number: str
    total: str
    net: str
    tax: str
    gross: str
    rate: str
    tendered: str
    change: str
    voucher: str
    remaining: str
    not_asked: str
    card_receipt: str
    """Of a card: what stands before the number of its receipt."""
    terminal: str
    terminal_closing: str
    delivered: str
    """Title of what is delivered on account."""
    payers: Mapping[str, str]
    payer_reference: str
    sold_voucher: str
    single_purpose: str
    taxed_before: str
    """With `{rate}`."""
    on_account: str
    invoice_follows: str
    center: str
    customer_card: str
    charged: str
    left: str
    sign_here: str
    subsidy_real: str
    subsidy_unreal: str
    including: str
    """With `{rate}`."""
    goods: str
    given: str
    copy: str
    training: str
    titles: Mapping[str, str]
    """Of a receipt that is no sale, by its kind."""
    refers: Mapping[str, str]
    """By REF_TYP; with `{number}`."""
    refers_name: str
    refers_on: str
    """With `{at}`."""
    given_back: str
    cashier: str
    first_order: str
    till_report: str
    payout_of: str
    outage: str
    outage_note: str
    pending: str
    uncertified: str
    tse: str
    transaction: str
    counter: str
    begin: str
    end: str
    signature: str
    scan_qr: str
    slip: str
    slip_value: str
    slip_serial: str
    slip_valid: str
    slip_sold: str
    slip_made: str
    remainder_slip: str
    remainder_note: str
    left_over: str
    left_note: str
    slip_code: str
    slip_terms: tuple[str, ...]
    items_heading: str
    tax_heading: str
    payment_heading: str
    fiscal_heading: str


GERMAN = Words(
    locale="de_DE",
    date_time="dd.MM.yyyy HH:mm:ss",
    receipt="Beleg",
    till="Kasse",
    till_serial="Kassen-SN",
    vat_id="USt-IdNr.",
    tax_number="Steuernr.",
    total="SUMME",
    net="Netto",
    tax="MwSt.",
    gross="Brutto",
    rate="Satz",
    tendered="Gegeben",
    change="Rückgeld",
    voucher="Gutschein",
    remaining="Restguthaben",
    card_receipt="Kartenbeleg",
    terminal="Terminal",
    terminal_closing="Kassenschnitt",
    delivered="Auf Rechnung geliefert",
    payers={"customer": "Kunde", "third_party": "Kostenträger"},
    payer_reference="Ihr Zeichen",
    not_asked="Ohne Verbindung angenommen: Das Guthaben konnte nicht abgefragt werden.",
    sold_voucher="Gutschein-Nr.",
    single_purpose="Einzweck-Gutschein",
    taxed_before="Einzweck-Gutschein, beim Kauf mit {rate} versteuert",
    on_account="Kostenstellenbeleg",
    invoice_follows="Rechnung folgt",
    center="Kostenstelle",
    customer_card="Kundenkarte",
    charged="Auf Rechnung",
    left="Noch verfügbar:",
    sign_here="Unterschrift",
    subsidy_real="echter Zuschuss",
    subsidy_unreal="unechter Zuschuss",
    including="inkl. {rate} MwSt.",
    goods="für",
    given="Geschenkter Gutschein",
    copy="KOPIE",
    training="TRAINING - KEIN BELEG",
    titles={
        "return": "RÜCKNAHME",
        "cancellation": "STORNO",
        "payout": "GUTSCHEIN-AUSZAHLUNG",
        "training": "SCHULUNG",
    },
    refers={
        "Transaktion": "zu Beleg {number}",
        "ExterneRechnung": "zu Rechnung {number}",
        "ExternerLieferschein": "zu Lieferschein {number}",
        "ExterneSonstige": "zu {number}",
    },
    refers_name="zu {name} {number}",
    refers_on="vom {at}",
    given_back="zurück",
    cashier="Bedient von",
    first_order="Erste Bestellung",
    till_report="Stand",
    payout_of="Gutschein",
    outage="TSE ausgefallen",
    outage_note="Die Technische Sicherheitseinrichtung war beim Abschluss nicht verfügbar.",
    pending="Noch nicht signiert - kein Beleg",
    uncertified="TSE nicht zertifiziert – Test/Schulung",
    tse="TSE-SN",
    transaction="TSE-Transaktion",
    counter="Signaturzähler",
    begin="Beginn",
    end="Ende",
    signature="Prüfwert",
    scan_qr="Prüfdaten nach DSFinV-K",
    slip="GUTSCHEIN",
    slip_value="Wert",
    slip_serial="Gutschein-Nr.",
    slip_valid="Gültig bis",
    slip_sold="Verkauft am",
    slip_made="Ausgestellt am",
    remainder_slip="RESTGUTSCHEIN",
    remainder_note=("Ersetzt den bisherigen Gutschein: Dessen Code ist ab sofort ungültig."),
    left_over="{amount} übrig",
    left_note="Der Gutschein selbst gilt weiter: Bitte mit diesem Zettel aufbewahren.",
    slip_code="Code",
    slip_terms=(
        "Einlösbar in allen Filialen des unten genannten Unternehmens, auch in Teilbeträgen. "
        "Das Restguthaben bleibt erhalten.",
        "Bitte wie Bargeld aufbewahren: Wer den Code kennt, kann ihn einlösen.",
    ),
    items_heading="Artikel",
    tax_heading="Mehrwertsteuer",
    payment_heading="Zahlung",
    fiscal_heading="Sicherheitseinrichtung",
)

ENGLISH = Words(
    locale="en_IE",
    date_time="d MMM yyyy HH:mm:ss",
    receipt="Receipt",
    till="Till",
    till_serial="Till serial",
    vat_id="VAT ID",
    tax_number="Tax no.",
    total="TOTAL",
    net="Net",
    tax="VAT",
    gross="Gross",
    rate="Rate",
    tendered="Given",
    change="Change",
    voucher="Voucher",
    remaining="Remaining balance",
    card_receipt="Card receipt",
    terminal="Terminal",
    terminal_closing="Terminal end of day",
    delivered="Delivered on account",
    payers={"customer": "Customer", "third_party": "Payer"},
    payer_reference="Your reference",
    not_asked="Accepted without a connection: the balance could not be checked.",
    sold_voucher="Voucher no.",
    single_purpose="Single-purpose voucher",
    taxed_before="Single-purpose voucher, {rate} VAT paid when it was sold",
    on_account="Cost center slip",
    invoice_follows="An invoice follows",
    center="Cost center",
    customer_card="Customer card",
    charged="On account",
    left="Left:",
    sign_here="Signature",
    subsidy_real="real subsidy (echter Zuschuss)",
    subsidy_unreal="unreal subsidy (unechter Zuschuss)",
    including="incl. {rate} VAT",
    goods="for",
    given="Donated voucher",
    copy="COPY / KOPIE",
    training="TRAINING - NOT A RECEIPT",
    titles={
        "return": "RETURN",
        "cancellation": "CANCELLATION",
        "payout": "VOUCHER PAID OUT",
        "training": "TRAINING",
    },
    refers={
        "Transaktion": "of receipt {number}",
        "ExterneRechnung": "of invoice {number}",
        "ExternerLieferschein": "of delivery note {number}",
        "ExterneSonstige": "of {number}",
    },
    refers_name="of {name} {number}",
    refers_on="of {at}",
    given_back="back",
    cashier="Served by",
    first_order="First order",
    till_report="As of",
    payout_of="Voucher",
    outage="TSE ausgefallen",
    outage_note="The security device was not available when this sale was completed.",
    pending="Not signed yet - not a receipt",
    uncertified="TSE not certified – test/training",
    tse="TSE serial",
    transaction="TSE transaction",
    counter="Signature counter",
    begin="Start",
    end="End",
    signature="Check value",
    scan_qr="Verification data (DSFinV-K)",
    slip="GIFT VOUCHER",
    slip_value="Value",
    slip_serial="Voucher no.",
    slip_valid="Valid until",
    slip_sold="Sold on",
    slip_made="Made on",
    remainder_slip="VOUCHER BALANCE",
    remainder_note="Replaces the former voucher: its code is void from now on.",
    left_over="{amount} left",
    left_note="The voucher itself stays valid: please keep it together with this slip.",
    slip_code="Code",
    slip_terms=(
        "Accepted in all stores of the company named below, also in part. What is left stays on "
        "the voucher.",
        "Keep it like cash: whoever knows the code can spend it.",
    ),
    items_heading="Items",
    tax_heading="VAT",
    payment_heading="Payment",
    fiscal_heading="Security device",
)


def words(language: Language) -> Words:
    """The texts of a language."""
    return ENGLISH if language == "en" else GERMAN


def plain(amount: Money, say: Words) -> str:
    """`19,99`: for columns under a heading that names no currency."""
    return _plain(amount.amount, amount.currency, say.locale)


def with_currency(amount: Money, say: Words) -> str:
    """`19,99 €`, with the no-break space that Babel puts there."""
    return _with_currency(amount.amount, amount.currency, say.locale)


# Babel takes its time for each number, and a shop's prices come again and again.
@lru_cache(maxsize=WRITTEN_MAX)
def _plain(amount: int, currency: str, locale: str) -> str:
    written = Money(amount=amount, currency=currency).as_decimal()
    return format_decimal(written, format="#,##0.00", locale=locale)


@lru_cache(maxsize=WRITTEN_MAX)
def _with_currency(amount: int, currency: str, locale: str) -> str:
    written = Money(amount=amount, currency=currency).as_decimal()
    return format_currency(written, currency, locale=locale)


def percent(rate: int, say: Words) -> str:
    """1900 → `19%`, 550 → `5,5%`."""
    return _percent(rate, say.locale)


@lru_cache(maxsize=WRITTEN_MAX)
def _percent(rate: int, locale: str) -> str:
    return format_decimal(Decimal(rate) / 100, format="0.##", locale=locale) + "%"


def quantity(text: str, say: Words) -> str:
    """`0.5` → `0,5`; `3.000` → `3`."""
    return format_decimal(Decimal(text), format="#,##0.###", locale=say.locale)


def instant(at: datetime, time_zone: str, say: Words) -> str:
    """In the store's time zone."""
    return format_datetime(at, say.date_time, tzinfo=ZoneInfo(time_zone), locale=say.locale)


def day(on: date, say: Words) -> str:
    return format_date(on, say.date_time.removesuffix(" HH:mm:ss"), locale=say.locale)


def tse_time(at: datetime) -> str:
    """As it stands in the QR code: ISO 8601, UTC, milliseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
