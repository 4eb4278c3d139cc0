"""Exports made by hand from the standard's words, for tests of the verifier: right ones, to be
damaged. Nothing of the code that writes real exports is used."""

from __future__ import annotations

import base64
import csv
import io
import zipfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from kassenverbund.fiscal.asn1 import whole, whole_number
from kassenverbund.fiscal.dsfinvk.index import DTD, elements
from kassenverbund.fiscal.dsfinvk.tables import TABLES

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
RATES = {1: Decimal(19), 2: Decimal(7), 5: Decimal(0)}
_SLOT = {1: 0, 2: 1, 5: 4}
_TRANSACTION = bytes.fromhex("04007f000703070101")
_SHA256 = bytes.fromhex("04007f00070101040103")

Made = dict[str, list[dict[str, str]]]
"""Rows by table."""

L = tuple[str, int, str]
"""GV_TYP, VAT key, gross."""

P = tuple[str, str]
"""ZAHLART_TYP, amount."""


class Device:
    """A TSE on P-256, from BSI TR-03151's words."""

    def __init__(self, secret: int = 4711) -> None:
        self._key = ec.derive_private_key(secret, ec.SECP256R1())
        form = serialization.PublicFormat.UncompressedPoint
        encoding = serialization.Encoding.X962
        self.point = self._key.public_key().public_bytes(encoding, form)
        self.serial = sha256(self.point).digest()
        self.number = self.counter = 0
        self.logs: dict[str, bytes] = {}

    def log(self, step: str, number: int, client: str, kind: str, data: str, time: int) -> bytes:
        """A log message's signature."""
        self.counter += 1
        signed = whole(0x02, b"\x02") + whole(0x06, _TRANSACTION)
        signed += whole(0x80, f"{step}Transaction".encode()) + whole(0x81, client.encode())
        signed += whole(0x82, data.encode()) + whole(0x83, kind.encode())
        signed += whole_number(0x85, number) + whole(0x04, self.serial)
        signed += whole(0x30, whole(0x06, _SHA256))
        signed += whole_number(0x02, self.counter) + whole_number(0x02, time)
        r, s = utils.decode_dss_signature(self._key.sign(signed, ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        name = f"Unixt_{time}_Sig-{self.counter}_Log-Tra_No-{number}_{step}_Client-{client}.log"
        self.logs[name] = whole(0x30, signed + whole(0x04, signature))
        return signature


@dataclass
class Export:
    """Tills that sell, close, and write it all down."""

    rows: Made = field(default_factory=lambda: defaultdict(list))
    device: Device = field(default_factory=Device)
    now: datetime = START
    names: Mapping[str, Sequence[str]] = field(
        default_factory=lambda: {
            table: [column.name for column in columns] for table, columns in TABLES.items()
        }
    )

    def shift(self, till: str, number: int, first: int = 1) -> Shift:
        return Shift(self, till, number, first)

    def files(self) -> dict[str, bytes]:
        made = {name: self._csv(name) for name in TABLES if self.rows[name]}
        return {"index.xml": self._index(made), DTD: _dtd(), **made}

    def zip(self, files: Mapping[str, bytes] | None = None) -> bytes:
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in (files or self.files()).items():
                archive.writestr(name, content)
        return made.getvalue()

    def _csv(self, table: str) -> bytes:
        text = io.StringIO()
        writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
        writer.writerow(self.names[table])
        for row in self.rows[table]:
            writer.writerow([row.get(name, "") for name in self.names[table]])
        return text.getvalue().encode()

    def _index(self, made: Mapping[str, bytes]) -> bytes:
        tables = "".join(_table(name) for name in made)
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE DataSet SYSTEM "{DTD}">\n<DataSet>'
            "<Version>1.0</Version><DataSupplier><Name>x</Name><Location/><Comment/>"
            f"</DataSupplier><Media><Name>1</Name>{tables}</Media></DataSet>"
        ).encode()


def _dtd() -> bytes:
    return "\n".join(f"<!ELEMENT {name} {model}>" for name, model in elements().items()).encode()


def _table(name: str) -> str:
    columns = ""
    for column in TABLES[name]:
        kind = f"<AlphaNumeric/><MaxLength>{column.characters_max}</MaxLength>"
        if column.characters_max is None:
            accuracy = f"<Accuracy>{column.decimals}</Accuracy>" if column.decimals else ""
            kind = f"<Numeric>{accuracy}</Numeric>"
        columns += f"<VariableColumn><Name>{column.name}</Name>{kind}</VariableColumn>"
    return (
        f"<Table><URL>{escape(name)}</URL><Name>{name}</Name><UTF8/>"
        "<DecimalSymbol>,</DecimalSymbol><DigitGroupingSymbol>.</DigitGroupingSymbol>"
        "<Range><From>2</From></Range><VariableLength><ColumnDelimiter>;</ColumnDelimiter>"
        "<RecordDelimiter>&#xD;&#xA;</RecordDelimiter><TextEncapsulator>&#34;</TextEncapsulator>"
        f"{columns}</VariableLength></Table>"
    )


class Shift:
    """One closing in the making: rows are written at its end, when its time is known."""

    def __init__(self, export: Export, till: str, number: int, first: int) -> None:
        self._export, self.till, self.number, self.next = export, till, number, first
        self._rows: Made = defaultdict(list)
        self._cases: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
        self._taxes: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
        self._paid: dict[str, Decimal] = defaultdict(Decimal)
        self._ids: list[str] = []

    def bon(
        self, type_: str = "Beleg", lines: Sequence[L] = (), paid: Sequence[P] = (), *,
        name: str = "", kind: str = "Kassenbeleg-V1", data: str | None = None, failed: str = "",
    ) -> str:  # fmt: skip
        """One receipt, signed unless it says why not; its id."""
        id_ = f"{self.till}-{self.next}"
        begin, end = self._export.now, self._export.now + timedelta(seconds=9)
        self._export.now += timedelta(minutes=3)
        total = sum((Decimal(gross) for _, _, gross in lines), Decimal())
        self._add("transactions.csv", BON_ID=id_, BON_NR=self.next, BON_TYP=type_, BON_NAME=name,
                  BON_STORNO=0, BON_START=_time(begin), BON_ENDE=_time(end),
                  UMS_BRUTTO=_number(total, 2))  # fmt: skip
        sums = self._lines(id_, type_, lines)
        for way, amount in paid:
            self._add("datapayment.csv", BON_ID=id_, ZAHLART_TYP=way, ZAHLART_NAME=way,
                      ZAHLWAEH_CODE="EUR", ZAHLWAEH_BETRAG=_number(amount, 2),
                      BASISWAEH_BETRAG=_number(amount, 2))  # fmt: skip
            if type_ == "Beleg":
                self._paid[way] += Decimal(amount)
        if data is None:
            slots = [Decimal()] * 5
            for key, (gross, _, _) in sums.items():
                slots[_SLOT[key]] += gross
            data = f"{type_}^{'_'.join(f'{one:.2f}' for one in slots)}^" + "_".join(
                f"{Decimal(amount):.2f}:{'Bar' if way == 'Bar' else 'Unbar'}"
                for way, amount in paid
                if way != "Keine"
            )
        self._sign(id_, kind, data, begin, end, failed)
        self.next += 1
        self._ids.append(id_)
        return id_

    def refer(self, bon: str, to: str, *, z: int, type_: str = "Transaktion") -> None:
        self._add("references.csv", BON_ID=bon, REF_TYP=type_, REF_Z_KASSE_ID=self.till,
                  REF_Z_NR=z, REF_BON_ID=to)  # fmt: skip

    def _lines(
        self, id_: str, type_: str, lines: Sequence[L]
    ) -> dict[int, tuple[Decimal, Decimal, Decimal]]:
        sums: dict[int, tuple[Decimal, Decimal, Decimal]] = {}
        for number, (case, key, text) in enumerate(lines, 1):
            gross = Decimal(text)
            tax = (gross * RATES[key] / (100 + RATES[key])).quantize(Decimal("0.01"))
            three = (gross, gross - tax, tax)
            self._add("lines.csv", BON_ID=id_, POS_ZEILE=number, ARTIKELTEXT=f"{case} {number}",
                      GV_TYP=case, INHAUS=0, P_STORNO=0, AGENTUR_ID=0, MENGE="1,000",
                      GUTSCHEIN_NR="G1" if "gutschein" in case else "",
                      STK_BR=_number(gross, 5))  # fmt: skip
            self._add("lines_vat.csv", BON_ID=id_, POS_ZEILE=number, UST_SCHLUESSEL=key,
                      **_three("POS", three))  # fmt: skip
            known = sums.get(key, (Decimal(),) * 3)
            sums[key] = (known[0] + gross, known[1] + gross - tax, known[2] + tax)
            if type_ == "Beleg":
                self._cases[case, key] += gross
                self._taxes[case, key] += tax
        for key, three in sums.items():
            self._add("transactions_vat.csv", BON_ID=id_, UST_SCHLUESSEL=key,
                      **_three("BON", three))  # fmt: skip
        return sums

    def _sign(
        self, id_: str, kind: str, data: str, begin: datetime, end: datetime, failed: str
    ) -> None:
        device = self._export.device
        if failed:
            self._add("transactions_tse.csv", BON_ID=id_, TSE_TA_FEHLER=failed)
            return
        device.number += 1
        device.log("Start", device.number, self.till, "", "", int(begin.timestamp()))
        signature = device.log("Finish", device.number, self.till, kind, data, int(end.timestamp()))
        self._add("transactions_tse.csv", BON_ID=id_, TSE_ID=1, TSE_TANR=device.number,
                  TSE_TA_START=_time(begin), TSE_TA_ENDE=_time(end), TSE_TA_VORGANGSART=kind,
                  TSE_TA_SIGZ=device.counter, TSE_TA_SIG=base64.b64encode(signature).decode(),
                  TSE_VORGANGSDATEN=data)  # fmt: skip

    def close(self) -> None:
        """The closing itself, and its sums."""
        export, device = self._export, self._export.device
        bar = self._paid.get("Bar", Decimal())
        self._add("cashpointclosing.csv", Z_BUCHUNGSTAG=f"{export.now:%Y-%m-%d}",
                  TAXONOMIE_VERSION="2.4", Z_START_ID=self._ids[0], Z_ENDE_ID=self._ids[-1],
                  NAME="Muster GmbH", LAND="DEU", Z_SE_BARZAHLUNGEN=_number(bar, 2),
                  Z_SE_ZAHLUNGEN=_number(sum(self._paid.values()), 2))  # fmt: skip
        self._add("location.csv", LOC_NAME="Mitte", LOC_LAND="DEU")
        self._add("cashregister.csv", KASSE_SERIENNR=self.till, KASSE_BASISWAEH_CODE="EUR")
        for key, rate in RATES.items():
            self._add("vat.csv", UST_SCHLUESSEL=key, UST_SATZ=_number(rate, 2))
        self._add("tse.csv", TSE_ID=1, TSE_SERIAL=device.serial.hex(),
                  TSE_SIG_ALGO="ecdsa-plain-SHA256", TSE_ZEITFORMAT="unixTime",
                  TSE_PD_ENCODING="UTF-8",
                  TSE_PUBLIC_KEY=base64.b64encode(device.point).decode())  # fmt: skip
        for (case, key), gross in self._cases.items():
            tax = self._taxes[case, key]
            self._add("businesscases.csv", GV_TYP=case, AGENTUR_ID=0, UST_SCHLUESSEL=key,
                      Z_UMS_BRUTTO=_number(gross, 5), Z_UMS_NETTO=_number(gross - tax, 5),
                      Z_UST=_number(tax, 5))  # fmt: skip
        for way, amount in self._paid.items():
            self._add("payment.csv", ZAHLART_TYP=way, ZAHLART_NAME=way,
                      Z_ZAHLART_BETRAG=_number(amount, 2))  # fmt: skip
        self._add("cash_per_currency.csv", ZAHLART_WAEH="EUR", ZAHLART_BETRAG_WAEH=_number(bar, 2))
        key_of = {
            "Z_KASSE_ID": self.till, "Z_ERSTELLUNG": _time(export.now), "Z_NR": str(self.number),
        }  # fmt: skip
        for table, rows in self._rows.items():
            export.rows[table] += [key_of | row for row in rows]

    def _add(self, table: str, **row: object) -> None:
        self._rows[table].append({name: str(value) for name, value in row.items()})


def _three(prefix: str, three: tuple[Decimal, Decimal, Decimal]) -> dict[str, str]:
    names = (f"{prefix}_BRUTTO", f"{prefix}_NETTO", f"{prefix}_UST")
    return {name: _number(one, 5) for name, one in zip(names, three, strict=True)}


def _number(value: Decimal | str | int, decimals: int) -> str:
    return f"{Decimal(value):.{decimals}f}".replace(".", ",")


def _time(value: datetime) -> str:
    return f"{value:%Y-%m-%dT%H:%M:%S}.000Z"


def month(export: Export | None = None) -> Export:
    """Two tills, three closings, one of every kind of BON."""
    made = export or Export()
    shift = made.shift("KV-1", 1)
    sale = shift.bon(lines=[("Umsatz", 1, "11.90"), ("Umsatz", 2, "1.07")], paid=[("Bar", "12.97")])
    shift.bon(lines=[("MehrzweckgutscheinKauf", 5, "50.00")], paid=[("ECKarte", "50.00")])
    shift.bon(
        lines=[("Umsatz", 2, "30.00"), ("MehrzweckgutscheinEinloesung", 5, "-30.00")],
        paid=[("Keine", "0.00")],
    )
    returned = shift.bon(lines=[("Umsatz", 1, "-11.90")], paid=[("Bar", "-11.90")])
    shift.refer(returned, sale, z=1)
    shift.bon("AVTraining", [("Umsatz", 1, "5.00")], [("Bar", "5.00")])
    shift.bon("AVBelegabbruch")
    shift.bon(
        "AVBestellung", [("Umsatz", 1, "3.99")], kind="Bestellung-V1", data='1;"Umsatz 1";3.99'
    )
    shift.bon(lines=[("Geldtransit", 5, "-1.00")], paid=[("Bar", "-1.00")])
    shift.bon(lines=[("Umsatz", 1, "2.00")], paid=[("Bar", "2.00")], failed="TSE ausgefallen")
    shift.bon("AVSonstige", name="Kassenabschluss", kind="SonstigerVorgang", data="Z=1")
    shift.close()
    again = made.shift("KV-1", 2, shift.next)
    late = again.bon(lines=[("Umsatz", 2, "-1.07")], paid=[("Bar", "-1.07")])
    again.refer(late, sale, z=1)
    again.bon("AVSonstige", name="Kassenabschluss", kind="SonstigerVorgang", data="Z=2")
    again.close()
    other = made.shift("KV-2", 7, 100)
    other.bon(lines=[("Umsatz", 2, "4.20")], paid=[("Kreditkarte", "4.20")])
    settled = other.bon(lines=[("Forderungsaufloesung", 5, "9.00")], paid=[("Bar", "9.00")])
    other.refer(settled, "R-4711", z=0, type_="ExterneRechnung")
    other.bon("AVSonstige", name="Kassenabschluss", kind="SonstigerVorgang", data="Z=7")
    other.close()
    return made
