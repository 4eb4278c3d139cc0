"""Sections of `chain.yaml` for the tax office: choices of fiscal cases, recording systems."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated

from pydantic import Field

from kassenverbund.kit.chain_policies import CostCenterPolicy, Part, RuleBroken
from kassenverbund.kit.fiscal_cases import BY_NAME, CaseChoice, Choices, choice_refusal
from kassenverbund.kit.text import Identifier, SafeName

CHOICES_MAX = 50
"""Dated choices of one case."""

FiscalCases = dict[
    str, CaseChoice | Annotated[tuple[CaseChoice, ...], Field(max_length=CHOICES_MAX)]
]
"""Name of the case → what is chosen, once or dated several times."""

CertificationId = Annotated[str, Field(pattern=r"^BSI-K-TR-[0-9]{4}-[0-9]{4}(-MA-[0-9]{2})?$")]


class RecordingSystem(Part):
    """A till as the tax office wants to know it. What is left out comes of its pairing."""

    till: Identifier
    acquired_on: date | None = None
    """Bought, rented or leased."""
    commissioned_on: date | None = None
    decommissioned_on: date | None = None
    decommissioned_because: SafeName | None = None
    manufacturer: SafeName | None = None
    """Of the device."""
    model: SafeName | None = None


def rows_of(cases: FiscalCases) -> Iterable[tuple[str, CaseChoice]]:
    """(case, choice), one per case and day."""
    for case, named in cases.items():
        for row in named if isinstance(named, tuple) else (named,):
            yield case, row


def check_cases(cases: FiscalCases) -> None:
    """Raises `RuleBroken`: no such case or choice, something else chooses, or two for one day."""
    for case, row in rows_of(cases):
        refusal = choice_refusal(case, row.choice)
        if refusal is None and BY_NAME[case].setting:
            refusal = f"{case} is chosen by `{BY_NAME[case].setting}` alone"
        if refusal is not None:
            raise RuleBroken(refusal, "fiscal_cases", case)
    for case, named in cases.items():
        days = [row.valid_from for row in named] if isinstance(named, tuple) else []
        if len(set(days)) < len(days):
            raise RuleBroken(f"{case}: two choices from the same day", "fiscal_cases", case)


def choices_of(cases: FiscalCases, centers: CostCenterPolicy) -> Choices:
    """What is in force; the keys of receivables and subsidies as `cost_centers` says."""
    keys: Mapping[str, str] = {
        "cost_centers.receivable_vat": centers.receivable_vat,
        "cost_centers.subsidy_vat": centers.subsidy_vat,
    }
    by_setting = (
        (case.name, CaseChoice(choice=keys[case.setting]))
        for case in BY_NAME.values()
        if case.setting in keys
    )
    return Choices.of((*by_setting, *rows_of(cases)))
