"""Business cases of subsidies, and what a tax adviser has to confirm about a rule.

DSFinV-K 2.4 names both cases (GV_TYP); which one holds follows from the contract between shop and
payer, which no program sees. `docs/subsidies.md` has the facts and their sources.
"""

from __future__ import annotations

from dataclasses import dataclass

from costcenter.events import SubsidyRule, TaxCase

CASES: dict[TaxCase, str] = {"real": "ZuschussEcht", "unreal": "ZuschussUnecht"}
"""GV_TYP."""


@dataclass(frozen=True, slots=True)
class ToConfirm:
    """`code` is stable."""

    code: str
    text: str


def to_confirm(rule: SubsidyRule) -> tuple[ToConfirm, ...]:
    """What a tax adviser has to look at before the rule is used. The first is gone once somebody
    has confirmed the case; the others depend on the year and on the payroll."""
    found = []
    if rule.confirmed_by is None:
        found.append(
            ToConfirm(
                code="tax_case",
                text=f"{CASES[rule.tax_case]}: whether the payer's share is a real subsidy or part "
                "of the price follows from the contract with the payer.",
            )
        )
    found.append(
        ToConfirm(
            code="vat",
            text="In which VAT slot the payer's share stands: `cost_centers.subsidy_vat` of "
            "chain.yaml.",
        )
    )
    if rule.kind == "employee_pays":
        found.append(
            ToConfirm(
                code="official_value",
                text="Whether the employee's share covers the official value of the meal in this "
                "year.",
            )
        )
    else:
        found.append(
            ToConfirm(
                code="benefit",
                text="Whether the subsidy stays within this year's tax-free amounts; the payroll "
                "decides, not the till.",
            )
        )
    if rule.days_per_month_max is None:
        found.append(
            ToConfirm(
                code="days",
                text="Whether absences are recorded: without, the days per month should be "
                "limited.",
            )
        )
    return tuple(found)
