"""The annex as data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from kassenverbund.kit.fiscal_cases import Text

Language = Literal["de", "en"]


@dataclass(frozen=True, slots=True)
class Policy:
    """One rule, and what is in force of it."""

    name: str
    """Stable: what a tax adviser and a program call it."""
    what: Text
    in_force: Text
    since: date | None = None
    """Business date; None: not said."""
    until: date | None = None
    """The last day, where another choice follows."""
    others: Text | None = None
    """What could be chosen instead; None: nothing."""
    source: str = ""
    note: Text | None = None
    """What the source leaves open."""
    setting: str = ""
    """Where it is set; empty: it is part of the program."""
    store: str = ""
    """Empty: all stores of the chain."""


@dataclass(frozen=True, slots=True)
class Section:
    title: Text
    intro: Text
    policies: tuple[Policy, ...]


@dataclass(frozen=True, slots=True)
class Annex:
    chain: str
    name: str
    on: date
    """What was in force, or is to come, as seen from this day."""
    program: str
    """Its name and version."""
    sections: tuple[Section, ...]
    from_log: bool
    """Whether dates of stores come from the log of events; otherwise from the file alone."""
