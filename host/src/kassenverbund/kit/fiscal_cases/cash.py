"""Rows of receivables, subsidies, payments, cash moves and other processes."""

from __future__ import annotations

from kassenverbund.kit.fiscal_cases._rows import TSE_DUTY, only
from kassenverbund.kit.fiscal_cases.model import BonTyp, FiscalCase, GvTyp, Option, Text

_OF_THE_GOODS = Text("under the key of the goods", "unter dem Schlüssel der Ware")
_KEY_5 = Text("not taxable (key 5)", "nicht steuerbar (Schlüssel 5)")
_KEY_7 = Text("VAT not determinable (key 7)", "Umsatzsteuer nicht ermittelbar (Schlüssel 7)")


def _keyed(gv_typ: GvTyp, *, undetermined: bool) -> tuple[Option, ...]:
    """Options that differ in the key alone; the names are those of `cost_centers.…_vat`."""
    options = (
        Option("supply", gv_typ, "supply", "Keine", _OF_THE_GOODS),
        Option("not_taxable", gv_typ, "not_taxable", "Keine", _KEY_5),
        Option("undetermined", gv_typ, "undetermined", "Keine", _KEY_7),
    )
    return options if undetermined else options[:2]


RECEIVABLES = (
    FiscalCase(
        "fiscal.receivable.cost_center",
        Text(
            "Charged to a cost center, invoiced later: a line with a minus and no payment",
            "Auf Kostenstelle, Rechnung folgt: eine Minusposition und keine Zahlung",
        ),
        _keyed("Forderungsentstehung", undetermined=True),
        "DSFinV-K 2.4, GV_TYP Forderungsentstehung",
        TSE_DUTY,
        Text("key 5 is practice alone", "Schlüssel 5 ist nur Praxis"),
        gv_name="Kostenstelle",
        setting="cost_centers.receivable_vat",
    ),
    FiscalCase(
        "fiscal.receivable.customer",
        Text(
            "Delivered to a customer on account, invoiced later",
            "Auf Rechnung an einen Kunden geliefert, Rechnung folgt",
        ),
        _keyed("Forderungsentstehung", undetermined=True),
        "DSFinV-K 2.4, GV_TYP Forderungsentstehung",
        TSE_DUTY,
        Text("key 5 is practice alone", "Schlüssel 5 ist nur Praxis"),
        gv_name="Kunde",
        setting="cost_centers.receivable_vat",
    ),
    FiscalCase(
        "fiscal.receivable.scheme",
        Text(
            "Somebody else pays later (a scheme, an insurer, a voucher of a city)",
            "Ein Dritter zahlt später (Träger, Versicherung, Gutschein einer Stadt)",
        ),
        _keyed("Forderungsentstehung", undetermined=True),
        "DSFinV-K 2.4, GV_TYP Forderungsentstehung",
        TSE_DUTY,
        Text(
            "by contract also a means of payment (ElZahlungsdienstleister)",
            "je nach Vertrag auch eine Zahlart (ElZahlungsdienstleister)",
        ),
        gv_name="Kostenträger",
        setting="cost_centers.receivable_vat",
    ),
    FiscalCase(
        "fiscal.receivable.settled",
        Text(
            "An invoice of earlier charges is paid at the till; reference compulsory",
            "Rechnung über frühere Belastungen an der Kasse bezahlt; Verweis Pflicht",
        ),
        (
            Option("undetermined", "Forderungsaufloesung", "undetermined", None, _KEY_7),
            Option("not_taxable", "Forderungsaufloesung", "not_taxable", None, _KEY_5),
            Option("supply", "Forderungsaufloesung", "supply", None, _OF_THE_GOODS),
        ),
        "DSFinV-K 2.4, GV_TYP Forderungsaufloesung",
        TSE_DUTY,
        Text(
            "as it arose, or 7 where a till cannot know",
            "wie entstanden, oder 7, wo die Kasse es nicht wissen kann",
        ),
        recorded=False,
    ),
    FiscalCase(
        "fiscal.subsidy.real",
        Text(
            "Subsidy without an exchange between shop and payer (whether it is one, its rule"
            " says and a tax adviser confirms)",
            "Zuschuss ohne Leistungsaustausch zwischen Betrieb und Zahler (ob es einer ist, sagt"
            " die Regel und bestätigt der Steuerberater)",
        ),
        _keyed("ZuschussEcht", undetermined=False),
        "DSFinV-K 2.4, GV_TYP ZuschussEcht; UStAE 10.2, 14.10",
        TSE_DUTY,
        setting="cost_centers.subsidy_vat",
    ),
    FiscalCase(
        "fiscal.subsidy.unreal",
        Text(
            "Payment by a third party that is part of the price",
            "Zahlung eines Dritten, die Teil des Preises ist",
        ),
        _keyed("ZuschussUnecht", undetermined=False),
        "DSFinV-K 2.4, GV_TYP ZuschussUnecht; UStAE 10.2",
        TSE_DUTY,
        setting="cost_centers.subsidy_vat",
    ),
    FiscalCase(
        "fiscal.transfer",
        Text(
            "Goods handed over that another system invoices (delivery note)",
            "Warenausgabe, die ein anderes System abrechnet (Lieferschein)",
        ),
        only("Umsatz", "supply", "Keine", "AVTransfer"),
        "DSFinV-K 2.4, BON_TYP AVTransfer",
        TSE_DUTY,
        Text("outside of the closing", "nicht im Kassenabschluss"),
        recorded=False,
    ),
    FiscalCase(
        "fiscal.benefit_in_kind",
        Text("Free meals of staff", "Freie Verpflegung von Beschäftigten"),
        only("Umsatz", "supply", "Keine", "AVSachbezug"),
        "DSFinV-K 2.4, BON_TYP AVSachbezug",
        TSE_DUTY,
        Text("outside of the closing", "nicht im Kassenabschluss"),
        recorded=False,
    ),
)

