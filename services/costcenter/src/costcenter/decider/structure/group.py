"""A main group with the user groups below it, the limits of both and its subsidy rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from costcenter.decider.structure.commands import (
    EndRule,
    GroupCommand,
    LiftLimit,
    SetLimit,
    SetMainGroup,
    SetRule,
    SetUserGroup,
)
from costcenter.decider.structure.limits import (
    check_validity,
    lift_limit,
    set_limit,
    with_limit,
    without_limit,
)
from costcenter.decider.structure.refusals import (
    GroupNumberImpossible,
    MainGroupUnknown,
    RuleImpossible,
    RuleUnknown,
    UserGroupExists,
    UserGroupUnknown,
)
from costcenter.decider.structure_state import MainGroup, UserGroup
from costcenter.events import (
    GroupEvent,
    LimitLifted,
    LimitSet,
    MainGroupChanged,
    MainGroupOpened,
    Scope,
    SubsidyRuleEnded,
    SubsidyRuleSet,
    UserGroupAdded,
    UserGroupChanged,
)

NUMBER_MAX = 9_999

RULES_MAX = 100
"""In force below one main group: every charge of its cards looks at all of them."""


def user_group(group: MainGroup, number: int) -> UserGroup:
    """Raises `MainGroupUnknown`, `UserGroupUnknown`."""
    if group.main_group is None:
        raise MainGroupUnknown
    found = group.user_groups.get(number)
    if found is None:
        raise UserGroupUnknown(f"{group.main_group}-{number}")
    return found


def _known(group: MainGroup) -> int:
    if group.main_group is None:
        raise MainGroupUnknown
    return group.main_group


def decide(command: GroupCommand, group: MainGroup) -> Sequence[GroupEvent]:
    match command:
        case SetMainGroup():
            return _set_main(command, group)
        case SetUserGroup():
            return _set_user(command, group)
        case SetRule():
            return _set_rule(command, group)
        case EndRule():
            number = _known(group)
            if command.rule_id not in group.rules:
                raise RuleUnknown(command.rule_id)
            return (
                SubsidyRuleEnded(rule_id=command.rule_id, main_group=number, ended_at=command.now),
            )
        case SetLimit():
            _check_scope(command.limit.scope, group)
            return set_limit(command, group.limits)
        case LiftLimit():
            return lift_limit(command, group.limits)
        case _:
            assert_never(command)


def _check_scope(scope: Scope, group: MainGroup) -> None:
    """A limit of a user group needs the group."""
    _known(group)
    if scope.level == "user_group":
        user_group(group, int(scope.id.partition("-")[2]))


def _set_main(command: SetMainGroup, group: MainGroup) -> Sequence[GroupEvent]:
    if not 1 <= command.main_group <= NUMBER_MAX:
        raise GroupNumberImpossible
    if group.main_group is None:
        return (
            MainGroupOpened(
                main_group=command.main_group,
                name=command.name,
                company_id=command.company_id,
                opened_at=command.now,
            ),
        )
    if (group.name, group.company_id) == (command.name, command.company_id):
        return ()
    return (
        MainGroupChanged(
            main_group=command.main_group,
            name=command.name,
            company_id=command.company_id,
            changed_at=command.now,
        ),
    )


def _set_user(command: SetUserGroup, group: MainGroup) -> Sequence[GroupEvent]:
    main_group = _known(group)
    if not 1 <= command.number <= NUMBER_MAX:
        raise GroupNumberImpossible
    found = group.user_groups.get(command.number)
    if found is None:
        return (
            UserGroupAdded(
                main_group=main_group,
                number=command.number,
                name=command.name,
                mode=command.mode,
                added_at=command.now,
            ),
        )
    if command.new:
        raise UserGroupExists(f"{main_group}-{command.number}", name=found.name)
    if (found.name, found.mode) == (command.name, command.mode):
        return ()
    return (
        UserGroupChanged(
            main_group=main_group,
            number=command.number,
            name=command.name,
            mode=command.mode,
            changed_at=command.now,
        ),
    )


def _set_rule(command: SetRule, group: MainGroup) -> Sequence[GroupEvent]:
    main_group, rule = _known(group), command.rule
    if rule.main_group != main_group:
        raise RuleImpossible("the rule names another main group")
    for number in rule.user_groups:
        user_group(group, number)
    check_validity(rule.valid_from, rule.valid_until)
    for money in (rule.amount, rule.cap, rule.amount_per_month_max):
        if money is not None and (money.currency != command.currency or money < money.zero):
            raise RuleImpossible("amounts are not negative and in the chain's currency")
    before = group.rules.get(rule.rule_id)
    if before == rule:
        return ()
    if before is None and len(group.rules) >= RULES_MAX:
        raise RuleImpossible(f"a main group has at most {RULES_MAX} rules")
    return (SubsidyRuleSet(rule=rule, set_at=command.now),)


def evolve(group: MainGroup, event: GroupEvent) -> MainGroup:
    match event:
        case MainGroupOpened() | MainGroupChanged():
            return replace(
                group,
                main_group=event.main_group,
                name=event.name,
                company_id=event.company_id,
            )
        case UserGroupAdded() | UserGroupChanged():
            changed = UserGroup(event.number, event.name, event.mode)
            return replace(group, user_groups={**group.user_groups, event.number: changed})
        case SubsidyRuleSet():
            return replace(group, rules={**group.rules, event.rule.rule_id: event.rule})
        case SubsidyRuleEnded():
            rules = {name: rule for name, rule in group.rules.items() if name != event.rule_id}
            return replace(group, rules=rules)
        case LimitSet():
            return replace(group, limits=with_limit(group.limits, event))
        case LimitLifted():
            return replace(group, limits=without_limit(group.limits, event))
        case _:
            assert_never(event)
