"""index.xml: valid against the authority's DTD, and what it declares about the tables.

The declarations are those of gdpdu-01-09-2004.dtd (version 1.5), kept here: a DTD that came
with the export could be one that allows everything.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from kassenverbund.fiscal.dsfinvk.tables import TABLES, Column, words
from kassenverbund.fiscal.verdicts import Finding

INDEX: Final = "index.xml"
DTD: Final = "gdpdu-01-09-2004.dtd"
INDEX_BYTES_MAX: Final = 4 * 1024 * 1024

_TYPES: Final = "(Numeric | (AlphaNumeric, MaxLength?) | Date)"
_MODELS: Final[Mapping[str, str]] = {
    "Alias": "(From, To)",
    "Extension": "(Name, URL)",
    "Range": "(From, (To | Length)?)",
    "FixedRange": "(From, (To | Length))",
    "DataSet": "(Extension*, Version, DataSupplier?, Command*, Media+, Command*)",
    "Date": "(Format?)",
    "Numeric": "((ImpliedAccuracy | Accuracy)?)",
    "FixedLength": "((Length | RecordDelimiter)?, ((FixedPrimaryKey+, FixedColumn*)"
    " | (FixedColumn+)), ForeignKey*)",
    "FixedColumn": "(Name, Description?, (Numeric | AlphaNumeric | Date), Map*, FixedRange)",
    "FixedPrimaryKey": "(Name, Description?, (Numeric | AlphaNumeric | Date), Map*, FixedRange)",
    "VariableLength": "(ColumnDelimiter?, RecordDelimiter?, TextEncapsulator?,"
    " ((VariablePrimaryKey+, VariableColumn*) | (VariableColumn+)), ForeignKey*)",
    "VariableColumn": f"(Name, Description?, {_TYPES}, Map*)",
    "VariablePrimaryKey": f"(Name, Description?, {_TYPES}, Map*)",
    "DataSupplier": "(Name, Location, Comment)",
    "Media": "(Name, Command*, Table*, Command*, AcceptNoTables?)",
    "Table": "(URL, Name?, Description?, Validity?,"
    " (ANSI | Macintosh | OEM | UTF16 | UTF7 | UTF8)?, (DecimalSymbol, DigitGroupingSymbol)?,"
    " SkipNumBytes?, Range?, Epoch?, (VariableLength | FixedLength))",
    "ForeignKey": "(Name+, References, Alias*)",
    "Map": "(Description?, From, To)",
    "Validity": "(Range, Format?)",
}
_TEXTS: Final = words(
    """Version Location Comment Length References From To AcceptNoTables MaxLength
    TextEncapsulator Accuracy ImpliedAccuracy Format DecimalSymbol DigitGroupingSymbol Command
    URL Description Name Epoch ColumnDelimiter RecordDelimiter SkipNumBytes"""
)
_EMPTY: Final = words("AlphaNumeric ANSI Macintosh OEM UTF16 UTF7 UTF8")

_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_ELEMENT: Final = re.compile(r"<!ELEMENT\s+(\w+)\s+([^>]+)>")
DTD_BYTES_MAX: Final = 64 * 1024

_DOCTYPE: Final = re.compile(rb"<!DOCTYPE\s+DataSet\s+SYSTEM\s+[\"']([^\"']*)[\"']\s*>")


def _pattern(model: str) -> re.Pattern[str]:
    """A content model as a pattern over the names of the children, each followed by a space."""
    named = re.sub(r"\w+", lambda name: f"(?:{name[0]} )", model)
    return re.compile(
        named.replace(" |", "|").replace("| ", "|").replace(", ", "").replace(",", "")
    )


_PATTERNS: Final = {name: _pattern(model) for name, model in _MODELS.items()}


def elements() -> dict[str, str]:
    """The declarations of the DTD: each element's content."""
    texts = dict.fromkeys(_TEXTS, "(#PCDATA)")
    return {**_MODELS, **texts, **dict.fromkeys(_EMPTY, "EMPTY")}


def dtd_differs(content: bytes) -> str:
    """Which elements a DTD declares in another way than the authority's; empty: none."""
    text = _COMMENT.sub("", content.decode("utf-8", "replace"))
    found = {name: "".join(model.split()) for name, model in _ELEMENT.findall(text)}
    known = {name: "".join(model.split()) for name, model in elements().items()}
    names = found.keys() | known.keys()
    return ", ".join(sorted(one for one in names if found.get(one) != known.get(one)))


