"""Subsidy rules, in the stream of their main group. Claim: `rule:{rule_id}` → that stream.

What a rule is worth to a card is decided with each charge (`decider/subsidies.py`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from costcenter.decider.structure import CENTER, GROUP
from costcenter.decider.structure.commands import EndRule, SetRule
from costcenter.decider.structure.refusals import (
    CenterIsClosed,
    CenterUnknown,
    MainGroupUnknown,
    RuleUnknown,
)
from costcenter.decider.structure_state import Center, MainGroup
from costcenter.events import SubsidyRule
from costcenter.names import center_stream, group_stream, rule_claim
from events import (
    Ask,
    ClaimTaken,
    Decider,
    Decision,
    DomainError,
    EventStore,
    Take,
    handle,
    handle_together,
    state_of,
)


class RuleReused(DomainError):
    code = "subsidy_rule.reused"
    status = 422
    title = "This rule id belongs to another main group"


@dataclass(frozen=True, slots=True)
class RuleSet:
    rule: SubsidyRule
    position: int


class SubsidyRules:
    """Everything that can be asked of rules. One per process."""

    def __init__(self, store: EventStore, *, currency: str, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._currency = currency
        self._clock = clock

    async def set(self, ask: Ask, rule: SubsidyRule) -> RuleSet:
        """New, or changed from now on.

        Raises `MainGroupUnknown`, `UserGroupUnknown`, `RuleImpossible`, `RuleReused`;
        `CenterUnknown` or `CenterIsClosed` for its payer.
        """
        stream = group_stream(rule.main_group)
        command = SetRule(rule=rule, currency=self._currency, now=self._clock())
        payer = rule.payer_center_id

        def decide(states: Mapping[str, Any]) -> Decision:
            if payer is not None:
                _can_pay(states[center_stream(payer)])
            events = GROUP.decide(command, states[stream])
            return Decision({stream: events}, [Take(rule_claim(rule.rule_id), stream)])

        reads: dict[str, Decider[Any, Any]] = {}
        if payer is not None:
            reads[center_stream(payer)] = CENTER
        try:
            done = await handle_together(self._store, {stream: GROUP}, decide, ask=ask, reads=reads)
        except ClaimTaken as taken:
            raise RuleReused from taken
        return RuleSet(rule=rule, position=done.appended.last_position)

    async def end(self, ask: Ask, *, main_group: int, rule_id: str) -> int:
        """The position of the end. What was granted stays. Raises `MainGroupUnknown`,
        `RuleUnknown`."""
        command = EndRule(rule_id=rule_id, now=self._clock())
        done = await handle(self._store, GROUP, group_stream(main_group), command, ask=ask)
        return done.position

    async def of(self, main_group: int) -> tuple[SubsidyRule, ...]:
        """Those in force or to come, in the order in which they are applied. Raises
        `MainGroupUnknown`."""
        group = await self._group(main_group)
        rules = group.rules.values()
        return tuple(sorted(rules, key=lambda rule: (-rule.priority, rule.rule_id)))

    async def one(self, main_group: int, rule_id: str) -> SubsidyRule:
        """Raises `MainGroupUnknown`, `RuleUnknown`."""
        found = (await self._group(main_group)).rules.get(rule_id)
        if found is None:
            raise RuleUnknown(rule_id)
        return found

    async def _group(self, main_group: int) -> MainGroup:
        _, group = await state_of(self._store, GROUP, group_stream(main_group))
        if group.main_group is None:
            raise MainGroupUnknown
        return group


def _can_pay(center: Center) -> None:
    if center.center_id is None:
        raise CenterUnknown("the payer of a subsidy is a cost center")
    if center.closed:
        raise CenterIsClosed(center.number)
