"""Which option of a case a chain has chosen, and from which day on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict

from kassenverbund.kit.fiscal_cases.model import Option
from kassenverbund.kit.fiscal_cases.table import BY_NAME


class ChoiceRefused(ValueError):
    """There is no such case or no such option, or something else chooses."""


class CaseChoice(BaseModel):
    """`choice` is an option's name; without `valid_from` it has always held."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    choice: str
    valid_from: date | None = None


def choice_refusal(case: str, choice: str) -> str | None:
    """Why `choice` is none for `case`; None: it is one."""
    row = BY_NAME.get(case)
    if row is None:
        return f"there is no fiscal case {case} (`kassenverbund policies export` names all)"
    if row.option(choice) is None:
        known = ", ".join(option.name for option in row.options)
        return f"{case} has no choice {choice}: there is {known}"
    return None


_ALWAYS = date.min


@dataclass(frozen=True, slots=True)
class Choices:
    """What is in force. Where nothing is said, the defaults of the table are."""

    dated: Mapping[str, tuple[tuple[date, str], ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """Case → (first day, option), days ascending."""

    @classmethod
    def of(cls, rows: Iterable[tuple[str, CaseChoice]]) -> Choices:
        """Raises `ChoiceRefused`; of two for the same day the later one in `rows` counts."""
        found: dict[str, dict[date, str]] = {}
        for case, row in rows:
            refusal = choice_refusal(case, row.choice)
            if refusal is not None:
                raise ChoiceRefused(refusal)
            found.setdefault(case, {})[row.valid_from or _ALWAYS] = row.choice
        return cls(
            MappingProxyType({case: tuple(sorted(days.items())) for case, days in found.items()})
        )

    def option(self, case: str, on: date) -> Option:
        """What holds for `case` on a business date. Raises `KeyError`: no such case."""
        row = BY_NAME[case]
        chosen = row.default
        for valid_from, name in self.dated.get(case, ()):
            if valid_from <= on:
                chosen = row.option(name) or chosen
        return chosen

    def history(self, case: str) -> tuple[tuple[date | None, Option], ...]:
        """(first day, option) of all that was or will be in force; None: from the beginning."""
        row = BY_NAME[case]
        found: list[tuple[date | None, Option]] = [(None, row.default)]
        for valid_from, name in self.dated.get(case, ()):
            option = row.option(name) or row.default
            if valid_from == _ALWAYS:
                found = [(None, option)]
            elif option != found[-1][1]:
                found.append((valid_from, option))
        return tuple(found)


DEFAULTS = Choices()
