"""Subsidy rules over HTTP, and what a tax adviser has to confirm about each."""

from __future__ import annotations

from datetime import date, time
from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import Response
from pydantic import Field

from costcenter.decider.structure.refusals import RuleImpossible
from costcenter.decider.tax_cases import CASES, to_confirm
from costcenter.events import SubsidyRule, TaxCase
from costcenter.events.subsidies import SubsidyKind
from costcenter.handlers.subsidies import SubsidyRules
from kassenverbund.kit.routes import WRITE, Answer, Body, Office, Reader, as_json, chainwide
from kassenverbund.kit.text import Identifier, SafeName
from money import Money

Number = Annotated[int, Path(ge=1, le=9_999)]

Groups = Annotated[
    tuple[Annotated[int, Field(ge=1, le=9_999)], ...], Field(min_length=1, max_length=100)
]
Articles = Annotated[tuple[Identifier, ...], Field(max_length=100)]
Weekdays = Annotated[tuple[Annotated[int, Field(ge=1, le=7)], ...], Field(max_length=7)]


class RuleBody(Body):
    """See `SubsidyRule`; the path says whose rule it is."""

    name: SafeName
    user_groups: Groups
    article_groups: Articles = ()
    kind: SubsidyKind
    amount: Money | None = None
    percent: Annotated[int, Field(ge=1, le=10_000)] | None = None
    cap: Money | None = None
    per: Annotated[str, Field(pattern="^(meal|booking)$")] = "meal"
    per_day_max: Annotated[int, Field(ge=1, le=100)] | None = 1
    days_per_month_max: Annotated[int, Field(ge=1, le=31)] | None = None
    amount_per_month_max: Money | None = None
    weekdays: Weekdays = ()
    from_time: time | None = None
    until_time: time | None = None
    payer_center_id: Identifier | None = None
    own_share: Annotated[str, Field(pattern="^(other_payment|center)$")] = "other_payment"
    tax_case: TaxCase
    confirmed_by: SafeName | None = None
    priority: Annotated[int, Field(ge=-1_000, le=1_000)] = 0
    stackable: bool = False
    valid_from: date | None = None
    valid_until: date | None = None

    def rule(self, main_group: int, rule_id: str) -> SubsidyRule:
        """Raises `RuleImpossible`."""
        for at in (self.from_time, self.until_time):
            if at is not None and at.tzinfo is not None:
                raise RuleImpossible("hours are local ones of the store, without an offset")
        fields = self.model_dump()
        try:
            return SubsidyRule.model_validate(
                {**fields, "main_group": main_group, "rule_id": rule_id}
            )
        except ValueError as wrong:
            raise RuleImpossible("percent or amount, as its kind needs it") from wrong


class ConfirmAnswer(Answer):
    code: str
    text: str


class RuleAnswer(Answer):
    rule: SubsidyRule
    case: str
    """GV_TYP of DSFinV-K."""
    to_confirm: tuple[ConfirmAnswer, ...]
    """What a tax adviser has to confirm."""


class RuleSetAnswer(RuleAnswer):
    position: int


class RulesAnswer(Answer):
    rules: tuple[RuleAnswer, ...]
    """In the order in which they are applied."""


class EndedAnswer(Answer):
    rule_id: str
    position: int


def routes(rules: SubsidyRules) -> APIRouter:
    """Routes of subsidy rules, below `/costcenter`."""
    found = APIRouter()
    path = "/v1/main-groups/{main_group}/subsidies"

    @found.put(path + "/{rule_id}", response_model=RuleSetAnswer, openapi_extra=WRITE)
    async def set_rule(
        main_group: Number, rule_id: Identifier, body: RuleBody, asked: Office
    ) -> Response:
        """Set a rule, or change it from now on. What was granted stays."""
        chainwide(asked.caller)
        done = await rules.set(asked.ask, body.rule(main_group, rule_id))
        shown = _shown(done.rule)
        return as_json(
            RuleSetAnswer(
                rule=shown.rule,
                case=shown.case,
                to_confirm=shown.to_confirm,
                position=done.position,
            )
        )

    @found.delete(path + "/{rule_id}", response_model=EndedAnswer, openapi_extra=WRITE)
    async def end_rule(main_group: Number, rule_id: Identifier, asked: Office) -> Response:
        """End a rule. What was granted stays."""
        chainwide(asked.caller)
        position = await rules.end(asked.ask, main_group=main_group, rule_id=rule_id)
        return as_json(EndedAnswer(rule_id=rule_id, position=position))

    @found.get(path + "/{rule_id}", response_model=RuleAnswer)
    async def one_rule(main_group: Number, rule_id: Identifier, caller: Reader) -> Response:
        """One rule as it is now."""
        return as_json(_shown(await rules.one(main_group, rule_id)))

    @found.get(path, response_model=RulesAnswer)
    async def all_rules(main_group: Number, caller: Reader) -> Response:
        """The rules of a main group."""
        return as_json(RulesAnswer(rules=tuple(map(_shown, await rules.of(main_group)))))

    return found


def _shown(rule: SubsidyRule) -> RuleAnswer:
    return RuleAnswer(
        rule=rule,
        case=CASES[rule.tax_case],
        to_confirm=tuple(
            ConfirmAnswer(code=some.code, text=some.text) for some in to_confirm(rule)
        ),
    )
