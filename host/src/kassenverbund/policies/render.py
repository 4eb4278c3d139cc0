"""The annex for people (Markdown) and for tables (CSV)."""

from __future__ import annotations

import csv
import io
from datetime import date

from kassenverbund.kit.fiscal_cases import Text
from kassenverbund.policies.document import Annex, Language, Policy, Section

HEADINGS = Text("Annex: policies in force", "Anlage: geltende Festlegungen")
INTRO = Text(
    "Annex to the process documentation. Every entry is a policy with a name; where it can be set,"
    " the setting is named. It says what the program does, and is no legal advice.",
    "Anlage zur Verfahrensdokumentation. Jeder Eintrag ist eine benannte Festlegung; wo sie"
    " eingestellt werden kann, ist die Einstellung genannt. Sie beschreibt, was das Programm tut,"
    " und ist keine Rechtsberatung.",
)
FROM_FILE = Text(
    "Dates are those of the declaration (chain.yaml) and of the law; the log was not read.",
    "Daten laut Beschreibung der Kette (chain.yaml) und Gesetz; das Protokoll wurde nicht gelesen.",
)
FROM_LOG = Text(
    "Dates of stores are those of the recorded declarations (master_data.changed).",
    "Daten der Filialen laut aufgezeichneten Stammdaten (master_data.changed).",
)

COLUMNS = (
    Text("Policy", "Festlegung"),
    Text("Case", "Gegenstand"),
    Text("In force", "Gilt"),
    Text("From – to", "Von – bis"),
    Text("Other choice", "Andere Wahl"),
    Text("Source", "Quelle"),
)
SETTING = Text("set by", "gesetzt durch")
AS_OF = Text("As of", "Stand")
CHAIN = Text("Chain", "Kette")
PROGRAM = Text("Program", "Programm")


def say(text: Text, language: Language) -> str:
    """In the wanted language."""
    return text.de if language == "de" else text.en


def day(on: date, language: Language) -> str:
    """`22.11.2026`, or `2026-11-22`."""
    return on.strftime("%d.%m.%Y") if language == "de" else on.isoformat()


def period(policy: Policy, language: Language) -> str:
    """`01.01.2020 – 31.12.2026`."""
    since, until = policy.since, policy.until
    if since is None and until is None:
        return ""
    start = (
        day(since, language) if isinstance(since, date) else say(since, language) if since else ""
    )
    return f"{start} –" if until is None else f"{start} – {day(until, language)}"


def markdown(annex: Annex, language: Language) -> str:
    """One page of tables. Cells hold no line breaks and no open bars."""
    lines = [
        f"# {say(HEADINGS, language)}",
        "",
        f"- {say(CHAIN, language)}: {_cell(annex.name)} (`{annex.chain}`)",
        f"- {say(AS_OF, language)}: {day(annex.on, language)}",
        f"- {say(PROGRAM, language)}: {annex.program}",
        f"- {say(FROM_LOG if annex.from_log else FROM_FILE, language)}",
        "",
        say(INTRO, language),
    ]
    for section in annex.sections:
        lines += ["", *_section(section, language)]
    return "\n".join(lines) + "\n"


def _section(section: Section, language: Language) -> list[str]:
    policies = section.policies
    used = [
        True,
        True,
        True,
        any(period(one, language) for one in policies),
        any(one.others is not None for one in policies),
        any(one.source or one.note for one in policies),
    ]
    heading = [say(column, language) for column, shown in zip(COLUMNS, used, strict=True) if shown]
    lines = [
        f"## {_cell(say(section.title, language))}",
        "",
        *((intro, "") if (intro := say(section.intro, language)) else ()),
        f"| {' | '.join(heading)} |",
        f"|{'---|' * len(heading)}",
    ]
    for one in policies:
        cells = (
            f"`{one.name}`",
            _cell(say(one.what, language)),
            _cell(say(one.in_force, language)),
            period(one, language),
            _cell(_others(one, language)),
            _cell(_source(one, language)),
        )
        shown = [cell for cell, wanted in zip(cells, used, strict=True) if wanted]
        lines.append(f"| {' | '.join(shown)} |")
    return lines


def _others(policy: Policy, language: Language) -> str:
    if policy.others is None:
        return ""
    return f"{say(policy.others, language)} ({say(SETTING, language)} `{policy.setting}`)"


def _source(policy: Policy, language: Language) -> str:
    parts = (policy.source, "" if policy.note is None else say(policy.note, language))
    return "; ".join(part for part in parts if part)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


CSV_COLUMNS = (
    "section", "policy", "store", "what", "in_force", "valid_from", "valid_to", "other_choices",
    "setting", "source",
)  # fmt: skip


def as_csv(annex: Annex, language: Language) -> str:
    """One row per policy and period; `;`, quoted where needed, lines ended by CRLF."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    for section in annex.sections:
        for one in section.policies:
            since = one.since
            writer.writerow(
                _harmless(cell)
                for cell in (
                    say(section.title, language),
                    one.name,
                    one.store,
                    say(one.what, language),
                    say(one.in_force, language),
                    since.isoformat() if since else "",
                    one.until.isoformat() if one.until else "",
                    "" if one.others is None else say(one.others, language),
                    one.setting,
                    _source(one, language),
                )
            )
    return out.getvalue()


def _harmless(cell: str) -> str:
    """A cell that a spreadsheet would take for a formula is none."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
