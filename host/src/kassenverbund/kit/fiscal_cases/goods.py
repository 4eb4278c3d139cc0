"""Rows of goods and vouchers. Sources: DSFinV-K 2.4 (its lists of GV_TYP, BON_TYP, ZAHLART_TYP and
its annex 2 of VAT keys), UStG, the UStAE (the administration's view of it), AEAO zu § 146a. Rules
that only practice or a vendor's text supports say so: a tax adviser should look at them first.
"""

from __future__ import annotations

from kassenverbund.kit.fiscal_cases._rows import TSE_DUTY, VOUCHER_LAW, only
from kassenverbund.kit.fiscal_cases.model import FiscalCase, Option, Text

SINGLE = "UStG § 3 (13), (14); UStAE 3.17; DSFinV-K 2.4, GV_TYP"
MULTI = "UStG § 3 (13), (15); UStAE 3.17; DSFinV-K 2.4, GV_TYP"

SALES = (
    FiscalCase(
        "fiscal.sale",
        Text("Goods or services sold", "Verkauf von Waren oder Leistungen"),
        only("Umsatz", "supply"),
        "DSFinV-K 2.4, GV_TYP Umsatz",
        TSE_DUTY,
    ),
    FiscalCase(
        "fiscal.sale.returned",
        Text(
            "Goods taken back, or a booking cancelled: reversed signs and a reference (Transaktion)"
            " to the booking; each line keeps its case and its VAT",
            "Ware zurückgenommen oder Beleg storniert: umgekehrte Vorzeichen und Verweis"
            " (Transaktion) auf den Beleg; jede Position behält ihren Fall und ihre Steuer",
        ),
        only("Umsatz", "supply"),
        "DSFinV-K 2.4, BON_TYP; UStG § 17",
        TSE_DUTY,
        Text("AVBelegstorno is not used with a TSE", "AVBelegstorno gibt es mit TSE nicht"),
    ),
    FiscalCase(
        "fiscal.discount",
        Text("Discount on a receipt", "Rabatt auf einen Beleg"),
        only("Rabatt", "supply"),
        "DSFinV-K 2.4, GV_TYP Rabatt; UStG § 10 (1)",
        TSE_DUTY,
    ),
    FiscalCase(
        "fiscal.surcharge",
        Text("Surcharge on a receipt", "Aufschlag auf einen Beleg"),
        only("Aufschlag", "supply"),
        "DSFinV-K 2.4, GV_TYP Aufschlag",
        TSE_DUTY,
        recorded=False,
    ),
    FiscalCase(
        "fiscal.deposit.charged",
        Text("Deposit on packaging charged", "Pfand berechnet"),
        only("Pfand", "supply"),
        "DSFinV-K 2.4, GV_TYP Pfand; UStAE 10.1",
        TSE_DUTY,
    ),
    FiscalCase(
        "fiscal.deposit.returned",
        Text("Deposit on packaging returned", "Pfand zurückgegeben"),
        only("PfandRueckzahlung", "supply"),
        "DSFinV-K 2.4, GV_TYP PfandRueckzahlung; UStAE 10.1",
        TSE_DUTY,
    ),
    FiscalCase(
        "fiscal.tip.owner",
        Text("Tip to the owner: taxed", "Trinkgeld an den Unternehmer: steuerpflichtig"),
        only("TrinkgeldAG", "supply"),
        "DSFinV-K 2.4, GV_TYP TrinkgeldAG; UStAE 10.1",
        TSE_DUTY,
    ),
    FiscalCase(
        "fiscal.tip.staff",
        Text(
            "Tip to staff, received at the till and passed on",
            "Trinkgeld an Beschäftigte, über die Kasse angenommen und weitergegeben",
        ),
        only("TrinkgeldAN", "not_taxable"),
        "DSFinV-K 2.4, GV_TYP TrinkgeldAN; EStG § 3 Nr. 51",
        TSE_DUTY,
    ),
    FiscalCase(
        "fiscal.down_payment.received",
        Text("Down payment received: taxed at once", "Anzahlung erhalten: sofort versteuert"),
        only("Anzahlungseinstellung", "supply"),
        "DSFinV-K 2.4, GV_TYP Anzahlungseinstellung; UStG § 13 (1) Nr. 1 a Satz 4",
        TSE_DUTY,
        recorded=False,
    ),
    FiscalCase(
        "fiscal.down_payment.settled",
        Text("Down payment set off, with a reference", "Anzahlung verrechnet, mit Verweis"),
        only("Anzahlungsaufloesung", "supply"),
        "DSFinV-K 2.4, GV_TYP Anzahlungsaufloesung",
        TSE_DUTY,
        recorded=False,
    ),
)

