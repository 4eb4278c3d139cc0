"""What the TSE signed of a BON: its kind, sums, payments, and the signature itself."""

from __future__ import annotations

import base64
import binascii
import re
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import pairwise
from typing import Final

from kassenverbund.fiscal.asn1 import Malformed
from kassenverbund.fiscal.dsfinvk.amounts import CENT, amount, differs, exact
from kassenverbund.fiscal.dsfinvk.bons import Bon, RowsOf
from kassenverbund.fiscal.dsfinvk.judging import before
from kassenverbund.fiscal.dsfinvk.master import Closing, Tse
from kassenverbund.fiscal.dsfinvk.source import Row
from kassenverbund.fiscal.dsfinvk.tables import OWN_KEYS, SLOT_OF_RATE, SLOTS
from kassenverbund.fiscal.dsfinvk.tally import Tally
from kassenverbund.fiscal.keys import Undecidable
from kassenverbund.fiscal.receipts import Receipt, signed_by

DATA_CHARACTERS_MAX: Final = 1000
"""TSE_VORGANGSDATEN holds no more: of what is as long, the end may be missing."""

_AMOUNT: Final = r"-?\d+\.\d\d"
_RECEIPT: Final = re.compile(
    rf"(?P<kind>Beleg|AV[A-Za-z]+)\^(?P<sums>{_AMOUNT}(?:_{_AMOUNT}){{4}})\^"
    rf"(?P<paid>(?:{_AMOUNT}:(?:Bar|Unbar)(?::[A-Z]{{3}})?(?:_(?!$)|$))*)",
    re.ASCII,
)
_ORDERED: Final = re.compile(r'(-?\d+(?:\.\d+)?);"((?:[^"]|"")*)";(-?\d+\.\d\d)(?:\r|$)', re.ASCII)

_KINDS: Final = {
    "AVBestellung": ("Bestellung-V1", "Kassenbeleg-V1"),
    "AVSonstige": ("SonstigerVorgang", "Kassenbeleg-V1"),
}
"""Of the other types of BON the process type is Kassenbeleg-V1."""


@dataclass(slots=True)
class Signed:
    """A row of transactions_tse.csv that is signed."""

    serial: str
    client: str
    number: int
    counter: int
    start: str
    end: str
    signature: bytes


class Devices:
    """What is to be known of all transactions of a TSE at the end: 24 bytes each."""

    def __init__(self) -> None:
        self._numbers: dict[str, array[int]] = {}
        self._counters: dict[str, array[int]] = {}
        self._times: dict[str, array[int]] = {}

    def add(self, serial: str, number: int, counter: int, end: str) -> None:
        if serial not in self._numbers:
            self._numbers[serial] = array("q")
            self._counters[serial] = array("q")
            self._times[serial] = array("q")
        self._numbers[serial].append(number)
        self._counters[serial].append(counter)
        self._times[serial].append(_milliseconds(end))

    def judge(self, tally: Tally) -> None:
        for serial, numbers in self._numbers.items():
            for number in _twice(numbers):
                tally.broke("tse_numbers", serial, str(number))
            tally.held("tse_numbers", len(numbers))
            counters, times = self._counters[serial], self._times[serial]
            for counter in _twice(counters):
                tally.broke("tse_counters", serial, str(counter))
            tally.held("tse_counters", len(counters))
            last = -1
            for at in sorted(range(len(counters)), key=counters.__getitem__):
                if times[at] < last:
                    tally.broke("tse_times", serial, str(counters[at]))
                last = max(last, times[at])
            tally.held("tse_times", len(counters))


def _twice(numbers: array[int]) -> Iterator[int]:
    ordered = sorted(numbers)
    yield from (one for one, other in pairwise(ordered) if one == other)


def _milliseconds(text: str) -> int:
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000)
    except (ValueError, OverflowError):
        return 0


def judge_signed(
    bons: dict[str, Bon], closing: Closing, rows_of: RowsOf, devices: Devices, tally: Tally
) -> Iterator[Signed]:
    """Judges the TSE rows of a closing, and answers the signed ones."""
    for row in rows_of("transactions_tse.csv"):
        bon = bons.get(row[3])
        item = f"{closing.where} {row[3]}"
        tally.check(bon is not None, "bon_known", item, "transactions_tse.csv")
        if bon is None:
            continue
        bon.signed += 1
        found = _row(row, bon, closing, item, tally)
        if found is not None:
            devices.add(found.serial, found.number, found.counter, found.end)
            yield found
    for bon in bons.values():
        tally.check(bon.signed > 0, "tse_rows", f"{closing.where} {bon.id}")


