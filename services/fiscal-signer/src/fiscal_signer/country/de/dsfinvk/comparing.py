"""The sums of a closing's processes beside those that the till said when it was closed.

The till adds up what it records while it records it; an export adds up what was recorded. Where
they differ, something is missing, doubled or wrong, and whoever reads the export has to know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fiscal_signer.country.de.dsfinvk.text import FIVE, two

CENT_PER_PROCESS = 1
"""By how many cents a case's net may differ from the till's for each process: the till rounds per
process and case, a position is rounded as part of its process' VAT table."""


@dataclass(slots=True)
class Sums:
    """Of the processes that count."""

    cases: dict[tuple[str, str, int], list[int]] = field(default_factory=dict)
    """(GV_TYP, GV_NAME, key) → [gross, net] in 1/100,000."""
    payments: dict[tuple[str, str], int] = field(default_factory=dict)
    """(ZAHLART_TYP, ZAHLART_NAME) → cents."""
    cash: dict[str, int] = field(default_factory=dict)
    """Currency → cents."""
    kinds: dict[str, int] = field(default_factory=dict)
    """Of all processes."""


def differences(
    label: str,
    closed: Mapping[str, Any],
    sums: Sums,
    *,
    first: str,
    last: str,
    processes: int,
) -> list[str]:
    """What differs, for people; empty: nothing. `first`, `last`: booking ids of the processes."""
    found = [
        *_cases(closed, sums, CENT_PER_PROCESS * max(1, processes)),
        *_payments(closed, sums),
        *_drawer(closed, sums),
        *_counts(closed, sums),
    ]
    if (closed["first_booking_id"], closed["last_booking_id"]) != (first, last):
        found.append("erster oder letzter Vorgang weicht ab")
    return [f"{label}: {text}" for text in found]


def _cases(closed: Mapping[str, Any], sums: Sums, net_cents_max: int) -> Iterator[str]:
    tills: dict[tuple[str, str, int], list[int]] = {}
    for row in closed["cases"]:
        said = tills.setdefault((row["case"], row["name"], row["dsfinvk_key"]), [0, 0])
        said[0] += row["gross"]["amount"]
        said[1] += row["net"]["amount"]
    for key in sorted(sums.cases.keys() | tills.keys()):
        gross, net = sums.cases.get(key, [0, 0])
        till_gross, till_net = tills.get(key, [0, 0])
        what = f"Geschäftsvorfall {' '.join(filter(None, key[:2]))}, Schlüssel {key[2]}"
        yield from _differ(f"{what}, brutto", gross // FIVE, till_gross)
        if abs(net - till_net * FIVE) > net_cents_max * FIVE:
            yield from _differ(f"{what}, netto", net // FIVE, till_net)


def _payments(closed: Mapping[str, Any], sums: Sums) -> Iterator[str]:
    tills: dict[tuple[str, str], int] = {}
    for row in closed["payments"]:
        at = (row["type"], row["name"])
        tills[at] = tills.get(at, 0) + row["amount"]["amount"]
    for at in sorted(sums.payments.keys() | tills.keys()):
        if at[0] != "Keine":
            said, own = tills.get(at, 0), sums.payments.get(at, 0)
            yield from _differ(f"Zahlart {at[0]} ({at[1]})", own, said)


def _drawer(closed: Mapping[str, Any], sums: Sums) -> Iterator[str]:
    cash = closed.get("cash") or {}
    if "left" in cash and "float" in closed:
        moved = sums.cash.get(closed["currency"], 0)
        what = "Bargeldbestand nach dem Abschluss"
        yield from _differ(what, closed["float"]["amount"] + moved, cash["left"]["amount"])


def _counts(closed: Mapping[str, Any], sums: Sums) -> Iterator[str]:
    counts = closed.get("counts", {})
    # Whether the closing counts itself is the till's choice.
    for kind in sorted((counts.keys() | sums.kinds.keys()) - {"closing"}):
        own, said = sums.kinds.get(kind, 0), counts.get(kind, 0)
        if own != said:
            yield f"Vorgänge der Art {kind}: Export {own}, Kasse {said}"


def _differ(what: str, own: int, said: int) -> Iterator[str]:
    if own != said:
        yield f"{what}: Einzelaufzeichnungen {two(own)}, Kasse {two(said)}"
