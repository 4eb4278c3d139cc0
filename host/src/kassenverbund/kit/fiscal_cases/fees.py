"""Rows of libraries: fees, waivers, entitlements. Sources as in `goods.py`."""

from __future__ import annotations

from kassenverbund.kit.fiscal_cases._rows import TSE_DUTY, only
from kassenverbund.kit.fiscal_cases.model import FiscalCase, Text

FEES = (
    FiscalCase(
        "fiscal.fee.charged",
        Text(
            "A fee of an account is settled at the till, under the VAT key that its owner declares",
            "Gebühr eines Kontos an der Kasse beglichen, unter dem Steuerschlüssel, den ihr"
            " Gläubiger bestimmt",
        ),
        only("Umsatz", "supply"),
        "UStG § 2b, § 4 Nr. 20 a; UStAE 1.3; DSFinV-K 2.4, GV_TYP Umsatz",
        TSE_DUTY,
        Text(
            "of a public library mostly not taxable (key 5) or exempt (6), a fine for lateness is"
            " damages; a private one's are taxed: `library.fee_vat`",
            "bei öffentlichen Bibliotheken meist nicht steuerbar (5) oder steuerfrei (6), die"
            " Säumnisgebühr ist Schadensersatz; bei privaten steuerpflichtig: `library.fee_vat`",
        ),
    ),
    FiscalCase(
        "fiscal.fee.waived",
        Text(
            "A fee, or a part of it, is waived: taken off at its own key, and no payment",
            "Gebühr ganz oder teilweise erlassen: unter ihrem Schlüssel abgezogen, keine Zahlung",
        ),
        only("Rabatt", "supply"),
        "UStG § 10 (1), § 17; DSFinV-K 2.4, GV_TYP Rabatt",
        TSE_DUTY,
        Text("practice; no rule of DSFinV-K names it", "Praxis; die DSFinV-K nennt den Fall nicht"),
    ),
    FiscalCase(
        "fiscal.entitlement.extended",
        Text(
            "A voucher extends an entitlement: a line of 0.00, nothing is sold",
            "Ein Gutschein verlängert eine Berechtigung: Position über 0,00, kein Verkauf",
        ),
        only("Umsatz", "not_taxable"),
        "DSFinV-K 2.4, GV_TYP Umsatz",
        TSE_DUTY,
        Text("practice; no rule of DSFinV-K names it", "Praxis; die DSFinV-K nennt den Fall nicht"),
    ),
)
