"""Two ways to the same sums: from the gateway's log, and from the export's tables. They share no
line, and neither asks the code that writes exports."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Case = tuple[str, str, int]
"""Day, till, VAT key."""
Way = tuple[str, str, str]
"""Day, till, `Bar` or `Unbar`."""


@dataclass
class Sums:
    """Minor units."""

    taxed: Counter[Case] = field(default_factory=Counter)
    paid: Counter[Way] = field(default_factory=Counter)
    receipts: Counter[tuple[str, str]] = field(default_factory=Counter)
    rates: dict[tuple[str, str, int], int] = field(default_factory=dict)
    """Hundredths of a percent by day, till and VAT key, as far as the log says it."""

    def differing(self, other: Sums) -> dict[str, tuple[int, int]]:
        """Where the two do not say the same; what comes to nothing may stand or not."""
        found = {}
        for name in ("taxed", "paid", "receipts"):
            ours, theirs = getattr(self, name), getattr(other, name)
            for key in ours.keys() | theirs.keys():
                if ours[key] != theirs[key]:
                    found[f"{name} {key}"] = (ours[key], theirs[key])
        return found


def from_log(entries: Sequence[Any]) -> Sums:
    """What was booked. `entries`: all of the gateway's log."""
    sums = Sums()
    for entry in entries:
        data = json.loads(entry.data)
        if entry.name not in ("booking.recorded", "cash.moved"):
            continue
        day, till = data["business_date"], data["till_id"]
        sums.receipts[day, till] += 1
        if entry.name == "cash.moved":
            sums.taxed[day, till, 5] += data["amount"]["amount"]
            sums.paid[day, till, "Bar"] += data["amount"]["amount"]
            continue
        for line in data["lines"]:
            sums.taxed[day, till, line["dsfinvk_key"]] += line["amount"]["amount"]
            sums.rates[day, till, line["dsfinvk_key"]] = line["rate"]
        for paid in data["payments"]:
            if paid["fiscal"] == "Keine":
                # No payment to the tax office: it lowers what the goods cost, per VAT key.
                for part in paid.get("parts") or [paid]:
                    gross = part.get("gross") or part["amount"]
                    sums.taxed[day, till, part["dsfinvk_key"]] -= gross["amount"]
            else:
                sums.paid[day, till, paid["fiscal"]] += paid["amount"]["amount"]
    return sums


def table(content: bytes, name: str) -> list[dict[str, str]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if name not in archive.namelist():
            return []
        text = archive.read(name).decode()
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"))


def minor(text: str) -> int:
    """Of `12,34000`. An amount that is not whole cents fails the test."""
    whole, _, part = text.partition(",")
    number = int(whole + (part + "00000")[:5])
    assert number % 1000 == 0, text
    return number // 1000


def from_export(content: bytes) -> Sums:
    """What the export says."""
    days = {
        (row["Z_KASSE_ID"], row["Z_NR"]): row["Z_BUCHUNGSTAG"]
        for row in table(content, "cashpointclosing.csv")
    }
    receipts = {
        row["BON_ID"] for row in table(content, "transactions.csv") if row["BON_TYP"] == "Beleg"
    }
    sums = Sums()
    for row in table(content, "vat.csv"):
        day, till = days[row["Z_KASSE_ID"], row["Z_NR"]], row["Z_KASSE_ID"]
        sums.rates[day, till, int(row["UST_SCHLUESSEL"])] = minor(row["UST_SATZ"])
    for row in table(content, "transactions.csv"):
        if row["BON_ID"] in receipts:
            sums.receipts[days[row["Z_KASSE_ID"], row["Z_NR"]], row["Z_KASSE_ID"]] += 1
    for row in table(content, "lines_vat.csv"):
        if row["BON_ID"] in receipts:
            day, till = days[row["Z_KASSE_ID"], row["Z_NR"]], row["Z_KASSE_ID"]
            sums.taxed[day, till, int(row["UST_SCHLUESSEL"])] += minor(row["POS_BRUTTO"])
    for row in table(content, "datapayment.csv"):
        if row["BON_ID"] in receipts and row["ZAHLART_TYP"] != "Keine":
            way = "Bar" if row["ZAHLART_TYP"] == "Bar" else "Unbar"
            day, till = days[row["Z_KASSE_ID"], row["Z_NR"]], row["Z_KASSE_ID"]
            sums.paid[day, till, way] += minor(row["BASISWAEH_BETRAG"])
    return sums