def _row(row: Row, bon: Bon, closing: Closing, item: str, tally: Tally) -> Signed | None:
    tse_id, number, start, end, kind, counter, value, failed, data = row[4:13]
    parts = (number, counter, value, start, end)
    if not any((number, counter, value)):
        tally.check(bool(failed), "tse_rows", item)
        tally.told(item, "left_unsigned", failed)
        if data:
            _process(kind, data, bon, closing, item, tally)
        return None
    if failed:
        tally.told(item, "signed_with_failure", failed)
    tse = closing.tses.get(tse_id)
    tally.check(tse is not None, "tse_known", item, f"TSE_ID {tse_id}")
    tally.check(all(parts), "tse_rows", item, "transactions_tse.csv")
    if not all(parts) or tse is None:
        return None
    if not failed:
        # What failed may have been signed without its BON's sums.
        _process(kind, data, bon, closing, item, tally)
    ordered = before(start, end)
    tally.check(ordered, "times_order", item, "" if ordered else f"{start} > {end}")
    try:
        signature = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        tally.broke("tse_signature", item, "base64")
        return None
    _signature(row, signature, tse, closing, item, tally)
    return Signed(tse.serial, closing.serial, int(number), int(counter), start, end, signature)


def _signature(
    row: Row, signature: bytes, tse: Tse, closing: Closing, item: str, tally: Tally
) -> None:
    _, number, _, end, kind, counter, _, _, data = row[4:13]
    if tse.key is None:
        tally.broke("tse_signature", item, "TSE_PUBLIC_KEY")
        return
    try:
        receipt = Receipt(
            client=closing.serial, process_type=kind, process_data=data, number=int(number),
            counter=int(counter), time=datetime.fromisoformat(end).astimezone(UTC),
            algorithm=tse.algorithm, time_format=tse.time_format, signature=signature, key=b"",
        )  # fmt: skip
        fits = any(
            tse.key.fits(tse.algorithm, signature, signed)
            for signed in signed_by(receipt, tse.key.serial)
        )
    except Undecidable as unknown:
        tally.told(item, "algorithm_unknown", str(unknown))
    except (Malformed, ValueError, OverflowError) as malformed:
        tally.broke("tse_signature", item, str(malformed))
    else:
        if not fits and len(data) >= DATA_CHARACTERS_MAX:
            tally.told(item, "process_data_cut")
        else:
            tally.check(fits, "tse_signature", item)


def _process(kind: str, data: str, bon: Bon, closing: Closing, item: str, tally: Tally) -> None:
    allowed = _KINDS.get(bon.type, ("Kassenbeleg-V1",))
    fits = kind in allowed
    form = _RECEIPT.fullmatch(data) if kind == "Kassenbeleg-V1" else None
    if fits and kind == "Kassenbeleg-V1":
        fits = form is not None and form["kind"] == bon.type
    tally.check(fits, "tse_process", item, "" if fits else f"{bon.type}: {kind} {data[:60]}")
    if kind == "Bestellung-V1" and fits:
        _order(data, bon, item, tally)
    if not fits or form is None:
        return
    sums = [exact(one) for one in form["sums"].split("_")]
    paid: Counter[tuple[str, str]] = Counter()
    for one in form["paid"].split("_") if form["paid"] else ():
        value, way, *currency = one.split(":")
        paid[way, currency[0] if currency else "EUR"] += exact(value)
    if bon.type == "AVBelegabbruch":
        tally.check(not any(sums) and not any(paid.values()), "tse_slots", item, data[:120])
        return
    slots = _slots(bon, closing)
    if slots is not None:
        same = slots == sums
        detail = ", ".join(differs(a, b) for a, b in zip(sums, slots, strict=True) if a != b)
        tally.check(same, "tse_slots", item, detail)
    own: Counter[tuple[str, str]] = Counter()
    for payment in bon.payments:
        if payment.kind != "Keine":
            way = "Bar" if payment.kind == "Bar" else "Unbar"
            own[way, payment.currency] += payment.amount
    detail = ", ".join(
        f"{':'.join(key)} {differs(paid[key], own[key])}"
        for key in sorted(own.keys() | paid.keys())
        if own[key] != paid[key]
    )
    tally.check(not detail, "tse_payments", item, detail)


def _slots(bon: Bon, closing: Closing) -> list[int] | None:
    """The five sums of annex I; amounts are cut to cents. None: a rate that belongs to none."""
    slots = [0] * 5
    for key, three in bon.sums.items():
        slot = SLOTS.get(key)
        if slot is None and key >= OWN_KEYS:
            rate = closing.rates.get(key, -1)
            slot = SLOT_OF_RATE.get(rate)
        if slot is None:
            return None
        slots[slot] += three[0]
    return [abs(one) // CENT * CENT * (1 if one >= 0 else -1) for one in slots]


def _order(data: str, bon: Bon, item: str, tally: Tally) -> None:
    """The lines of a Bestellung-V1 are the BON's, quantities cut to three decimals."""
    found, at = [], 0
    for line in _ORDERED.finditer(data):
        if line.start() != at:
            break
        at = line.end()
        found.append((exact(line[1]), line[2].replace('""', '"'), exact(line[3])))
    if len(data) >= DATA_CHARACTERS_MAX:
        return
    own = [
        (amount(line.quantity), line.text, amount(line.price) // CENT * CENT)
        for line in bon.lines.values()
    ]
    fits = at == len(data) and sorted(found) == sorted(own)
    tally.check(fits, "tse_order", item, "" if fits else data[:120])


def digest(signature: bytes) -> int:
    """A signature in 8 bytes, to compare many."""
    return int.from_bytes(blake2b(signature, digest_size=8).digest(), "big") >> 1
