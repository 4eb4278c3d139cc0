"""What DSFinV-K 2.4 says an export holds: its tables with their columns, and its words.

`NAME/n` is text of at most n characters, `NAME#d` a number with d decimals.
Source: the official index.xml of DSFinV-K 2.4 and its annexes (2024-12-05).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

KEY: Final = ("Z_KASSE_ID", "Z_ERSTELLUNG", "Z_NR")
"""Every table begins with the closing that a row belongs to."""

_COLUMNS: Final = {
    "transactions.csv": """BON_ID/40 BON_NR#0 BON_TYP/30 BON_NAME/60 TERMINAL_ID/50 BON_STORNO/1
        BON_START/30 BON_ENDE/30 BEDIENER_ID/50 BEDIENER_NAME/50 UMS_BRUTTO#2 KUNDE_NAME/50
        KUNDE_ID/50 KUNDE_TYP/50 KUNDE_STRASSE/60 KUNDE_PLZ/10 KUNDE_ORT/62 KUNDE_LAND/3
        KUNDE_USTID/15 BON_NOTIZ/255""",
    "transactions_vat.csv": "BON_ID/40 UST_SCHLUESSEL#0 BON_BRUTTO#5 BON_NETTO#5 BON_UST#5",
    "allocation_groups.csv": "BON_ID/40 ABRECHNUNGSKREIS/50",
    "datapayment.csv": """BON_ID/40 ZAHLART_TYP/25 ZAHLART_NAME/60 ZAHLWAEH_CODE/3
        ZAHLWAEH_BETRAG#2 BASISWAEH_BETRAG#2""",
    "references.csv": """BON_ID/40 POS_ZEILE/50 REF_TYP/20 REF_NAME/40 REF_DATUM/30
        REF_Z_KASSE_ID/50 REF_Z_NR#0 REF_BON_ID/40""",
    "transactions_tse.csv": """BON_ID/40 TSE_ID#0 TSE_TANR#0 TSE_TA_START/30 TSE_TA_ENDE/30
        TSE_TA_VORGANGSART/30 TSE_TA_SIGZ#0 TSE_TA_SIG/512 TSE_TA_FEHLER/200
        TSE_VORGANGSDATEN/1000""",
    "lines.csv": """BON_ID/40 POS_ZEILE/50 GUTSCHEIN_NR/50 ARTIKELTEXT/255 POS_TERMINAL_ID/50
        GV_TYP/30 GV_NAME/40 INHAUS/1 P_STORNO/1 AGENTUR_ID#0 ART_NR/50 GTIN/50 WARENGR_ID/40
        WARENGR/50 MENGE#3 FAKTOR#3 EINHEIT/50 STK_BR#5""",
    "lines_vat.csv": "BON_ID/40 POS_ZEILE/50 UST_SCHLUESSEL#0 POS_BRUTTO#5 POS_NETTO#5 POS_UST#5",
    "itemamounts.csv": """BON_ID/40 POS_ZEILE/50 TYP/20 UST_SCHLUESSEL#0 PF_BRUTTO#5 PF_NETTO#5
        PF_UST#5""",
    "subitems.csv": """BON_ID/40 POS_ZEILE/50 ZI_ART_NR/50 ZI_GTIN/50 ZI_NAME/60 ZI_WARENGR_ID/40
        ZI_WARENGR/50 ZI_MENGE#3 ZI_FAKTOR#3 ZI_EINHEIT/50 ZI_UST_SCHLUESSEL#0
        ZI_BASISPREIS_BRUTTO#5 ZI_BASISPREIS_NETTO#5 ZI_BASISPREIS_UST#5""",
    "businesscases.csv": """GV_TYP/30 GV_NAME/40 AGENTUR_ID#0 UST_SCHLUESSEL#0 Z_UMS_BRUTTO#5
        Z_UMS_NETTO#5 Z_UST#5""",
    "payment.csv": "ZAHLART_TYP/25 ZAHLART_NAME/60 Z_ZAHLART_BETRAG#2",
    "cash_per_currency.csv": "ZAHLART_WAEH/3 ZAHLART_BETRAG_WAEH#2",
    "cashpointclosing.csv": """Z_BUCHUNGSTAG/25 TAXONOMIE_VERSION/10 Z_START_ID/40 Z_ENDE_ID/40
        NAME/60 STRASSE/60 PLZ/10 ORT/62 LAND/3 STNR/20 USTID/15 Z_SE_ZAHLUNGEN#2
        Z_SE_BARZAHLUNGEN#2""",
    "location.csv": """LOC_NAME/60 LOC_STRASSE/60 LOC_PLZ/10 LOC_ORT/62 LOC_LAND/3
        LOC_USTID/15""",
    "cashregister.csv": """KASSE_BRAND/50 KASSE_MODELL/50 KASSE_SERIENNR/70 KASSE_SW_BRAND/50
        KASSE_SW_VERSION/50 KASSE_BASISWAEH_CODE/3 KEINE_UST_ZUORDNUNG/1""",
    "slaves.csv": """TERMINAL_ID/50 TERMINAL_BRAND/50 TERMINAL_MODELL/50 TERMINAL_SERIENNR/70
        TERMINAL_SW_BRAND/50 TERMINAL_SW_VERSION/50""",
    "pa.csv": """AGENTUR_ID#0 AGENTUR_NAME/60 AGENTUR_STRASSE/60 AGENTUR_PLZ/10 AGENTUR_ORT/62
        AGENTUR_LAND/3 AGENTUR_STNR/20 AGENTUR_USTID/15""",
    "vat.csv": "UST_SCHLUESSEL#0 UST_SATZ#2 UST_BESCHR/55",
    "tse.csv": """TSE_ID#0 TSE_SERIAL/68 TSE_SIG_ALGO/21 TSE_ZEITFORMAT/31 TSE_PD_ENCODING/5
        TSE_PUBLIC_KEY/512 TSE_ZERTIFIKAT_I/1000 TSE_ZERTIFIKAT_II/1000""",
}


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the standard."""

    name: str
    characters_max: int | None
    """Of a text; None: a number."""
    decimals: int = 0


def _column(text: str) -> Column:
    name, _, characters = text.partition("/")
    if characters:
        return Column(name, int(characters))
    name, _, decimals = text.partition("#")
    return Column(name, None, int(decimals))


_BEGIN: Final = "Z_KASSE_ID/50 Z_ERSTELLUNG/30 Z_NR#0 "

TABLES: Final[Mapping[str, tuple[Column, ...]]] = {
    name: tuple(_column(one) for one in (_BEGIN + columns).split())
    for name, columns in _COLUMNS.items()
}

REQUIRED: Final = (
    "cashpointclosing.csv", "location.csv", "cashregister.csv", "vat.csv", "transactions.csv",
    "transactions_vat.csv", "datapayment.csv", "lines.csv", "lines_vat.csv",
    "transactions_tse.csv", "tse.csv",
)  # fmt: skip
"""Without these there is nothing to judge."""

SUMS: Final = ("businesscases.csv", "payment.csv", "cash_per_currency.csv")
"""Of a closing: all of them or none."""

BON_TYP: Final = words(
    """Beleg AVRechnung AVTransfer AVBestellung AVTraining AVBelegstorno AVBelegabbruch
    AVSachbezug AVSonstige"""
)
ZAHLART_TYP: Final = words(
    """Bar Unbar ECKarte Kreditkarte ElZahlungsdienstleister Guthabenkarte Keine"""
)
REF_TYP: Final = words("""ExterneRechnung ExternerLieferschein Transaktion ExterneSonstige""")
GV_TYP: Final = words(
    """Umsatz Pfand PfandRueckzahlung Rabatt Aufschlag ZuschussEcht ZuschussUnecht TrinkgeldAG
    TrinkgeldAN EinzweckgutscheinKauf EinzweckgutscheinEinloesung MehrzweckgutscheinKauf
    MehrzweckgutscheinEinloesung Forderungsentstehung Forderungsaufloesung
    Anzahlungseinstellung Anzahlungsaufloesung Anfangsbestand Privatentnahme Privateinlage
    Geldtransit Lohnzahlung Einzahlung Auszahlung DifferenzSollIst"""
)
NEVER_TAXED: Final = words(
    """TrinkgeldAN MehrzweckgutscheinKauf MehrzweckgutscheinEinloesung Anfangsbestand
    Privatentnahme Privateinlage Geldtransit Lohnzahlung Einzahlung Auszahlung
    DifferenzSollIst"""
)
"""Business cases that have the VAT key 5."""

WITH_VOUCHER: Final = words(
    """EinzweckgutscheinKauf EinzweckgutscheinEinloesung MehrzweckgutscheinKauf
    MehrzweckgutscheinEinloesung"""
)
WITH_REFERENCE: Final = words("Forderungsaufloesung Anzahlungsaufloesung")

PREISFINDUNG: Final = words("base_amount discount extra_amount")

TIME_FORMATS: Final = words(
    """unixTime utcTime utcTimeWithSeconds generalizedTime generalizedTimeWithMilliseconds"""
)
ENCODINGS: Final = frozenset({"UTF-8", "ASCII"})
TAXONOMIES: Final = frozenset({"2.0", "2.1", "2.2", "2.3", "2.4"})

RATES: Final[Mapping[int, int]] = {
    1: 1900, 2: 700, 3: 780, 4: 550, 5: 0, 6: 0, 7: 0, 8: 0, 11: 1900, 12: 700, 13: 1070, 21: 1600,
    22: 500, 23: 950, 33: 900, 43: 840,
}  # fmt: skip
"""Hundredths of a percent by VAT key (annex 2); keys of 1000 and more are the business's own."""

OWN_KEYS: Final = 1000

SLOTS: Final[Mapping[int, int]] = {
    1: 0, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 4, 8: 4, 11: 0, 12: 1, 13: 2, 21: 0, 22: 1, 23: 2, 33: 2,
    43: 2,
}  # fmt: skip
"""Which of the five sums in the process data (annex I) a VAT key counts in."""

SLOT_OF_RATE: Final[Mapping[int, int]] = {1900: 0, 700: 1, 780: 2, 550: 3, 0: 4}
"""For keys of the business's own."""
