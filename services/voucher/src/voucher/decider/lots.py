"""The parts that a voucher's value is made of, and the order in which they are used up.

Consideration and tax of a part are rounded cumulatively: what the next use gets is the rounded
share of everything used so far, less what the uses before got. All uses of a lot together are
exactly what was paid for it, however it was cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from money import Money, tax_in_gross
from voucher.events import Funding, Lot, LotUse

LOTS_MAX = 100
"""Lots of one voucher. Each top-up and each transfer makes one; more is a defect or an attack."""


@lru_cache(maxsize=4096)
def end_of(day: date, time_zone: str) -> datetime:
    """The first instant after `day` in a time zone; 31 Dec 23:59:59.999999 still belongs to it."""
    return datetime.combine(day + timedelta(days=1), time.min, tzinfo=ZoneInfo(time_zone))


@dataclass(frozen=True, slots=True)
class Part:
    """One lot as the decider keeps it."""

    lot_id: str
    left: Money
    value: Money
    """At the beginning: the base of cumulative rounding."""
    consideration: Money
    tax: Money | None
    """Of `consideration`; None for a voucher that is taxed when redeemed."""
    funding: Funding
    rate: int | None
    valid_until: date
    opened: date
    usable_before: datetime
    """The first instant after its last day."""
    paid: Money | None = None
    """Consideration of what was used; None while it simply equals what was used."""
    taxed: Money | None = None
    """Tax of what was used."""
    expired: Money | None = None
    """Written off by an expiry run."""
    moved: bool = False
    """It came from another voucher, with the tax of exactly its part."""

    @property
    def order(self) -> tuple[date, bool, date, str]:
        """Earliest last day first, then what was given away, then the oldest."""
        return (self.valid_until, self.funding == "purchased", self.opened, self.lot_id)

    @property
    def plain(self) -> bool:
        """Sold at its face value and taxed later: there is nothing to round. (`part_of` makes both
        the same object, so that the usual voucher pays nothing for this question.)"""
        return self.tax is None and self.consideration is self.value

    def use(self, amount: Money) -> LotUse:
        """What using `amount` of it means."""
        if self.plain:
            return LotUse(lot_id=self.lot_id, amount=amount, consideration=amount, tax=None)
        used = self.value - self.left - (self.expired or self.value.zero) + amount
        paid = _share(self.consideration, used, self.value) - (self.paid or self.value.zero)
        tax = None
        if self.tax is not None:
            tax = self._tax_of(used) - (self.taxed or self.value.zero)
        return LotUse(lot_id=self.lot_id, amount=amount, consideration=paid, tax=tax)

    def _tax_of(self, used: Money) -> Money:
        """Of the first `used`. From the rate where this lot was sold: so all parts add up to the
        tax of the sale, and each running total is the tax in what was paid for it."""
        assert self.tax is not None
        if self.moved or self.rate is None or not self.value:
            return _share(self.tax, used, self.value)
        exact = Decimal(self.consideration.amount) * used.amount * self.rate
        return _rounded(exact / (self.value.amount * (10_000 + self.rate)), used.currency)

    def used(self, use: LotUse) -> Part:
        """After a use."""
        if self.plain:
            return self._with_left(self.left - use.amount)
        return self._moved(use.amount, use.consideration, use.tax)

    def _with_left(self, left: Money) -> Part:
        # Written out: `replace` takes four times as long, and each payment comes through here.
        return Part(
            lot_id=self.lot_id,
            left=left,
            value=self.value,
            consideration=self.consideration,
            tax=self.tax,
            funding=self.funding,
            rate=self.rate,
            valid_until=self.valid_until,
            opened=self.opened,
            usable_before=self.usable_before,
            paid=self.paid,
            taxed=self.taxed,
            expired=self.expired,
            moved=self.moved,
        )

    def given_back(self, use: LotUse) -> Part:
        """After a use was reversed."""
        if self.plain:
            return self._with_left(self.left + use.amount)
        return self._moved(-use.amount, -use.consideration, None if use.tax is None else -use.tax)

    def _moved(self, amount: Money, paid: Money, tax: Money | None) -> Part:
        taxed = self.taxed
        if tax is not None:
            taxed = tax if taxed is None else taxed + tax
        return replace(
            self,
            left=self.left - amount,
            paid=paid if self.paid is None else self.paid + paid,
            taxed=taxed,
        )

    def written_off(self) -> Part:
        """After an expiry run took what was left."""
        return replace(
            self, left=self.left.zero, expired=(self.expired or self.left.zero) + self.left
        )

    def until(self, day: date, time_zone: str) -> Part:
        """With a later last day."""
        return replace(self, valid_until=day, usable_before=end_of(day, time_zone))


def _share(whole: Money, part: Money, base: Money) -> Money:
    """`whole` times part / base, rounded half away from zero to minor units."""
    if not base:
        return whole
    return _rounded(Decimal(whole.amount) * part.amount / base.amount, whole.currency)


def _rounded(exact: Decimal, currency: str) -> Money:
    return Money(amount=int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP)), currency=currency)


def part_of(lot: Lot, time_zone: str) -> Part:
    """A lot that came with an event."""
    tax = lot.tax
    if tax is None and lot.rate is not None:
        tax = tax_in_gross(lot.consideration, lot.rate)
    gone = lot.value - lot.amount
    part = Part(
        lot_id=lot.lot_id,
        left=lot.value,
        value=lot.value,
        consideration=lot.value if lot.consideration == lot.value else lot.consideration,
        tax=tax,
        funding=lot.funding,
        rate=lot.rate,
        valid_until=lot.valid_until,
        opened=lot.opened,
        usable_before=end_of(lot.valid_until, time_zone),
        moved=lot.tax is not None,
    )
    return part.used(part.use(gone)) if gone else part


def ordered(parts: Iterable[Part]) -> tuple[Part, ...]:
    """In the order in which they are used up."""
    return tuple(sorted(parts, key=lambda part: part.order))


def drawn(rooms: Sequence[tuple[Part, Money]], amount: Money) -> tuple[LotUse, ...]:
    """`amount` taken from lots in their order, from each at most its room."""
    uses: list[LotUse] = []
    for part, room in rooms:
        if not amount:
            break
        if room:
            taken = min(room, amount)
            uses.append(part.use(taken))
            amount = amount - taken
    assert not amount  # The caller has looked at what is there.
    return tuple(uses)


def after_uses(parts: tuple[Part, ...], uses: Sequence[LotUse]) -> tuple[Part, ...]:
    if len(parts) == 1 and len(uses) == 1:
        return (parts[0].used(uses[0]),)
    by_lot = {use.lot_id: use for use in uses}
    return tuple(
        part.used(by_lot[part.lot_id]) if part.lot_id in by_lot else part for part in parts
    )


def after_returns(parts: tuple[Part, ...], uses: Sequence[LotUse]) -> tuple[Part, ...]:
    by_lot = {use.lot_id: use for use in uses}
    return tuple(
        part.given_back(by_lot[part.lot_id]) if part.lot_id in by_lot else part for part in parts
    )


def proportion(uses: Sequence[LotUse], before: Money, amount: Money) -> tuple[LotUse, ...]:
    """The part of a redemption that a reversal gives back: `amount` after `before` was given back
    already. The last lot used comes back first. All reversals of a redemption together give back
    exactly its consideration and its tax."""
    found: list[LotUse] = []
    for use in reversed(uses):
        done = min(before, use.amount)
        before = before - done
        now = min(amount, use.amount - done)
        amount = amount - now
        if now:
            found.append(_slice(use, done, done + now))
    return tuple(found)


def _slice(use: LotUse, start: Money, end: Money) -> LotUse:
    def between(whole: Money) -> Money:
        return _share(whole, end, use.amount) - _share(whole, start, use.amount)

    return LotUse(
        lot_id=use.lot_id,
        amount=end - start,
        consideration=between(use.consideration),
        tax=None if use.tax is None else between(use.tax),
    )
