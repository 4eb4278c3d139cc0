"""Definitions of limits: the same on every level."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from costcenter.decider.structure.commands import LiftLimit, SetLimit
from costcenter.decider.structure.refusals import (
    LimitImpossible,
    LimitReshaped,
    LimitUnknown,
    TooManyLimits,
    ValidityImpossible,
)
from costcenter.decider.structure_state import Limited, Limits
from costcenter.events import LimitLifted, LimitSet

LIMITS_MAX = 50
"""In one stream: every charge folds them."""


def set_limit(command: SetLimit, limits: Limits) -> Sequence[LimitSet]:
    """Raises `LimitReshaped`, `LimitImpossible`, `TooManyLimits`.

    A limit that was lifted and is set again finds its accounts as they were.
    """
    limit = command.limit
    before = limits.get(limit.limit_id)
    _check_money(command)
    if before is not None:
        was = before.limit
        if (was.window, was.scope, was.article_groups) != (
            limit.window,
            limit.scope,
            limit.article_groups,
        ):
            raise LimitReshaped(
                window=was.window,
                scope=was.scope.model_dump(),
                article_groups=list(was.article_groups),
            )
        if was == limit:
            return ()
        # What was used before the limit was new is known already: it is not counted twice.
        return (LimitSet(limit=limit, set_at=command.now),)
    if len(limits) >= LIMITS_MAX:
        raise TooManyLimits(limits_max=LIMITS_MAX)
    _check_opening(command)
    return (
        LimitSet(
            limit=limit,
            opening_used=command.opening_used,
            opening_count=command.opening_count,
            opening_day=command.opening_day,
            set_at=command.now,
        ),
    )


def _check_money(command: SetLimit) -> None:
    amount = command.limit.amount
    if amount is not None and (amount.currency != command.currency or amount < amount.zero):
        raise LimitImpossible("the amount is not negative and in the chain's currency")


def _check_opening(command: SetLimit) -> None:
    used = command.opening_used
    if used is None and command.opening_count == 0:
        return
    if command.limit.window == "booking":
        raise LimitImpossible("a limit per booking has no use before it was set")
    if command.opening_day is None:
        raise LimitImpossible("what was used before belongs to the window of a day")
    if used is not None and (used.currency != command.currency or used < used.zero):
        raise LimitImpossible("what was used is not negative and in the chain's currency")
    if command.opening_count < 0:
        raise LimitImpossible("what was used is not negative")


def lift_limit(command: LiftLimit, limits: Limits) -> Sequence[LimitLifted]:
    """Raises `LimitUnknown`, also for a limit of another level in the same stream."""
    found = limits.get(command.limit_id)
    if found is None or found.limit.scope != command.scope:
        raise LimitUnknown(command.limit_id)
    return (LimitLifted(limit_id=command.limit_id, scope=command.scope, lifted_at=command.now),)


def with_limit(limits: Limits, event: LimitSet) -> Limits:
    """What a new limit found used stays when its value changes."""
    before = limits.get(event.limit.limit_id)
    if before is not None and event.opening_day is None:
        limited = Limited(
            limit=event.limit,
            opening_used=before.opening_used,
            opening_count=before.opening_count,
            opening_day=before.opening_day,
        )
    else:
        limited = Limited(
            limit=event.limit,
            opening_used=0 if event.opening_used is None else event.opening_used.amount,
            opening_count=event.opening_count,
            opening_day=event.opening_day,
        )
    return {**limits, event.limit.limit_id: limited}


def without_limit(limits: Limits, event: LimitLifted) -> Limits:
    return {name: limited for name, limited in limits.items() if name != event.limit_id}


def check_validity(first: date | None, last: date | None) -> None:
    """Raises `ValidityImpossible`."""
    if first is not None and last is not None and first > last:
        raise ValidityImpossible
