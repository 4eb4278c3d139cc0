"""A cost center, and which cards book to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, assert_never

from costcenter.decider.structure.commands import (
    AddCard,
    BlockCenter,
    CenterCommand,
    CloseCenter,
    LiftLimit,
    RemoveCard,
    SetCenter,
    SetLimit,
    UnblockCenter,
)
from costcenter.decider.structure.limits import (
    check_validity,
    lift_limit,
    set_limit,
    with_limit,
    without_limit,
)
from costcenter.decider.structure.refusals import (
    CenterIsClosed,
    CenterNumberFixed,
    CenterNumberNotDigits,
    CenterNumberTooLong,
    CenterUnknown,
)
from costcenter.decider.structure_state import Center, CenterCard
from costcenter.events import (
    CenterBlocked,
    CenterCardAdded,
    CenterCardRemoved,
    CenterChanged,
    CenterClosed,
    CenterEvent,
    CenterOpened,
    CenterUnblocked,
    LimitLifted,
    LimitSet,
)

NUMBER_LONG = "center.number_long"
"""Warning: till and slip may cut such a number."""

NUMBER_DIGITS_MAX = 40
"""However long a chain allows them."""

DIGITS = frozenset("0123456789")


def check_number(
    number: str, *, digits_max: int, longer: Literal["warn", "refuse"]
) -> tuple[str, ...]:
    """Warnings about the number of a center that is opened.

    Raises `CenterNumberNotDigits`, `CenterNumberTooLong`. `str.isdigit` would let other scripts'
    digits pass, which no till can type.
    """
    if not number or not DIGITS.issuperset(number):
        raise CenterNumberNotDigits
    if len(number) > NUMBER_DIGITS_MAX:
        raise CenterNumberTooLong(digits_max=NUMBER_DIGITS_MAX)
    if len(number) <= digits_max:
        return ()
    if longer == "refuse":
        raise CenterNumberTooLong(digits_max=digits_max)
    return (NUMBER_LONG,)


def open_center(center: Center) -> str:
    """Its id. Raises `CenterUnknown`, `CenterIsClosed`."""
    if center.center_id is None:
        raise CenterUnknown
    if center.closed:
        raise CenterIsClosed(center.number)
    return center.center_id


def decide(command: CenterCommand, center: Center) -> Sequence[CenterEvent]:
    match command:
        case SetCenter():
            return _set(command, center)
        case BlockCenter() | UnblockCenter() | CloseCenter():
            return _state(command, center)
        case AddCard():
            return _add_card(command, center)
        case RemoveCard():
            return _remove_card(command, center)
        case SetLimit():
            open_center(center)
            return set_limit(command, center.limits)
        case LiftLimit():
            return lift_limit(command, center.limits)
        case _:
            assert_never(command)


def _set(command: SetCenter, center: Center) -> Sequence[CenterEvent]:
    check_validity(command.valid_from, command.valid_until)
    if center.center_id is None:
        return (
            CenterOpened(
                center_id=command.center_id,
                number=command.number,
                name=command.name,
                company_id=command.company_id,
                address=command.address,
                contact_id=command.contact_id,
                valid_from=command.valid_from,
                valid_until=command.valid_until,
                opened_at=command.now,
            ),
        )
    if center.number != command.number:
        raise CenterNumberFixed(number=center.number)
    changed = CenterChanged(
        center_id=command.center_id,
        name=command.name,
        company_id=command.company_id,
        address=command.address,
        contact_id=command.contact_id,
        valid_from=command.valid_from,
        valid_until=command.valid_until,
        changed_at=command.now,
    )
    if evolve(center, changed) == center:
        return ()
    open_center(center)
    return (changed,)


def _state(
    command: BlockCenter | UnblockCenter | CloseCenter, center: Center
) -> Sequence[CenterEvent]:
    if center.center_id is None:
        raise CenterUnknown
    if isinstance(command, CloseCenter):
        if center.closed:
            return ()
        return (
            CenterClosed(center_id=center.center_id, reason=command.reason, closed_at=command.now),
        )
    center_id = open_center(center)
    if isinstance(command, UnblockCenter):
        if center.blocked is None:
            return ()
        return (CenterUnblocked(center_id=center_id, unblocked_at=command.now),)
    if center.blocked == command.reason:
        return ()
    return (CenterBlocked(center_id=center_id, reason=command.reason, blocked_at=command.now),)


def _add_card(command: AddCard, center: Center) -> Sequence[CenterEvent]:
    center_id = open_center(center)
    if command.card_id in center.cards:
        return ()
    return (
        CenterCardAdded(
            center_id=center_id,
            card_id=command.card_id,
            number=command.number,
            kind=command.kind,
            added_at=command.now,
        ),
    )


def _remove_card(command: RemoveCard, center: Center) -> Sequence[CenterEvent]:
    """Also from a closed or blocked center."""
    if center.center_id is None:
        raise CenterUnknown
    found = center.cards.get(command.card_id)
    if found is None:
        return ()
    return (
        CenterCardRemoved(
            center_id=center.center_id,
            card_id=found.card_id,
            number=found.number,
            removed_at=command.now,
        ),
    )


def evolve(center: Center, event: CenterEvent) -> Center:
    match event:
        case CenterOpened() | CenterChanged():
            return replace(
                center,
                center_id=event.center_id,
                number=event.number if isinstance(event, CenterOpened) else center.number,
                name=event.name,
                company_id=event.company_id,
                address=event.address,
                contact_id=event.contact_id,
                valid_from=event.valid_from,
                valid_until=event.valid_until,
            )
        case CenterBlocked():
            return replace(center, blocked=event.reason)
        case CenterUnblocked():
            return replace(center, blocked=None)
        case CenterClosed():
            return replace(center, closed=True)
        case CenterCardAdded():
            card = CenterCard(event.card_id, event.number, event.kind)
            return replace(center, cards={**center.cards, event.card_id: card})
        case CenterCardRemoved():
            cards = dict(center.cards)
            del cards[event.card_id]
            return replace(center, cards=cards)
        case LimitSet():
            return replace(center, limits=with_limit(center.limits, event))
        case LimitLifted():
            return replace(center, limits=without_limit(center.limits, event))
        case _:
            assert_never(event)
