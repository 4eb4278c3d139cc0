"""Which goods of a basket vouchers pay for, and how much of each. Pure, in whole minor units.

A voucher that pays for some goods only takes first what the fewest others of its group could pay,
over the VAT keys in proportion (largest remainder), and line by line within a key. One that pays
for everything names no goods: it counts against the whole, and is taken to pay first for what no
choosy one can. The same holds for what is settled within a VAT key: an entry with a minus.

An entry with a `line_id` says what is still unpaid of that line. Whoever sends none sends the whole
basket each time, and what other holds of the same voucher pay of it is taken off here.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from money import AMOUNT_MAX, Money, parts_of
from voucher.commands import Goods
from voucher.decider.refusals import BasketNeeded, WrongCurrency
from voucher.decider.state import Issued
from voucher.events import Cover, Terms


@dataclass(frozen=True, slots=True)
class Basket:
    """What is still to be paid of the goods, while vouchers take their parts."""

    goods: tuple[Goods, ...]
    left: tuple[int, ...]
    """By place in `goods`."""
    off: Mapping[str, int]
    """By VAT key: what is settled somewhere among the goods of that key."""
    anything: int = 0
    """What vouchers for everything have paid."""

    @property
    def unpaid(self) -> int:
        """Of all goods together."""
        sums: Counter[str] = Counter()
        for part, left in zip(self.goods, self.left, strict=True):
            sums[part.vat] += left
        return sum(max(0, some - self.off.get(vat, 0)) for vat, some in sums.items())


def restricted(terms: Terms) -> bool:
    """Whether it pays for some goods only."""
    return terms.kind == "single_purpose" or bool(terms.restrictions.article_groups)


def fits(terms: Terms, goods: Goods) -> bool:
    groups = terms.restrictions.article_groups
    if groups and goods.article_group not in groups:
        return False
    return terms.kind == "multi_purpose" or goods.vat == terms.vat


def unpaid(goods: Sequence[Goods] | None, currency: str) -> Basket:
    """The basket of a request. Raises `BasketNeeded`, `WrongCurrency`."""
    if not goods:
        raise BasketNeeded
    if any(part.gross.currency != currency for part in goods):
        raise WrongCurrency
    left = [max(0, part.gross.amount) for part in goods]
    off: Counter[str] = Counter()
    for part in goods:
        minor = max(0, -part.gross.amount)
        if minor and part.article_group is not None:
            alike = (part.article_group, part.vat)
            for place in reversed(range(len(goods))):
                if (goods[place].article_group, goods[place].vat) == alike:
                    minor -= _paid(left, place, minor)
        off[part.vat] += minor
    return Basket(goods=tuple(goods), left=tuple(left), off=off)


def room(basket: Basket, terms: Terms) -> int:
    """The most that such a voucher can pay of it, beside what is paid already."""
    return max(0, min(sum(_rooms(basket, terms).values()), basket.unpaid - basket.anything))


def _rooms(basket: Basket, terms: Terms) -> dict[str, int]:
    """`room` by VAT key."""
    fitting: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for part, left in zip(basket.goods, basket.left, strict=True):
        whole[part.vat] += left
        if fits(terms, part):
            fitting[part.vat] += left
    return {
        vat: max(0, min(some, whole[vat] - basket.off.get(vat, 0))) for vat, some in fitting.items()
    }


def eligible(terms: Terms, goods: Sequence[Goods] | None, currency: str) -> Money | None:
    """What of the basket the voucher may pay for; None: all of it. Raises as `unpaid`."""
    if not restricted(terms):
        return None
    return money(room(unpaid(goods, currency), terms), currency)


def money(minor: int, currency: str) -> Money:
    """Baskets may add up to more than any amount may be."""
    return Money(amount=min(minor, AMOUNT_MAX), currency=currency)


def take(
    basket: Basket, terms: Terms, minor: int, others: Sequence[Terms] = ()
) -> tuple[tuple[Cover, ...], Basket]:
    """Pay `minor`, at most `room`, for goods that fit; `others` are to pay after it."""
    rooms, left = _rooms(basket, terms), list(basket.left)
    ranks: dict[int, list[int]] = defaultdict(list)
    for place, part in enumerate(basket.goods):
        if left[place] and fits(terms, part):
            ranks[sum(fits(other, part) for other in others)].append(place)
    taken: Counter[int] = Counter()
    for rank in sorted(ranks):
        weights: Counter[str] = Counter()
        for place in ranks[rank]:
            weights[basket.goods[place].vat] += left[place]
        wanted = {vat: min(weight, rooms[vat]) for vat, weight in weights.items()}
        shares = parts_of(min(minor, sum(wanted.values())), wanted)
        for vat, share in shares.items():
            rooms[vat] -= share
            minor -= share
        for place in ranks[rank]:
            vat = basket.goods[place].vat
            paid = _paid(left, place, shares.get(vat, 0))
            if paid:
                shares[vat] -= paid
                taken[place] += paid
    return _covers(basket.goods, taken), replace(basket, left=tuple(left))


def _paid(left: list[int], place: int, minor: int) -> int:
    """Take up to `minor` off one entry; how much that was."""
    taken = min(left[place], minor)
    left[place] -= taken
    return taken


def _covers(goods: Sequence[Goods], taken: Mapping[int, int]) -> tuple[Cover, ...]:
    return tuple(
        Cover(
            line=place,
            line_id=goods[place].line_id,
            amount=Money(amount=minor, currency=goods[place].gross.currency),
        )
        for place, minor in sorted(taken.items())
        if minor
    )


def pay_anything(basket: Basket, minor: int) -> Basket:
    """A voucher for everything pays."""
    return replace(basket, anything=basket.anything + minor)


def beside_own(basket: Basket, voucher: Issued, booking_id: str, now: datetime) -> Basket:
    """Less what other holds of this voucher pay of the same basket, where the basket does not say
    itself what is unpaid."""
    if any(part.line_id is not None for part in basket.goods):
        return basket
    held = sum(
        hold.amount.amount
        for hold in voucher.open.values()
        if hold.booking_id == booking_id and not hold.lapsed(now)
    )
    if not held:
        return basket
    _, rest = take(basket, voucher.terms, min(held, room(basket, voucher.terms)))
    return rest
