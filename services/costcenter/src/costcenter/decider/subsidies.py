"""Who pays what of a basket: subsidies of the card's user group, and the share that is left.

Pure: the same rules, goods and allowances give the same shares. For every VAT key the shares and
what is left add up to the price, whatever the rules say.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import assert_never

from costcenter.decider.allowance import UNUSED, Allowance, Room, room
from costcenter.decider.goods import Good, by_vat, less, netted
from costcenter.decider.split import in_proportion
from costcenter.decider.structure_state import Card
from costcenter.events import Mode, SubsidyRule, SubsidyShare
from money import Money

PIECES_MAX = 1_000
"""A line with more pieces than that, or with no whole number of them (weighed food), is one."""


@dataclass(frozen=True, slots=True)
class When:
    """When the meal is taken, at its store."""

    day: date
    """Business date."""
    at: time
    """Local time."""


def when(day: date, local: datetime) -> When:
    return When(day=day, at=local.time().replace(tzinfo=None))


@dataclass(frozen=True, slots=True)
class Subsidised:
    """What becomes of the goods."""

    shares: tuple[SubsidyShare, ...]
    center: tuple[Good, ...]
    """What is left and may go to the card's center, if its limits agree."""
    others: tuple[Good, ...]
    """What is left and has to be paid otherwise."""


def in_force(rules: Iterable[SubsidyRule], card: Card, meal: When) -> tuple[SubsidyRule, ...]:
    """The rules of the card's user group at this time, in the order in which they are applied:
    the higher priority first, then by id. Whether they still pay is another question."""
    found = [rule for rule in rules if _of_group(rule, card) and _now(rule, meal)]
    return tuple(sorted(found, key=lambda rule: (-rule.priority, rule.rule_id)))


def naming(rules: Iterable[SubsidyRule], goods: Sequence[Good]) -> tuple[SubsidyRule, ...]:
    """Those that name any of the goods; the others have no say about this basket."""
    groups = {good.article_group for good in goods}
    return tuple(
        rule for rule in rules if not rule.article_groups or groups & set(rule.article_groups)
    )


def payer_of(rule: SubsidyRule, card: Card) -> str | None:
    """Whose receivable it becomes: the rule's center, else the card's own. None: nobody's."""
    return rule.payer_center_id or card.center_id


def _of_group(rule: SubsidyRule, card: Card) -> bool:
    return rule.main_group == card.main_group and card.user_group in rule.user_groups


def _now(rule: SubsidyRule, meal: When) -> bool:
    if rule.valid_from is not None and meal.day < rule.valid_from:
        return False
    if rule.valid_until is not None and meal.day > rule.valid_until:
        return False
    if rule.weekdays and meal.day.isoweekday() not in rule.weekdays:
        return False
    first = rule.from_time or time.min
    if rule.until_time is None:
        return first <= meal.at
    if first < rule.until_time:
        return first <= meal.at < rule.until_time
    # From 22:00 until 02:00: the night shift's meal.
    return meal.at >= first or meal.at < rule.until_time


def evaluate(
    rules: Sequence[SubsidyRule],
    *,
    card: Card,
    mode: Mode,
    goods: Sequence[Good],
    asked: Money,
    allowances: Mapping[str, Allowance],
    payers: Container[str],
    day: date,
) -> Subsidised:
    """`rules`: those of `in_force`. `mode`: the card's user group's. `asked`: what of the goods is
    to be settled now; the shares are never more. `allowances`: by rule id, of the day's month.
    `payers`: centers that can be charged; a rule whose payer cannot pay pays nothing.

    A rule in force also says who pays the rest of its goods, whether it still pays or not: the
    second dish of a day does not go to the center where the first one's rest did not.
    """
    priced = netted(goods)
    if not rules:
        return _rest(priced, (), (), mode)
    pieces = _pieces(priced)
    left = asked.amount
    shares: list[SubsidyShare] = []
    for rule in rules:
        payer = payer_of(rule, card)
        if payer is None or payer not in payers or not left:
            continue
        limits = room(rule, allowances.get(rule.rule_id, UNUSED), day)
        paid = _apply(rule, pieces, limits, left)
        if paid.uses:
            shares.append(_share(rule, payer, paid, priced, asked.currency))
            left -= sum(paid.by_line.values())
    return _rest(priced, pieces, rules, mode, shares=tuple(shares))


@dataclass(slots=True)
class _Piece:
    line: int
    group: str | None
    price: int
    left: int
    subsidised: bool = False


@dataclass(slots=True)
class _Paid:
    uses: int = 0
    by_line: dict[int, int] = field(default_factory=dict)

    def add(self, piece: _Piece, minor: int) -> None:
        piece.left -= minor
        piece.subsidised = True
        self.by_line[piece.line] = self.by_line.get(piece.line, 0) + minor


