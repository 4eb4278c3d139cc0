"""What a lease rests on: the center, the cards that it covers, their groups and companies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from costcenter.decider.binding import Structure, card_hindered, check_center, company_of
from costcenter.decider.leasing import bounds
from costcenter.decider.refusals import CardNotUsable, CardUnknown, NoCard
from costcenter.decider.structure import CARD, CENTER, COMPANY, GROUP
from costcenter.decider.structure_state import Card, Center, CenterCard, Company, MainGroup
from costcenter.decider.usage import Stale
from costcenter.handlers.desk import Desk
from costcenter.names import card_stream, center_stream, company_stream, group_stream
from events import Decider, DomainError
from money import Money

CARDS_MAX = 500
"""Cards that one lease may cover: each is looked at. A larger center leases card by card."""

Deciders = dict[str, Decider[Any, Any]]


class TooManyCards(DomainError):
    """`extra`: `cards_max`."""

    code = "lease.too_many_cards"
    status = 422
    title = "The center has too many cards for one lease: lease for single cards"


@dataclass(frozen=True, slots=True)
class WantedLease:
    store_id: str
    center_id: str
    card_id: str | None
    amount: Money
    count: int
    hours: int


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a lease rests on."""

    center: Center
    groups: Mapping[int, MainGroup]
    companies: Mapping[str, Company]
    cards: tuple[Card, ...]
    """Covered."""

    def structures(self) -> tuple[Structure, ...]:
        """One per kind of card: cards without limits of their own and in one user group are
        bound alike."""
        found: dict[tuple[int, int], Structure] = {}
        for card in self.cards:
            group = self.groups[card.main_group]
            company_id = company_of(self.center, group)
            company = Company() if company_id is None else self.companies[company_id]
            found[card.main_group, card.user_group] = Structure(card, self.center, group, company)
        return tuple(found[key] for key in sorted(found))


async def grounds_of(desk: Desk, wanted: WantedLease, day: date) -> Grounds:
    """As they are now. Raises `TooManyCards`, and why the center or the card cannot be charged."""

    async def state(stream: str, decider: Decider[Any, Any]) -> Any:
        return await desk.state(stream, decider, fresh=True)

    center: Center = await state(center_stream(wanted.center_id), CENTER)
    ids = [wanted.card_id] if wanted.card_id is not None else sorted(center.cards)
    if len(ids) > CARDS_MAX:
        raise TooManyCards(cards_max=CARDS_MAX)
    cards = [await state(card_stream(card_id), CARD) for card_id in ids]
    numbers = {card.main_group for card in cards if card.card_id is not None}
    groups = {number: await state(group_stream(number), GROUP) for number in sorted(numbers)}
    named = {company_of(center, group) for group in groups.values()}
    companies = {
        company_id: await state(company_stream(company_id), COMPANY)
        for company_id in sorted(filter(None, named))
    }
    return covered(Grounds(center, groups, companies, tuple(cards)), wanted, day)


def covered(grounds: Grounds, wanted: WantedLease, day: date) -> Grounds:
    """With the cards that a lease covers. Raises why there is none, or why the center cannot be
    charged."""
    single = wanted.card_id is not None
    if single and grounds.cards[0].card_id is None:
        raise CardUnknown
    if single and grounds.cards[0].center_id != wanted.center_id:
        raise CardNotUsable(reason="other_center")
    cards = [card for card in grounds.cards if _chargeable(card, grounds, day)]
    if not single:
        cards = [card for card in cards if not card.limits]
    for company in [*grounds.companies.values()] or [Company()]:
        check_center(grounds.center, company, day)
    if not cards and single:
        raise CardNotUsable(reason=card_hindered(grounds.cards[0], day) or "group_mode")
    if not cards:
        raise NoCard(state="covered" if grounds.center.cards else "incomplete")
    return replace(grounds, cards=tuple(cards))


def _chargeable(card: Card, grounds: Grounds, day: date) -> bool:
    if card.card_id is None or card_hindered(card, day) is not None:
        return False
    user_group = grounds.groups[card.main_group].user_groups.get(card.user_group)
    return user_group is not None and user_group.mode == "cost_center"


def newer(before: Grounds, wanted: WantedLease, states: Mapping[str, Any], day: date) -> Grounds:
    """The same on the states that the append is bound to; single cards of a whole center apart,
    whose later changes a lease does not follow anyway. Raises `Stale`, and as `covered`."""
    center: Center = states[center_stream(wanted.center_id)]
    groups = {number: states[group_stream(number)] for number in before.groups}
    if wanted.card_id is not None:
        cards: tuple[Card, ...] = (states[card_stream(wanted.card_id)],)
    else:
        cards = tuple(card for card in before.cards if card.card_id in center.cards)
    for card in cards:
        known = card.card_id is None or card.main_group in groups
        if not known:
            raise Stale(wanted.center_id)
    companies = {name: states[company_stream(name)] for name in before.companies}
    needed = {company_of(center, group) for group in groups.values()}
    if not needed - {None} <= companies.keys():
        raise Stale(wanted.center_id)
    return covered(Grounds(center, groups, companies, cards), wanted, day)


def reads_of(grounds: Grounds, wanted: WantedLease) -> Deciders:
    reads: Deciders = {center_stream(wanted.center_id): CENTER}
    if wanted.card_id is not None:
        reads[card_stream(wanted.card_id)] = CARD
    reads.update((group_stream(number), GROUP) for number in grounds.groups)
    reads.update((company_stream(name), COMPANY) for name in grounds.companies)
    return reads


def accounts_of(grounds: Grounds, days: Sequence[date]) -> tuple[str, ...]:
    found = bounds(grounds.structures(), days)
    return tuple(bound.account for bound in found if bound.account is not None)


def cards_of(grounds: Grounds) -> tuple[CenterCard, ...]:
    return tuple(
        CenterCard(card_id=card.card_id, number=card.number, kind=card.kind)
        for card in grounds.cards
        if card.card_id is not None
    )
