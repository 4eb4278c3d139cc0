"""`pruefbericht.txt`: what an export holds, and everything about it that is not as it should be.

It lies beside the tables and is not described in index.xml: programs that read the tables leave it
alone, people read it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fiscal_signer.country.de.dsfinvk.proof import NOT_CERTIFIED
from fiscal_signer.country.de.dsfinvk.tables import TAXONOMY
from fiscal_signer.country.de.dsfinvk.text import instant, two

if TYPE_CHECKING:
    from fiscal_signer.country.de.dsfinvk.closing import Chainwide, Closing
    from fiscal_signer.country.de.dsfinvk.export import ClosingRow, Progress, Scope

END = "\r\n"


def comment(scope: Scope) -> str:
    """What the supplier says of the export in index.xml."""
    return f"DSFinV-K {TAXONOMY}, Abschlüsse vom {scope.begin} bis {scope.end}"


def head(scope: Scope, chain: Chainwide) -> str:
    """The beginning: what was asked for, the TSEs, their outages."""
    stores = ", ".join(scope.store_ids) or "alle"
    tills = ", ".join(scope.till_ids) or "alle"
    lines = [
        "Prüfbericht zum Export nach DSFinV-K " + TAXONOMY,
        "",
        f"Abschlüsse mit Buchungstag vom {scope.begin} bis {scope.end}",
        f"Filialen: {stores}; Kassen: {tills}",
        f"Stand des Journals: {scope.position}",
        "",
        "Sicherheitseinrichtungen (TSE_ID wie in tse.csv)",
    ]
    for device in chain.devices.values():
        mark = "" if device.certified else f" - {NOT_CERTIFIED}"
        lines.append(f"  {device.number}: {device.tse_id}, {device.serial}{mark}")
    if chain.outages:
        lines += ["", "Ausfälle"]
    for outage_id, outage in chain.outages.items():
        end_ = "noch nicht beendet" if outage.ended_at is None else instant(outage.ended_at)
        lines.append(f"  {outage_id}: {outage.reason}, {instant(outage.began_at)} bis {end_}")
    lines += ["", "Abschlüsse (Filiale / Kasse / Z)", ""]
    return END.join(lines)


def closing(closing: Closing) -> str:
    """One closing: its size, its sums, what differs."""
    paid = ", ".join(
        f"{kind} ({name}) {two(amount)}"
        for (kind, name), amount in sorted(closing.sums.payments.items())
    )
    lines = [
        f"  {closing.label}: Buchungstag {closing.closed['business_date']}, "
        f"{closing.processes} Vorgänge, {closing.lines} Positionen; {paid or 'keine Zahlungen'}"
    ]
    lines += [f"    ABWEICHUNG {text}" for text in closing.differences]
    lines += [f"    Hinweis {text}" for text in closing.notes]
    return END.join(lines) + END


def incomplete(row: ClosingRow) -> str:
    """A closing that is left out."""
    what = "nicht enthalten: das Ergebnis seiner Signatur fehlt noch im Journal"
    return f"    Hinweis {row.store_id} / {row.till_id} / Z {row.shift}: {what}{END}"


def note(text: str) -> str:
    """Something that people should know."""
    return f"    Hinweis {text}{END}"


def end(progress: Progress) -> str:
    """The end: how many there are of everything."""
    differences = progress.differences or "keine"
    return (
        f"{END}Zusammen: {progress.closings} Abschlüsse, {progress.processes} Vorgänge, "
        f"{progress.lines} Positionen, {progress.rows} Zeilen in allen Tabellen; "
        f"Abweichungen: {differences}{END}"
    )