_MEANS = "means_of_payment"

PAYMENTS = (
    FiscalCase(
        "fiscal.payment.cash",
        Text("Paid in cash; change is taken off", "Bar bezahlt, Rückgeld abgezogen"),
        only(None, None, "Bar"),
        "DSFinV-K 2.4, ZAHLART_TYP Bar; AEAO zu § 146a, 2.4.4",
        TSE_DUTY,
    ),
    FiscalCase(
        "fiscal.payment.card",
        Text("Paid by card", "Mit Karte bezahlt"),
        (
            Option(
                "Unbar",
                None,
                None,
                "Unbar",
                Text("which card is not told", "welche Karte, wird nicht unterschieden"),
            ),
            Option("ECKarte", None, None, "ECKarte", Text("debit card", "Girocard")),
            Option("Kreditkarte", None, None, "Kreditkarte", Text("credit card", "Kreditkarte")),
            Option(
                "Guthabenkarte",
                None,
                None,
                "Guthabenkarte",
                Text("e-money of another issuer", "E-Geld eines Dritten"),
            ),
            Option(
                "ElZahlungsdienstleister",
                None,
                None,
                "ElZahlungsdienstleister",
                Text("payment service", "Zahlungsdienstleister"),
            ),
        ),
        "DSFinV-K 2.4, ZAHLART_TYP",
        TSE_DUTY,
        setting=_MEANS,
    ),
    FiscalCase(
        "fiscal.payment.online",
        Text(
            "A web order that was paid in the web shop is handed over; reference"
            " (ExterneSonstige) with its number",
            "Im Webshop bezahlte Bestellung wird ausgegeben; Verweis (ExterneSonstige) mit ihrer"
            " Nummer",
        ),
        (
            Option(
                "ElZahlungsdienstleister",
                None,
                None,
                "ElZahlungsdienstleister",
                Text("payment service", "Zahlungsdienstleister"),
            ),
            Option("Unbar", None, None, "Unbar", Text("non-cash", "unbar")),
        ),
        "DSFinV-K 2.4, ZAHLART_TYP ElZahlungsdienstleister, REF_TYP ExterneSonstige",
        TSE_DUTY,
        setting=_MEANS,
    ),
)

_CASH = "; AEAO zu § 146a, 2.2.3.6.1"


def _move(
    name: str, en: str, de: str, gv_typ: GvTyp, gv_name: str = "", *, also: str = ""
) -> FiscalCase:
    source = f"DSFinV-K 2.4, GV_TYP {gv_typ}{also}{_CASH}"
    case, text = f"fiscal.cash.{name}", Text(en, de)
    return FiscalCase(
        case, text, only(gv_typ, "not_taxable", "Bar"), source, TSE_DUTY, gv_name=gv_name
    )


CASH = (
    _move(
        "opening_float", "Cash that is in the drawer at the beginning, where it is declared",
        "Bargeld, das zu Beginn in der Lade ist, wo es angegeben wird", "Anfangsbestand",
    ),
    _move("transit_in", "Cash from safe, bank or another till",
          "Bargeld aus Tresor, Bank oder anderer Kasse", "Geldtransit", "Wechselgeld"),
    _move("transit_out", "Cash to safe, bank or another till",
          "Bargeld in Tresor, Bank oder andere Kasse", "Geldtransit", "Abschöpfung"),
    _move("owner_in", "The owner puts cash in", "Einlage des Inhabers", "Privateinlage"),
    _move("owner_out", "The owner takes cash out", "Entnahme des Inhabers", "Privatentnahme"),
    _move("wage", "Wages from the till", "Lohn aus der Kasse", "Lohnzahlung"),
    _move("paid_in", "Other cash paid in", "Sonstige Einzahlung", "Einzahlung"),
    _move("paid_out", "Other cash paid out (expenses)", "Sonstige Auszahlung (Auslagen)",
          "Auszahlung"),
    _move("tip_out", "Tips passed on to staff", "Trinkgeld an Beschäftigte ausgezahlt",
          "TrinkgeldAN", "Auszahlung Trinkgeld", also="; EStG § 3 Nr. 51"),
    _move("difference", "Counted cash differs from what should be there",
          "Gezähltes Bargeld weicht vom Soll ab", "DifferenzSollIst"),
)  # fmt: skip


def _process(name: str, en: str, de: str, bon_typ: BonTyp, source: str) -> FiscalCase:
    return FiscalCase(
        f"fiscal.process.{name}", Text(en, de), only(None, None, None, bon_typ), source, TSE_DUTY
    )


PROCESSES = (
    _process("training", "Training: signed, counted nowhere", "Training: signiert, nirgends"
             " gezählt", "AVTraining", "DSFinV-K 2.4, BON_TYP AVTraining; AEAO zu § 146a, 1.11.1"),
    _process("aborted", "A booking that was begun and given up",
             "Begonnener und abgebrochener Beleg", "AVBelegabbruch",
             "DSFinV-K 2.4, annex I, BON_TYP AVBelegabbruch; AEAO zu § 146a, 1.11.1"),
    _process("order", "An order of a table, settled later (Bestellung-V1)",
             "Bestellung, die später abgerechnet wird (Bestellung-V1)", "AVBestellung",
             "DSFinV-K 2.4, BON_TYP AVBestellung; AEAO zu § 146a, 2.2.3.6.2"),
    _process("closing", "Closing of a till (SonstigerVorgang)",
             "Kassenabschluss (SonstigerVorgang)", "AVSonstige",
             "DSFinV-K 2.4, BON_TYP AVSonstige, BON_NAME Kassenabschluss"),
)  # fmt: skip