def _pieces(goods: Sequence[Good]) -> list[_Piece]:
    """Each piece with its price; the pieces of a line add up to the line."""
    found: list[_Piece] = []
    for line, good in enumerate(goods):
        for price in in_proportion(good.gross.amount, [1] * _count(good.quantity)):
            found.append(_Piece(line=line, group=good.article_group, price=price, left=price))
    return found


def _count(quantity: Decimal) -> int:
    whole = quantity == quantity.to_integral_value()
    return int(quantity) if whole and 1 <= quantity <= PIECES_MAX else 1


def _apply(rule: SubsidyRule, pieces: Sequence[_Piece], limits: Room, left: int) -> _Paid:
    """What the rule pays, at most `left`. Takes it off the pieces."""
    paid = _Paid()
    if limits.none:
        return paid
    most = left if limits.minor is None else min(left, limits.minor)
    chosen = [
        piece
        for piece in pieces
        if piece.left and _names(rule, piece) and (rule.stackable or not piece.subsidised)
    ]
    if rule.per == "booking":
        _pay_together(rule, chosen, most, paid)
    else:
        # The dearest first: with a count per day, the guest's best use of it.
        chosen.sort(key=lambda piece: (-piece.left, piece.line))
        _pay_each(rule, chosen, limits.uses, most, paid)
    return paid


def _pay_each(
    rule: SubsidyRule, pieces: Sequence[_Piece], uses: int | None, most: int, paid: _Paid
) -> None:
    for piece in pieces:
        if uses is not None and paid.uses >= uses:
            return
        minor = min(_pays(rule, piece.price, piece.left), most)
        if minor:
            paid.add(piece, minor)
            paid.uses += 1
            most -= minor


def _pay_together(rule: SubsidyRule, pieces: Sequence[_Piece], most: int, paid: _Paid) -> None:
    price, rest = sum(piece.price for piece in pieces), [piece.left for piece in pieces]
    minor = min(_pays(rule, price, sum(rest)), most)
    if not minor:
        return
    paid.uses = 1
    for piece, part in zip(pieces, in_proportion(minor, rest), strict=True):
        if part:
            paid.add(piece, part)


def _pays(rule: SubsidyRule, price: int, left: int) -> int:
    """Of one use, at most what is left of the price."""
    amount = 0 if rule.amount is None else rule.amount.amount
    match rule.kind:
        case "fixed" | "up_to":
            wanted = amount
        case "percent":
            assert rule.percent is not None  # The rule's own check.
            # Half a cent goes to the payer, as commercial rounding has it.
            wanted = (price * rule.percent + 5_000) // 10_000
        case "employee_pays":
            wanted = max(0, left - amount)
        case _:
            assert_never(rule.kind)
    if rule.cap is not None:
        wanted = min(wanted, rule.cap.amount)
    return min(wanted, left)


def _names(rule: SubsidyRule, piece: _Piece) -> bool:
    return not rule.article_groups or piece.group in rule.article_groups


def _share(
    rule: SubsidyRule, payer: str, paid: _Paid, goods: Sequence[Good], currency: str
) -> SubsidyShare:
    lines = [
        less(goods[line], goods[line].gross.amount - minor) for line, minor in paid.by_line.items()
    ]
    return SubsidyShare(
        rule_id=rule.rule_id,
        name=rule.name,
        payer_center_id=payer,
        tax_case=rule.tax_case,
        uses=paid.uses,
        amount=Money(amount=sum(paid.by_line.values()), currency=currency),
        parts=by_vat(lines),
    )


def _rest(
    goods: Sequence[Good],
    pieces: Sequence[_Piece],
    rules: Sequence[SubsidyRule],
    mode: Mode,
    *,
    shares: tuple[SubsidyShare, ...] = (),
) -> Subsidised:
    """Who pays what is left: of the goods that a rule in force names, whom the first such rule
    says; of all others, whom the group's mode says."""
    if not rules:
        charges = mode == "cost_center"
        return Subsidised((), tuple(goods) if charges else (), () if charges else tuple(goods))
    center = [0] * len(goods)
    others = [0] * len(goods)
    for piece in pieces:
        own = next((rule.own_share for rule in rules if _names(rule, piece)), "center")
        to_center = mode == "cost_center" and own == "center"
        (center if to_center else others)[piece.line] += piece.left
    return Subsidised(shares, _left(goods, center), _left(goods, others))


def _left(goods: Sequence[Good], minor: Sequence[int]) -> tuple[Good, ...]:
    return tuple(
        less(good, good.gross.amount - some)
        for good, some in zip(goods, minor, strict=True)
        if some
    )