@dataclass(frozen=True, slots=True)
class Declared:
    """What index.xml says of one table."""

    url: str
    columns: tuple[Column, ...]
    delimiter: str
    record: str
    quote: str
    decimal: str
    grouping: str
    rows_from: int


def read_index(content: bytes) -> tuple[list[Declared], list[Finding]]:
    """The tables, and what is wrong with the file."""
    doctype = _DOCTYPE.search(content[:4096])
    if doctype is None or doctype[1] != DTD.encode():
        return [], [Finding(INDEX, "index_valid", f"DOCTYPE DataSet SYSTEM {DTD}")]
    # Entities could be made to grow without bounds, and the standard has none.
    if b"<!ENTITY" in content:
        return [], [Finding(INDEX, "index_valid", "ENTITY")]
    try:
        root = ET.fromstring(content)  # noqa: S314 - no entities, see above
    except ET.ParseError as broken:
        return [], [Finding(INDEX, "index_valid", str(broken))]
    findings = [Finding(INDEX, "index_valid", where) for where in _invalid(root)]
    if findings:
        return [], findings
    if root.findtext("Version", "").strip() != "1.0":
        findings.append(Finding(INDEX, "index_valid", "Version 1.0"))
    tables = []
    for table in root.iterfind("Media/Table"):
        declared = _declared(table)
        if isinstance(declared, str):
            url = table.findtext("URL", "")
            findings.append(Finding(INDEX, "index_standard", f"{url}: {declared}"))
        else:
            tables.append(declared)
            findings += _differing(declared)
    return tables, findings


def _invalid(root: ET.Element) -> Iterator[str]:
    if root.tag != "DataSet":
        yield root.tag
    for element in root.iter():
        children = "".join(f"{child.tag} " for child in element)
        if element.attrib:
            yield f"{element.tag}: {', '.join(element.attrib)}"
        if element.tag in _PATTERNS:
            texts = [element.text, *(child.tail for child in element)]
            if not _PATTERNS[element.tag].fullmatch(children) or any(
                text and text.strip() for text in texts
            ):
                yield f"{element.tag}: {children.strip() or '-'}"[:200]
        elif element.tag in _EMPTY:
            if children or element.text:
                yield f"{element.tag}: {children.strip()}"
        elif element.tag not in _TEXTS or children:
            yield f"{element.tag}: {children.strip()}"


def _declared(table: ET.Element) -> Declared | str:
    """The declaration, or what in it is not the standard's way."""
    variable = table.find("VariableLength")
    if variable is None or variable.find("VariablePrimaryKey") is not None:
        return "VariableLength, VariableColumn"
    if table.find("UTF8") is None:
        return "UTF8"
    columns = []
    for column in variable.iterfind("VariableColumn"):
        name = column.findtext("Name", "")
        numeric, text = column.find("Numeric"), column.find("AlphaNumeric")
        try:
            if numeric is not None:
                columns.append(Column(name, None, int(numeric.findtext("Accuracy", "0"))))
            elif text is not None:
                columns.append(Column(name, int(column.findtext("MaxLength", "0")) or 2**31))
            else:
                return f"{name}: Date"
        except ValueError:
            return f"{name}: Accuracy, MaxLength"
    rows_from = table.findtext("Range/From", "1").strip()
    return Declared(
        url=table.findtext("URL", ""),
        columns=tuple(columns),
        delimiter=variable.findtext("ColumnDelimiter", ";"),
        record=variable.findtext("RecordDelimiter", "\r\n"),
        quote=variable.findtext("TextEncapsulator", '"'),
        decimal=table.findtext("DecimalSymbol", ","),
        grouping=table.findtext("DigitGroupingSymbol", "."),
        rows_from=int(rows_from) if rows_from.isdecimal() else 0,
    )


def _differing(declared: Declared) -> Iterator[Finding]:
    """How a declaration differs from the standard's. Further columns may stand at the end."""
    standard = TABLES.get(declared.url)
    if standard is None:
        yield Finding(declared.url, "table_unknown")
        return
    form = (declared.delimiter, declared.quote, declared.decimal, declared.rows_from)
    if form != (";", '"', ",", 2) or declared.record not in ("\r\n", "\n"):
        yield Finding(declared.url, "index_standard", '; " , CRLF Range 2')
    for at, column in enumerate(standard):
        given = declared.columns[at] if at < len(declared.columns) else None
        if given != column:
            yield Finding(declared.url, "index_standard", f"{column.name}: {given}")
            return
    for column in declared.columns[len(standard) :]:
        yield Finding(declared.url, "column_further", column.name)
