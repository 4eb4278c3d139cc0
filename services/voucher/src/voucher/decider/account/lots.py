"""Which lots pay for what, in which order, and what had been paid for them.

Order of use: earliest last day, then given away before purchased, then tied to fees before free,
then oldest. A lot past its last day pays nothing any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

from money import Money
from voucher.decider.account.state import Credit, Opened, Pins
from voucher.events import CreditLot, LotUse

Fits = Callable[[Credit], bool]


def pays(credit: Credit) -> bool:
    """Goods: what was paid for and is not tied to fees. Given credit lowers fees; it is no tender
    (its use would be a discount of the goods, which only the till can book)."""
    return credit.lot.funding == "purchased" and not credit.lot.fee_kinds


def returns(credit: Credit) -> bool:
    """Cash: only what was loaded. A claimed voucher keeps its terms, which forbid it."""
    return pays(credit) and credit.source == "load"


def settles(kind: str) -> Fits:
    """Fees of `kind`, as a payment by credit."""
    return lambda credit: credit.lot.funding == "purchased" and _allows(credit, kind)


def waives(kind: str) -> Fits:
    """Fees of `kind`, as a waiver: credit that was given away."""
    return lambda credit: credit.lot.funding != "purchased" and _allows(credit, kind)


def _allows(credit: Credit, kind: str) -> bool:
    return not credit.lot.fee_kinds or kind in credit.lot.fee_kinds


def free(
    account: Opened, fits: Fits, day: date, now: datetime, *, without: str = ""
) -> list[tuple[str, int]]:
    """What can be used for something new, in the order of use. `without`: a hold or settlement
    whose own pins do not count."""
    pinned = _pinned(account, now, without)
    usable = [
        credit
        for credit in account.credits.values()
        if credit.lot.amount and credit.lot.valid_until >= day and fits(credit)
    ]
    usable.sort(key=_order)  # Stable: the oldest first.
    left = [(c.lot.lot_id, c.lot.amount.amount - pinned.get(c.lot.lot_id, 0)) for c in usable]
    return [(lot_id, minor) for lot_id, minor in left if minor > 0]


def _order(credit: Credit) -> tuple[date, bool, bool, date]:
    lot = credit.lot
    return lot.valid_until, lot.funding == "purchased", not lot.fee_kinds, lot.opened


def _pinned(account: Opened, now: datetime, without: str) -> dict[str, int]:
    pinned: dict[str, int] = {}
    kept: list[Pins] = [
        hold.pins
        for hold in account.open.values()
        if hold.hold_id != without and not hold.lapsed(now)
    ]
    kept += [
        entry.pins
        for entry in account.preparing()
        if entry.settlement_id != without and entry.live(now)
    ]
    for pins in kept:
        for lot_id, minor in pins:
            pinned[lot_id] = pinned.get(lot_id, 0) + minor
    return pinned


def worth(parts: Iterable[tuple[str, int]]) -> int:
    return sum(minor for _, minor in parts)


def part_of(parts: Iterable[tuple[str, int]], minor: int) -> Pins:
    """The first `minor` units of `parts`; fewer where there are fewer."""
    taken: list[tuple[str, int]] = []
    for lot_id, there in parts:
        if minor <= 0:
            break
        some = min(there, minor)
        taken.append((lot_id, some))
        minor -= some
    return tuple(taken)


def honoured(account: Opened, hold_id: str, fits: Fits, day: date, now: datetime) -> Pins:
    """What a recorded booking can take for a hold: first what was kept for it, if it still is,
    then what is free."""
    hold = account.hold(hold_id)
    own: Pins = ()
    if hold is not None and hold_id in account.open and not hold.lapsed(now):
        own = hold.pins
    rest = dict(free(account, fits, day, now, without=hold_id))
    for lot_id, minor in own:
        if lot_id in rest:
            rest[lot_id] -= minor
    return (*own, *((lot_id, minor) for lot_id, minor in rest.items() if minor > 0))


def uses(account: Opened, parts: Pins) -> tuple[LotUse, ...]:
    """Parts of lots as facts: what had been paid for them, rounded so that all parts of a lot
    together are exactly what was paid for it."""
    together: dict[str, int] = {}
    for lot_id, minor in parts:
        together[lot_id] = together.get(lot_id, 0) + minor
    return tuple(
        LotUse(
            lot_id=lot_id,
            amount=account.money(minor),
            consideration=_paid_for(account.credits[lot_id].lot, minor),
        )
        for lot_id, minor in together.items()
    )


def _paid_for(lot: CreditLot, minor: int) -> Money:
    before = lot.value.amount - lot.amount.amount
    share = _share(lot, before + minor) - _share(lot, before)
    return Money(amount=share, currency=lot.value.currency)


def _share(lot: CreditLot, used: int) -> int:
    exact = Decimal(lot.consideration.amount) * used / lot.value.amount
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def returned(used: tuple[LotUse, ...], before: int, minor: int) -> Pins:
    """Where `minor` units of a use go back to, after `before` units of it went back already: what
    was used last comes back first."""
    parts: list[tuple[str, int]] = []
    for use in reversed(used):
        skipped = min(before, use.amount.amount)
        before -= skipped
        some = min(use.amount.amount - skipped, minor)
        if some > 0:
            parts.append((use.lot_id, some))
            minor -= some
    return tuple(parts)


def back(account: Opened, parts: Pins) -> tuple[LotUse, ...]:
    """Parts that go back onto their lots, as facts: the mirror of `uses`."""
    facts = []
    for lot_id, minor in parts:
        lot = account.credits[lot_id].lot
        used = lot.value.amount - lot.amount.amount
        paid = _share(lot, used) - _share(lot, used - minor)
        facts.append(
            LotUse(
                lot_id=lot_id,
                amount=account.money(minor),
                consideration=account.money(paid),
            )
        )
    return tuple(facts)
