"""A card: who charges. Its past bookings stay with the center they were made for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from costcenter.decider.structure.commands import (
    BlockCard,
    CardCommand,
    EndCard,
    IssueCard,
    LiftLimit,
    MoveCard,
    RegroupCard,
    ReplaceCard,
    SetLimit,
    UnblockCard,
)
from costcenter.decider.structure.limits import (
    check_validity,
    lift_limit,
    set_limit,
    with_limit,
    without_limit,
)
from costcenter.decider.structure.refusals import (
    CardCodeFits,
    CardCodeTaken,
    CardIsEnded,
    CardIsVirtual,
    CardReused,
    CardUnknown,
)
from costcenter.decider.structure_state import Card
from costcenter.events import (
    CardAssigned,
    CardBlocked,
    CardEnded,
    CardEvent,
    CardIssued,
    CardRegrouped,
    CardReplaced,
    CardUnblocked,
    LimitLifted,
    LimitSet,
)


def known_card(card: Card) -> str:
    """Its id. Raises `CardUnknown`."""
    if card.card_id is None:
        raise CardUnknown
    return card.card_id


def live_card(card: Card) -> str:
    """Its id. Raises `CardUnknown`, `CardIsEnded`."""
    card_id = known_card(card)
    if card.ended:
        raise CardIsEnded(card.number)
    return card_id


def decide(command: CardCommand, card: Card) -> Sequence[CardEvent]:
    match command:
        case IssueCard():
            return _issue(command, card)
        case MoveCard():
            return _move(command, card)
        case RegroupCard():
            return _regroup(command, card)
        case ReplaceCard():
            return _replace(command, card)
        case BlockCard() | UnblockCard():
            return _block(command, card)
        case EndCard():
            card_id = known_card(card)
            if card.ended:
                return ()
            return (
                CardEnded(
                    card_id=card_id,
                    number=card.number,
                    reason=command.reason,
                    ended_at=command.now,
                ),
            )
        case SetLimit():
            live_card(card)
            return set_limit(command, card.limits)
        case LiftLimit():
            return lift_limit(command, card.limits)
        case _:
            assert_never(command)


def _issue(command: IssueCard, card: Card) -> Sequence[CardEvent]:
    check_validity(command.valid_from, command.valid_until)
    physical = command.kind == "physical"
    if (command.code_hash is not None) != physical or (command.medium != "none") != physical:
        raise CardCodeFits
    issued = CardIssued(
        card_id=command.card_id,
        number=command.number,
        kind=command.kind,
        medium=command.medium,
        type=command.type,
        main_group=command.main_group,
        user_group=command.user_group,
        center_id=command.center_id,
        code_hash=command.code_hash,
        hash_key_id=command.hash_key_id,
        valid_from=command.valid_from,
        valid_until=command.valid_until,
        issued_at=command.now,
    )
    if card.card_id is None:
        return (issued,)
    live_card(card)
    # Asking again for what is so already is no change, whatever happened in between.
    if replace(evolve(Card(), issued), blocked=card.blocked, limits=card.limits) == card:
        return ()
    raise CardReused(command.card_id)


def _move(command: MoveCard, card: Card) -> Sequence[CardEvent]:
    card_id = live_card(card)
    if card.center_id == command.center_id:
        return ()
    return (
        CardAssigned(
            card_id=card_id,
            number=card.number,
            center_id=command.center_id,
            before=card.center_id,
            assigned_at=command.now,
        ),
    )


def _regroup(command: RegroupCard, card: Card) -> Sequence[CardEvent]:
    card_id = live_card(card)
    if (card.main_group, card.user_group) == (command.main_group, command.user_group):
        return ()
    return (
        CardRegrouped(
            card_id=card_id,
            main_group=command.main_group,
            user_group=command.user_group,
            regrouped_at=command.now,
        ),
    )


def _replace(command: ReplaceCard, card: Card) -> Sequence[CardEvent]:
    card_id = live_card(card)
    if card.kind == "virtual":
        raise CardIsVirtual(card.number)
    if command.medium == "none":
        raise CardCodeFits
    if command.code_hash == card.code_hash:
        raise CardCodeTaken
    return (
        CardReplaced(
            card_id=card_id,
            reason=command.reason,
            medium=command.medium,
            code_hash=command.code_hash,
            hash_key_id=command.hash_key_id,
            former_code_hash=card.code_hash,
            replaced_at=command.now,
        ),
    )


def _block(command: BlockCard | UnblockCard, card: Card) -> Sequence[CardEvent]:
    card_id = live_card(card)
    if isinstance(command, UnblockCard):
        if card.blocked is None:
            return ()
        return (CardUnblocked(card_id=card_id, unblocked_at=command.now),)
    if card.blocked == command.reason:
        return ()
    return (CardBlocked(card_id=card_id, reason=command.reason, blocked_at=command.now),)


def evolve(card: Card, event: CardEvent) -> Card:
    match event:
        case CardIssued():
            return replace(
                card,
                card_id=event.card_id,
                number=event.number,
                kind=event.kind,
                medium=event.medium,
                type=event.type,
                main_group=event.main_group,
                user_group=event.user_group,
                center_id=event.center_id,
                code_hash=event.code_hash,
                valid_from=event.valid_from,
                valid_until=event.valid_until,
            )
        case CardAssigned():
            return replace(card, center_id=event.center_id)
        case CardRegrouped():
            return replace(card, main_group=event.main_group, user_group=event.user_group)
        case CardBlocked():
            return replace(card, blocked=event.reason)
        case CardUnblocked():
            return replace(card, blocked=None)
        case CardReplaced():
            return replace(card, medium=event.medium, code_hash=event.code_hash)
        case CardEnded():
            return replace(card, ended=True, center_id=None)
        case LimitSet():
            return replace(card, limits=with_limit(card.limits, event))
        case LimitLifted():
            return replace(card, limits=without_limit(card.limits, event))
        case _:
            assert_never(event)
