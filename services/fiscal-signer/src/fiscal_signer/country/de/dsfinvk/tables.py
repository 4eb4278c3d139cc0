"""The 20 tables of DSFinV-K 2.4 with their columns, and `index.xml` that describes them.

Source: DSFinV-K 2.4 (Federal Central Tax Office, 2023-12-15), its index.xml; the description
standard for handing over data (GDPdU, gdpdu-01-09-2004.dtd), which every export contains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from xml.sax.saxutils import escape

TAXONOMY = "2.4"
DTD_NAME = "gdpdu-01-09-2004.dtd"
INDEX_NAME = "index.xml"
CERTIFICATE_PART = 1000
"""Characters of a certificate in one column of tse.csv; a longer one needs more columns."""

CERTIFICATE_PARTS = ("I", "II", "III", "IV", "V", "VI", "VII")


@dataclass(frozen=True, slots=True)
class Column:
    """A column: text of at most `length` characters, or a number with `decimals`."""

    name: str
    length: int | None = None
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its file, its German title, its columns."""

    file: str
    title: str
    columns: tuple[Column, ...]

    @property
    def header(self) -> str:
        """The first line of the file."""
        return ";".join(f'"{column.name}"' for column in self.columns) + "\r\n"


def _column(text: str) -> Column:
    if "#" in text:
        name, _, decimals = text.partition("#")
        return Column(name, decimals=int(decimals))
    name, _, length = text.partition("/")
    return Column(name, length=int(length))


def _table(file: str, title: str, columns: str) -> Table:
    found = f"Z_KASSE_ID/50 Z_ERSTELLUNG/30 Z_NR#0 {columns}".split()
    return Table(f"{file}.csv", title, tuple(map(_column, found)))


TABLES: Mapping[str, Table] = {
    table.file.removesuffix(".csv"): table
    for table in (
        _table(
            "transactions", "Bonkopf",
            "BON_ID/40 BON_NR#0 BON_TYP/30 BON_NAME/60 TERMINAL_ID/50 BON_STORNO/1 BON_START/30"
            " BON_ENDE/30 BEDIENER_ID/50 BEDIENER_NAME/50 UMS_BRUTTO#2 KUNDE_NAME/50 KUNDE_ID/50"
            " KUNDE_TYP/50 KUNDE_STRASSE/60 KUNDE_PLZ/10 KUNDE_ORT/62 KUNDE_LAND/3 KUNDE_USTID/15"
            " BON_NOTIZ/255",
        ),
        _table(
            "transactions_vat", "Bonkopf_USt",
            "BON_ID/40 UST_SCHLUESSEL#0 BON_BRUTTO#5 BON_NETTO#5 BON_UST#5",
        ),
        _table("allocation_groups", "Bonkopf_AbrKreis", "BON_ID/40 ABRECHNUNGSKREIS/50"),
        _table(
            "datapayment", "Bonkopf_Zahlarten",
            "BON_ID/40 ZAHLART_TYP/25 ZAHLART_NAME/60 ZAHLWAEH_CODE/3 ZAHLWAEH_BETRAG#2"
            " BASISWAEH_BETRAG#2",
        ),
        _table(
            "references", "Bon_Referenzen",
            "BON_ID/40 POS_ZEILE/50 REF_TYP/20 REF_NAME/40 REF_DATUM/30 REF_Z_KASSE_ID/50"
            " REF_Z_NR#0 REF_BON_ID/40",
        ),
        _table(
            "transactions_tse", "TSE_Transaktionen",
            "BON_ID/40 TSE_ID#0 TSE_TANR#0 TSE_TA_START/30 TSE_TA_ENDE/30 TSE_TA_VORGANGSART/30"
            " TSE_TA_SIGZ#0 TSE_TA_SIG/512 TSE_TA_FEHLER/200 TSE_VORGANGSDATEN/1000",
        ),
        _table(
            "lines", "Bonpos",
            "BON_ID/40 POS_ZEILE/50 GUTSCHEIN_NR/50 ARTIKELTEXT/255 POS_TERMINAL_ID/50 GV_TYP/30"
            " GV_NAME/40 INHAUS/1 P_STORNO/1 AGENTUR_ID#0 ART_NR/50 GTIN/50 WARENGR_ID/40"
            " WARENGR/50 MENGE#3 FAKTOR#3 EINHEIT/50 STK_BR#5",
        ),
        _table(
            "lines_vat", "Bonpos_USt",
            "BON_ID/40 POS_ZEILE/50 UST_SCHLUESSEL#0 POS_BRUTTO#5 POS_NETTO#5 POS_UST#5",
        ),
        _table(
            "itemamounts", "Bonpos_Preisfindung",
            "BON_ID/40 POS_ZEILE/50 TYP/20 UST_SCHLUESSEL#0 PF_BRUTTO#5 PF_NETTO#5 PF_UST#5",
        ),
        _table(
            "subitems", "Bonpos_Zusatzinfo",
            "BON_ID/40 POS_ZEILE/50 ZI_ART_NR/50 ZI_GTIN/50 ZI_NAME/60 ZI_WARENGR_ID/40"
            " ZI_WARENGR/50 ZI_MENGE#3 ZI_FAKTOR#3 ZI_EINHEIT/50 ZI_UST_SCHLUESSEL#0"
            " ZI_BASISPREIS_BRUTTO#5 ZI_BASISPREIS_NETTO#5 ZI_BASISPREIS_UST#5",
        ),
        _table(
            "businesscases", "Z_GV_Typ",
            "GV_TYP/30 GV_NAME/40 AGENTUR_ID#0 UST_SCHLUESSEL#0 Z_UMS_BRUTTO#5 Z_UMS_NETTO#5"
            " Z_UST#5",
        ),
        _table("payment", "Z_Zahlart", "ZAHLART_TYP/25 ZAHLART_NAME/60 Z_ZAHLART_BETRAG#2"),
        _table("cash_per_currency", "Z_Waehrungen", "ZAHLART_WAEH/3 ZAHLART_BETRAG_WAEH#2"),
        _table(
            "cashpointclosing", "Stamm_Abschluss",
            "Z_BUCHUNGSTAG/25 TAXONOMIE_VERSION/10 Z_START_ID/40 Z_ENDE_ID/40 NAME/60 STRASSE/60"
            " PLZ/10 ORT/62 LAND/3 STNR/20 USTID/15 Z_SE_ZAHLUNGEN#2 Z_SE_BARZAHLUNGEN#2",
        ),
        _table(
            "location", "Stamm_Orte",
            "LOC_NAME/60 LOC_STRASSE/60 LOC_PLZ/10 LOC_ORT/62 LOC_LAND/3 LOC_USTID/15",
        ),
        _table(
            "cashregister", "Stamm_Kassen",
            "KASSE_BRAND/50 KASSE_MODELL/50 KASSE_SERIENNR/70 KASSE_SW_BRAND/50"
            " KASSE_SW_VERSION/50 KASSE_BASISWAEH_CODE/3 KEINE_UST_ZUORDNUNG/1",
        ),
        _table(
            "slaves", "Stamm_Terminals",
            "TERMINAL_ID/50 TERMINAL_BRAND/50 TERMINAL_MODELL/50 TERMINAL_SERIENNR/70"
            " TERMINAL_SW_BRAND/50 TERMINAL_SW_VERSION/50",
        ),
        _table(
            "pa", "Stamm_Agenturen",
            "AGENTUR_ID#0 AGENTUR_NAME/60 AGENTUR_STRASSE/60 AGENTUR_PLZ/10 AGENTUR_ORT/62"
            " AGENTUR_LAND/3 AGENTUR_STNR/20 AGENTUR_USTID/15",
        ),
        _table("vat", "Stamm_USt", "UST_SCHLUESSEL#0 UST_SATZ#2 UST_BESCHR/55"),
        _table(
            "tse", "Stamm_TSE",
            "TSE_ID#0 TSE_SERIAL/68 TSE_SIG_ALGO/21 TSE_ZEITFORMAT/31 TSE_PD_ENCODING/5"
            " TSE_PUBLIC_KEY/512 "
            + " ".join(f"TSE_ZERTIFIKAT_{part}/{CERTIFICATE_PART}" for part in CERTIFICATE_PARTS),
        ),
    )
}  # fmt: skip
"""By the file's name without its ending, in the order of the specification."""

