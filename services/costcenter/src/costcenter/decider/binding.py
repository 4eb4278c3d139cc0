"""Which limits bind a charge, and how much they leave. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from costcenter.commands import Shown
from costcenter.decider.goods import Good, netted
from costcenter.decider.refusals import (
    BasketNeeded,
    CardChoice,
    CardNotUsable,
    CardUnknown,
    CenterNotUsable,
    CenterUnknown,
    NoCard,
)
from costcenter.decider.structure_state import (
    Card,
    Center,
    Company,
    Limited,
    MainGroup,
    UserGroup,
)
from costcenter.decider.usage import Accounts, Stale, Usage
from costcenter.decider.windows import account_of
from costcenter.events import Limit


@dataclass(frozen=True, slots=True)
class Structure:
    """Everything that a charge of one card rests on."""

    card: Card
    center: Center
    """The card's; of a card without one `Center()`."""
    group: MainGroup
    company: Company
    """The center's; of a center without one the main group's; else `Company()`."""
    payers: Mapping[str, Center] = field(default_factory=dict)
    """Centers that subsidies of the card's group name."""

    @property
    def user_group(self) -> UserGroup | None:
        return self.group.user_groups.get(self.card.user_group)


def company_of(center: Center, group: MainGroup) -> str | None:
    """Whose limits bind and whose address is printed."""
    return center.company_id or group.company_id


def check_card(card: Card, shown: Shown, day: date) -> None:
    """Raises `CardUnknown`, `CardNotUsable`, `NoCard` (typed, but physical), `Stale`."""
    if card.card_id is None:
        raise CardUnknown
    if shown.how == "code" and card.code_hash != shown.value:
        raise Stale(shown.card_id)  # Replaced meanwhile: somebody else's code now, or nobody's.
    if shown.how == "foreign" and card.number != shown.value:
        raise Stale(shown.card_id)
    if shown.how == "number":
        if card.number != shown.value:
            raise Stale(shown.card_id)
        if card.kind != "virtual":
            raise NoCard(state="physical")
    reason = card_hindered(card, day)
    if reason is not None:
        raise CardNotUsable(reason=reason)


def card_hindered(card: Card, day: date) -> str | None:
    """Why the card cannot be used on that day, or None."""
    if card.ended:
        return "ended"
    if card.blocked is not None:
        return "blocked"
    return _outside(day, card.valid_from, card.valid_until)


def check_center(center: Center, company: Company, day: date) -> None:
    """Raises `CenterUnknown`, `CenterNotUsable`."""
    if center.center_id is None:
        raise CenterUnknown
    reason = center_hindered(center, company, day)
    if reason is not None:
        raise CenterNotUsable(reason=reason)


def center_hindered(center: Center, company: Company, day: date) -> str | None:
    """Why the center cannot be charged on that day, or None."""
    if center.closed:
        return "closed"
    if center.blocked is not None:
        return "blocked"
    if company.closed:
        return "company_closed"
    return _outside(day, center.valid_from, center.valid_until)


def _outside(day: date, first: date | None, last: date | None) -> str | None:
    if first is not None and day < first:
        return "not_yet_valid"
    if last is not None and day > last:
        return "no_longer_valid"
    return None


def typed_card(center: Center, card_number: str | None) -> str:
    """The card that a typed number of a center means: its only virtual one, or the one chosen.

    Raises `CenterUnknown`, `CardChoice`, `NoCard`.
    """
    if center.center_id is None:
        raise CenterUnknown
    virtual = {c.number: c.card_id for c in center.cards.values() if c.kind == "virtual"}
    if card_number is not None:
        if card_number not in virtual:
            raise CardChoice(cards=sorted(virtual)) if virtual else _no_card(center)
        return virtual[card_number]
    if not virtual:
        raise _no_card(center)
    if len(virtual) > 1:
        raise CardChoice(cards=sorted(virtual))
    return next(iter(virtual.values()))


def _no_card(center: Center) -> NoCard:
    return NoCard(state="physical" if center.cards else "incomplete", reason="no_card")


@dataclass(frozen=True, slots=True)
class Bound:
    """A limit that binds a charge of one day."""

    limited: Limited
    account: str | None
    """None: per booking."""
    outside: bool
    """A budget that has not begun or is over: nothing is left of it."""

    @property
    def limit(self) -> Limit:
        return self.limited.limit


def binding(structure: Structure, day: date) -> tuple[Bound, ...]:
    """Those of the card, its center, user group, main group and company, in a fixed order."""
    card, group = structure.card, structure.group
    user_group = f"{card.main_group}-{card.user_group}"
    mine = [
        limited
        for limited in group.limits.values()
        if limited.limit.scope.level == "main_group" or limited.limit.scope.id == user_group
    ]
    everything = [
        *card.limits.values(),
        *structure.center.limits.values(),
        *mine,
        *structure.company.limits.values(),
    ]
    found = []
    for limited in everything:
        limit = limited.limit
        outside = _outside(day, limit.valid_from, limit.valid_until) is not None
        if outside and limit.window != "range":
            continue
        found.append(Bound(limited, account_of(limit, day), outside))
    return tuple(sorted(found, key=lambda bound: bound.limit.limit_id))


@dataclass(frozen=True, slots=True)
class Room:
    """What one limit leaves for one charge. Minor units."""

    bound: Bound
    used: Usage
    whole: int
    """Of the goods that are paid, …"""
    counted: int
    """… those that count against the limit."""

    @property
    def left(self) -> int:
        """Of its amount; below zero where it is overdrawn."""
        amount = self.bound.limit.amount
        assert amount is not None
        return 0 if self.bound.outside else amount.amount - self.used.amount

    @property
    def left_count(self) -> int:
        count = self.bound.limit.count
        assert count is not None
        return 0 if self.bound.outside else count - self.used.count

    def allows(self, wanted: int) -> int:
        """At most so much of `wanted` may be charged."""
        if self.bound.limit.amount is None:
            return wanted if self.left_count > 0 else 0
        if self.left <= 0:
            return 0
        return min(wanted, self.left * self.whole // self.counted if self.whole else self.left)

    def takes(self, amount: int) -> int:
        """What of a charge of `amount` counts: its share of the goods, rounded up."""
        return -(-amount * self.counted // self.whole) if self.whole else amount


def rooms(
    bounds: Sequence[Bound], accounts: Accounts, center_goods: Sequence[Good]
) -> tuple[Room, ...]:
    """The room of each limit that these goods touch. Raises `BasketNeeded`, `Stale`."""
    goods = netted(center_goods)
    whole = sum(good.gross.amount for good in goods)
    found = []
    for bound in bounds:
        groups = bound.limit.article_groups
        counted = whole
        if groups:
            if not goods:
                raise BasketNeeded(limit_id=bound.limit.limit_id)
            counted = sum(g.gross.amount for g in goods if g.article_group in groups)
            if not counted:
                continue
        account = bound.account
        used = Usage() if account is None else accounts.used(bound.limited, account)
        found.append(Room(bound, used, whole, counted))
    return tuple(found)
