"""A closing's own data: where, with which till, VAT rates and TSEs."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from kassenverbund.fiscal.asn1 import Malformed
from kassenverbund.fiscal.certificates import NOT_CERTIFIED, key_in, read_certificates
from kassenverbund.fiscal.dsfinvk.amounts import CENT, amount
from kassenverbund.fiscal.dsfinvk.bons import RowsOf, places
from kassenverbund.fiscal.dsfinvk.source import Row
from kassenverbund.fiscal.dsfinvk.tables import OWN_KEYS, RATES
from kassenverbund.fiscal.dsfinvk.tally import Tally
from kassenverbund.fiscal.keys import KeyUnreadable, TseKey, point_in

_CERTIFICATE_FROM: Final = places("tse.csv", "TSE_ZERTIFIKAT_I")[0]


@dataclass(frozen=True, slots=True)
class Tse:
    """One row of tse.csv."""

    serial: str
    algorithm: str
    time_format: str
    encoding: str
    key: TseKey | None


@dataclass(slots=True)
class Closing:
    """What the BONs of a closing are judged by."""

    where: str
    till: str
    created: str
    number: int
    first: str = ""
    last: str = ""
    total: int = 0
    cash: int = 0
    serial: str = ""
    """Of the recording system: the client that the TSE signed for."""
    currency: str = "EUR"
    rates: dict[int, int] = field(default_factory=dict)
    """Hundredths of a percent by VAT key."""
    tses: dict[str, Tse] = field(default_factory=dict)
    terminals: set[str] = field(default_factory=set)
    agencies: set[str] = field(default_factory=set)


class Keys:
    """TSEs as they were judged already: the same row stands in many closings."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], Tse] = {}

    def tse(self, row: Row, where: str, tally: Tally) -> Tse:
        columns = tuple(row[4:])
        known = self._known.get(columns)
        if known is None:
            known = self._known[columns] = _judged(row, where, tally)
        return known


def _judged(row: Row, where: str, tally: Tally) -> Tse:
    item = f"{where} TSE {row[3]}"
    serial, algorithm, time_format, encoding, public_key = row[4:9]
    key: TseKey | None = None
    try:
        key = TseKey(point_in(base64.b64decode(public_key, validate=True)))
    except (KeyUnreadable, binascii.Error, ValueError) as unreadable:
        tally.broke("tse_keys", item, str(unreadable))
    else:
        tally.check(key.serial.hex() == serial.lower(), "tse_keys", item, serial)
    certificate = "".join(row[_CERTIFICATE_FROM:])
    if certificate:
        _certificate(certificate, key, item, tally)
    return Tse(serial.lower(), algorithm, time_format, encoding, key)


def _certificate(text: str, key: TseKey | None, item: str, tally: Tally) -> None:
    try:
        found = read_certificates(base64.b64decode(text, validate=True))
    except (Malformed, binascii.Error, ValueError) as broken:
        tally.broke("tse_keys", item, f"certificate: {broken}")
        return
    inside = key_in(found[0]) if found else None
    same = inside is not None and key is not None and inside.serial == key.serial
    tally.check(same, "tse_keys", item, "certificate")
    if any(NOT_CERTIFIED in one.subject.rfc4514_string() for one in found):
        tally.told(item, "not_certified")


def read_closing(
    key: tuple[str, str, str], rows_of: RowsOf, there: Callable[[str], bool], keys: Keys,
    tally: Tally,
) -> Closing:  # fmt: skip
    """The closing's rows of the master data tables."""
    where = f"{key[0]} Z {key[2]}"
    closing = Closing(where, key[0], key[1], int(key[2]))
    at = places(
        "cashpointclosing.csv", "Z_START_ID", "Z_ENDE_ID", "Z_SE_ZAHLUNGEN", "Z_SE_BARZAHLUNGEN"
    )
    for row in rows_of("cashpointclosing.csv"):
        closing.first, closing.last, total, cash = [row[one] for one in at]
        closing.total, closing.cash = amount(total), amount(cash)
    tills = list(rows_of("cashregister.csv"))
    tally.check(len(tills) == 1, "closing_master", where, f"cashregister.csv: {len(tills)}")
    serial, currency = places("cashregister.csv", "KASSE_SERIENNR", "KASSE_BASISWAEH_CODE")
    for row in tills:
        closing.serial, closing.currency = row[serial], row[currency]
    locations = len(list(rows_of("location.csv")))
    tally.check(locations == 1, "closing_master", where, f"location.csv: {locations}")
    for row in rows_of("vat.csv"):
        _rate(row, closing, tally)
    tally.check(bool(closing.rates), "closing_master", where, "vat.csv")
    for row in rows_of("tse.csv"):
        closing.tses[row[3]] = keys.tse(row, where, tally)
    if there("slaves.csv"):
        closing.terminals = {row[3] for row in rows_of("slaves.csv")}
    if there("pa.csv"):
        closing.agencies = {row[3] for row in rows_of("pa.csv")}
    return closing


def _rate(row: Row, closing: Closing, tally: Tally) -> None:
    key, rate = int(row[3]), amount(row[4]) // CENT
    twice = key in closing.rates
    tally.check(not twice, "closing_master", closing.where, f"vat.csv: {key}")
    closing.rates[key] = rate
    legal = RATES.get(key)
    right = rate == legal if key < OWN_KEYS else True
    tally.check(right, "vat_rates", closing.where, f"UST_SCHLUESSEL {key}: {row[4]}")
