"""What a card has used of a subsidy rule in one month, stream `allowance-{rule}-{card}-{month}`.

Taken in the append that holds the charge: however many tills hold at once, the counts of the rule
are kept. Given back when the charge is released or taken back, to the day it was used on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import assert_never

from costcenter.events import (
    AllowanceEvent,
    AllowanceGivenBack,
    AllowanceUsed,
    SubsidyRule,
    SubsidyShare,
)
from costcenter.names import allowance_stream
from events import Decider
from money import Money


@dataclass(frozen=True, slots=True)
class Used:
    """By one charge, and not given back."""

    day: date
    uses: int
    minor: int


@dataclass(frozen=True, slots=True)
class Allowance:
    charges: Mapping[str, Used] = field(default_factory=dict)
    """By charge id."""
    uses: Mapping[date, int] = field(default_factory=dict)
    """By day; days without a use are left out."""
    minor: int = 0
    """Of the month."""


UNUSED = Allowance()


@dataclass(frozen=True, slots=True)
class Room:
    """What a rule may still pay on a day. None: as much as you like."""

    uses: int | None
    minor: int | None

    @property
    def none(self) -> bool:
        return self.uses == 0 or self.minor == 0


def room(rule: SubsidyRule, used: Allowance, day: date) -> Room:
    """Of the rule as it is now: lowered below what was used, it only grants nothing more."""
    here = used.uses.get(day, 0)
    uses = None if rule.per_day_max is None else max(0, rule.per_day_max - here)
    most_days = rule.days_per_month_max
    if most_days is not None and not here and len(used.uses) >= most_days:
        uses = 0
    most = rule.amount_per_month_max
    return Room(uses=uses, minor=None if most is None else max(0, most.amount - used.minor))


@dataclass(frozen=True, slots=True)
class UseAllowance:
    """Of a charge that is held. Once per charge."""

    share: SubsidyShare
    card_id: str
    charge_id: str
    day: date
    now: datetime


@dataclass(frozen=True, slots=True)
class GiveBackAllowance:
    """What a charge used, or a part of it. Never more than it used."""

    rule_id: str
    card_id: str
    charge_id: str
    amount: Money
    uses: int
    now: datetime


AllowanceCommand = UseAllowance | GiveBackAllowance


def stream_of(rule_id: str, card_id: str, day: date) -> str:
    return allowance_stream(rule_id, card_id, f"{day:%Y-%m}")


def decide(command: AllowanceCommand, used: Allowance) -> Sequence[AllowanceEvent]:
    match command:
        case UseAllowance(share=share):
            if command.charge_id in used.charges:
                return ()
            return (
                AllowanceUsed(
                    rule_id=share.rule_id,
                    card_id=command.card_id,
                    month=f"{command.day:%Y-%m}",
                    day=command.day,
                    charge_id=command.charge_id,
                    uses=share.uses,
                    amount=share.amount,
                    used_at=command.now,
                ),
            )
        case GiveBackAllowance():
            return _give_back(command, used)
        case _:
            assert_never(command)


def _give_back(command: GiveBackAllowance, used: Allowance) -> Sequence[AllowanceEvent]:
    known = used.charges.get(command.charge_id)
    if known is None:
        return ()
    uses, minor = min(known.uses, command.uses), min(known.minor, command.amount.amount)
    if not uses and not minor:
        return ()
    return (
        AllowanceGivenBack(
            rule_id=command.rule_id,
            card_id=command.card_id,
            month=f"{known.day:%Y-%m}",
            day=known.day,
            charge_id=command.charge_id,
            uses=uses,
            amount=Money(amount=minor, currency=command.amount.currency),
            given_back_at=command.now,
        ),
    )


def evolve(used: Allowance, event: AllowanceEvent) -> Allowance:
    match event:
        case AllowanceUsed():
            return _changed(used, event.charge_id, event.day, event.uses, event.amount.amount)
        case AllowanceGivenBack():
            return _changed(used, event.charge_id, event.day, -event.uses, -event.amount.amount)
        case _:
            assert_never(event)


def _changed(used: Allowance, charge_id: str, day: date, uses: int, minor: int) -> Allowance:
    charges, days = dict(used.charges), dict(used.uses)
    before = charges.pop(charge_id, Used(day=day, uses=0, minor=0))
    now = replace(before, uses=before.uses + uses, minor=before.minor + minor)
    if now.uses or now.minor:
        charges[charge_id] = now
    left = days.pop(day, 0) + uses
    if left:
        days[day] = left
    return Allowance(charges=charges, uses=days, minor=used.minor + minor)


ALLOWANCE: Decider[AllowanceCommand, Allowance] = Decider(
    initial=UNUSED, decide=decide, evolve=evolve
)


def taken(
    shares: Iterable[SubsidyShare], *, card_id: str, charge_id: str, day: date, now: datetime
) -> dict[str, Sequence[AllowanceEvent]]:
    """What the shares of a new charge take, by stream. For the append that holds it."""
    return {
        stream_of(share.rule_id, card_id, day): decide(
            UseAllowance(share=share, card_id=card_id, charge_id=charge_id, day=day, now=now),
            UNUSED,
        )
        for share in shares
    }


def streams_of(shares: Iterable[SubsidyShare], *, card_id: str, day: date) -> tuple[str, ...]:
    """The allowances that a held charge has used."""
    return tuple(stream_of(share.rule_id, card_id, day) for share in shares)


def given_back(
    shares: Iterable[SubsidyShare],
    allowances: Mapping[str, Allowance],
    *,
    card_id: str,
    charge_id: str,
    day: date,
    now: datetime,
) -> dict[str, Sequence[AllowanceEvent]]:
    """Everything that a charge used, by stream: it was released, or all of it came back.

    `allowances`: states by stream (`streams_of`). `day`: the business date of the charge."""
    found: dict[str, Sequence[AllowanceEvent]] = {}
    for share in shares:
        stream = stream_of(share.rule_id, card_id, day)
        back = part_given_back(
            allowances[stream], share, share.amount, share.uses,
            card_id=card_id, charge_id=charge_id, now=now,
        )  # fmt: skip
        if back:
            found[stream] = back
    return found


def part_given_back(
    used: Allowance,
    share: SubsidyShare,
    amount: Money,
    uses: int,
    *,
    card_id: str,
    charge_id: str,
    now: datetime,
) -> Sequence[AllowanceEvent]:
    """A part of the share came back, or was not booked."""
    command = GiveBackAllowance(
        rule_id=share.rule_id,
        card_id=card_id,
        charge_id=charge_id,
        now=now,
        amount=amount,
        uses=uses,
    )
    return decide(command, used)
