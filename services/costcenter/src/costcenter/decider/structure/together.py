"""Rules over a card, its centers and its group, decided on all of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from costcenter.decider.structure import card as cards
from costcenter.decider.structure import center as centers
from costcenter.decider.structure.commands import (
    AddCard,
    EndCard,
    IssueCard,
    MoveCard,
    RegroupCard,
    RemoveCard,
)
from costcenter.decider.structure.group import user_group
from costcenter.decider.structure_state import Card, Center, MainGroup
from costcenter.events import CardEvent, CardIssued, CenterEvent

GROUP_DOES_NOT_CHARGE = "card.group_does_not_charge"
"""Warning: the card books to a center, and its group pays in another way."""


@dataclass(frozen=True, slots=True)
class OnBothSides:
    """What is stored in one append, so that card and centers always agree."""

    card: Sequence[CardEvent] = ()
    before: Sequence[CenterEvent] = ()
    """In the stream of the center that the card leaves."""
    after: Sequence[CenterEvent] = ()
    """In the stream of the center that it books to from now on."""


def issue(command: IssueCard, card: Card, center: Center | None, group: MainGroup) -> OnBothSides:
    """`center`: the one that the command names.

    Raises `UserGroupUnknown`, `CenterUnknown`, `CenterIsClosed`, `CardReused`, `CardCodeFits`.
    """
    issued = cards.decide(command, card)
    if not any(isinstance(event, CardIssued) for event in issued):
        return OnBothSides()
    user_group(group, command.user_group)
    if center is None:
        return OnBothSides(card=issued)
    add = AddCard(command.card_id, command.number, command.kind, command.now)
    return OnBothSides(card=issued, after=centers.decide(add, center))


def move(command: MoveCard, card: Card, before: Center | None, after: Center | None) -> OnBothSides:
    """`before`: the card's center. Past charges stay there.

    Raises `CardUnknown`, `CardIsEnded`, `CenterUnknown`, `CenterIsClosed`.
    """
    moved = cards.decide(command, card)
    if not moved:
        return OnBothSides()
    card_id = cards.live_card(card)
    left = centers.decide(RemoveCard(card_id, command.now), before) if before else ()
    add = AddCard(card_id, card.number, card.kind, command.now)
    return OnBothSides(moved, left, centers.decide(add, after) if after else ())


def regroup(command: RegroupCard, card: Card, group: MainGroup) -> Sequence[CardEvent]:
    """`group`: the one that the command names. Raises `UserGroupUnknown`, `CardUnknown`."""
    user_group(group, command.user_group)
    return cards.decide(command, card)


def end(command: EndCard, card: Card, center: Center | None) -> OnBothSides:
    """Raises `CardUnknown`."""
    ended = cards.decide(command, card)
    if not ended or center is None:
        return OnBothSides(card=ended)
    remove = RemoveCard(cards.known_card(card), command.now)
    return OnBothSides(card=ended, before=centers.decide(remove, center))


def warnings(center_id: str | None, group: MainGroup, number: int) -> tuple[str, ...]:
    """What a person should look at, though nothing is wrong."""
    found = group.user_groups.get(number)
    silent = center_id is None or found is None or found.mode == "cost_center"
    return () if silent else (GROUP_DOES_NOT_CHARGE,)