VOUCHERS = (
    FiscalCase(
        "fiscal.voucher.multi_purpose.sold",
        Text(
            "Multi-purpose voucher sold or topped up, or its sale taken back: not taxable",
            "Mehrzweckgutschein verkauft oder aufgeladen, oder sein Verkauf zurückgenommen:"
            " nicht steuerbar",
        ),
        only("MehrzweckgutscheinKauf", "not_taxable"),
        MULTI,
        VOUCHER_LAW,
    ),
    FiscalCase(
        "fiscal.voucher.multi_purpose.redeemed",
        Text(
            "Paid with a multi-purpose voucher: the goods are taxed, the redemption is a line"
            " with a minus and no payment",
            "Mit Mehrzweckgutschein bezahlt: Die Ware wird versteuert, die Einlösung ist eine"
            " Minusposition und keine Zahlung",
        ),
        only("MehrzweckgutscheinEinloesung", "not_taxable", "Keine"),
        MULTI,
        VOUCHER_LAW,
    ),
    FiscalCase(
        "fiscal.voucher.multi_purpose.refunded",
        Text(
            "Goods that were paid with a multi-purpose voucher come back, and so does its value",
            "Mit Mehrzweckgutschein bezahlte Ware kommt zurück, das Guthaben lebt wieder auf",
        ),
        (
            Option(
                "reversed_redemption",
                "MehrzweckgutscheinEinloesung",
                "not_taxable",
                "Keine",
                Text("the redemption, reversed", "Einlösung mit umgekehrtem Vorzeichen"),
            ),
            Option(
                "new_sale",
                "MehrzweckgutscheinKauf",
                "not_taxable",
                "Keine",
                Text("the sale of a voucher", "Kauf eines Gutscheins"),
            ),
        ),
        "DSFinV-K 2.4, GV_TYP",
        VOUCHER_LAW,
        Text(
            "the specification names neither; practice: either, once chosen and documented",
            "die Taxonomie nennt keines; Praxis: eines von beiden, einmal gewählt und dokumentiert",
        ),
    ),
    FiscalCase(
        "fiscal.voucher.multi_purpose.paid_out",
        Text(
            "The rest of a multi-purpose voucher paid out in cash",
            "Rest eines Mehrzweckgutscheins bar ausgezahlt",
        ),
        (
            Option(
                "redemption",
                "MehrzweckgutscheinEinloesung",
                "not_taxable",
                None,
                Text("a redemption without goods", "Einlösung ohne Ware"),
            ),
            Option(
                "paid_out",
                "Auszahlung",
                "not_taxable",
                None,
                Text("other cash paid out", "sonstige Auszahlung"),
            ),
        ),
        "KWG § 25i (2)",
        VOUCHER_LAW,
        Text("practice; no rule of DSFinV-K names it", "Praxis; die DSFinV-K nennt den Fall nicht"),
    ),
    FiscalCase(
        "fiscal.voucher.single_purpose.sold",
        Text(
            "Single-purpose voucher sold or topped up, or its sale taken back: taxed now, at the"
            " rate of its goods",
            "Einzweckgutschein verkauft oder aufgeladen, oder sein Verkauf zurückgenommen: sofort"
            " zum Satz der Ware versteuert",
        ),
        only("EinzweckgutscheinKauf", "supply"),
        SINGLE,
        VOUCHER_LAW,
    ),
    FiscalCase(
        "fiscal.voucher.single_purpose.redeemed",
        Text(
            "Paid with a single-purpose voucher: taken off at the rate of its sale",
            "Mit Einzweckgutschein bezahlt: zum Satz seines Verkaufs abgezogen",
        ),
        only("EinzweckgutscheinEinloesung", "supply", "Keine"),
        SINGLE,
        VOUCHER_LAW,
    ),
    FiscalCase(
        "fiscal.voucher.single_purpose.refunded",
        Text(
            "Goods that were paid with a single-purpose voucher come back",
            "Mit Einzweckgutschein bezahlte Ware kommt zurück",
        ),
        only("EinzweckgutscheinEinloesung", "supply", "Keine"),
        SINGLE,
        VOUCHER_LAW,
    ),
    FiscalCase(
        "fiscal.voucher.single_purpose.paid_out",
        Text(
            "The rest of a single-purpose voucher paid out in cash: its tax is taken back",
            "Rest eines Einzweckgutscheins bar ausgezahlt: Die Steuer darauf wird zurückgenommen",
        ),
        only("EinzweckgutscheinEinloesung", "supply"),
        "UStG § 17; KWG § 25i (2)",
        VOUCHER_LAW,
        Text("practice; no rule of DSFinV-K names it", "Praxis; die DSFinV-K nennt den Fall nicht"),
    ),
    FiscalCase(
        "fiscal.voucher.donated",
        Text(
            "A voucher that was given away lowers the price: no payment, nothing sold with it",
            "Verschenkter Gutschein mindert den Preis: keine Zahlung, kein Gutscheinumsatz",
        ),
        only("Rabatt", "supply"),
        "UStG § 10 (1), § 17; UStAE 17.2; DSFinV-K 2.4, GV_TYP Rabatt",
        VOUCHER_LAW,
    ),
    FiscalCase(
        "fiscal.account.loaded",
        Text("Credit loaded on a card or account", "Guthaben auf Karte oder Konto geladen"),
        only("MehrzweckgutscheinKauf", "not_taxable"),
        MULTI,
        VOUCHER_LAW,
        Text(
            "as a multi-purpose voucher; Guthabenkarte is for e-money of others alone",
            "wie ein Mehrzweckgutschein; Guthabenkarte gilt nur für E-Geld Dritter",
        ),
    ),
    FiscalCase(
        "fiscal.account.used",
        Text("Paid with credit of a card or account", "Mit Guthaben einer Karte bezahlt"),
        only("MehrzweckgutscheinEinloesung", "not_taxable", "Keine"),
        MULTI,
        VOUCHER_LAW,
        Text("as a multi-purpose voucher", "wie ein Mehrzweckgutschein"),
    ),
)