CERTIFICATE_PARTS_MIN = 2
"""The official table has two columns for certificates; more follow only where one needs them."""


def table_of_tses(parts: int) -> Table:
    """tse.csv with as many columns for certificates as the longest one of the export needs."""
    table = TABLES["tse"]
    surplus = len(CERTIFICATE_PARTS) - max(parts, CERTIFICATE_PARTS_MIN)
    return Table(table.file, table.title, table.columns[: len(table.columns) - surplus])


def dtd() -> bytes:
    """The document type definition that every export contains."""
    return resources.files(__package__).joinpath(DTD_NAME).read_bytes()


def index_xml(
    tables: Sequence[Table],
    *,
    supplier: str,
    location: str,
    comment: str,
    longer: Mapping[tuple[str, str], int],
) -> bytes:
    """`index.xml` for these tables. `longer`: (file, column) → characters, where the data need
    more than the specification names (a long order is one text)."""
    parts = [
        '<?xml version="1.0" encoding="utf-8"?>\n',
        f'<!DOCTYPE DataSet SYSTEM "{DTD_NAME}">\n',
        "<DataSet>\n  <Version>1.0</Version>\n  <DataSupplier>\n",
        f"    <Name>{escape(supplier)}</Name>\n    <Location>{escape(location)}</Location>\n",
        f"    <Comment>{escape(comment)}</Comment>\n  </DataSupplier>\n",
        f"  <Media>\n    <Name>DSFinV-K {TAXONOMY}</Name>\n",
    ]
    for table in tables:
        parts.append(_described(table, longer))
    parts.append("  </Media>\n</DataSet>\n")
    return "".join(parts).encode()


def _described(table: Table, longer: Mapping[tuple[str, str], int]) -> str:
    columns = []
    for column in table.columns:
        if column.decimals is not None:
            kind = (
                f"<Numeric><Accuracy>{column.decimals}</Accuracy></Numeric>"
                if column.decimals
                else "<Numeric/>"
            )
        else:
            length = max(column.length or 0, longer.get((table.file, column.name), 0))
            kind = f"<AlphaNumeric/><MaxLength>{length}</MaxLength>"
        columns.append(
            f"        <VariableColumn><Name>{column.name}</Name>{kind}</VariableColumn>\n"
        )
    return (
        f"    <Table>\n      <URL>{table.file}</URL>\n      <Name>{table.title}</Name>\n"
        "      <UTF8/>\n      <DecimalSymbol>,</DecimalSymbol>\n"
        "      <DigitGroupingSymbol>.</DigitGroupingSymbol>\n"
        "      <Range><From>2</From></Range>\n      <VariableLength>\n"
        "        <ColumnDelimiter>;</ColumnDelimiter>\n"
        "        <RecordDelimiter>&#13;&#10;</RecordDelimiter>\n"
        "        <TextEncapsulator>&#34;</TextEncapsulator>\n"
        f"{''.join(columns)}      </VariableLength>\n    </Table>\n"
    )
