"""What a lease does to the accounts of limits. Pure.

A lease takes its amount from *every* window that its time touches: nobody knows on which day the
store will charge. Each charge it makes frees its amount in the windows of other days, and what is
left after the return is freed everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from costcenter.commands import BookCharge
from costcenter.decider.binding import Bound, Structure, binding
from costcenter.decider.lease import LEASE, GrantLease, Lease, UseLease, covers
from costcenter.decider.month import opening
from costcenter.decider.refusals import LimitExceeded
from costcenter.decider.settling import Target
from costcenter.decider.usage import Accounts, Posting
from costcenter.decider.windows import month_of
from costcenter.events import ChargeBooked, Chargee, Limit, Take
from costcenter.names import hold_claim, lease_stream
from events import Claim, Decision, GiveBack
from events import Take as TakeClaim
from money import Money


def days_between(first: date, last: date) -> tuple[date, ...]:
    return tuple(first + timedelta(days=days) for days in range((last - first).days + 1))


def bounds(structures: Iterable[Structure], days: Sequence[date]) -> tuple[Bound, ...]:
    """What binds any of the cards on any of the days: each account once, and the limits per
    booking. A budget that does not run on all of the days is `outside`."""
    found: dict[tuple[str, str | None], Bound] = {}
    for structure in structures:
        for day in days:
            for bound in binding(structure, day):
                key = (bound.limit.limit_id, bound.account)
                before = found.get(key)
                outside = bound.outside or (before is not None and before.outside)
                found[key] = Bound(bound.limited, bound.account, outside)
    return tuple(found[key] for key in sorted(found, key=str))


def per_booking(found: Iterable[Bound]) -> Money | None:
    """The smallest amount per booking."""
    amounts = [
        bound.limit.amount
        for bound in found
        if bound.account is None
        and bound.limit.on_exceed == "block"
        and bound.limit.amount is not None
    ]
    return min(amounts, default=None)


def takes_of(
    found: Sequence[Bound], accounts: Accounts, amount: Money, count: int
) -> tuple[Take, ...]:
    """What a lease takes. Raises `LimitExceeded` where a blocking limit has no room for all of it,
    with the tightest one."""
    tightest: tuple[int, LimitExceeded] | None = None
    takes = []
    for bound in found:
        if bound.account is None:
            continue
        limit = bound.limit
        fits, count_fits = _room(bound, accounts)
        over = (fits is not None and fits < amount.amount) or (
            count_fits is not None and count_fits < count
        )
        if over and limit.on_exceed == "block":
            at_most = amount.amount if fits is None else fits
            if tightest is None or at_most < tightest[0]:
                tightest = (at_most, _exceeded(limit, fits, count_fits, amount.currency))
        takes.append(
            Take(
                limit_id=limit.limit_id,
                account=bound.account,
                amount=amount,
                count=count,
                overdrawn=over,
            )
        )
    if tightest is not None:
        raise tightest[1]
    return tuple(takes)


def _room(bound: Bound, accounts: Accounts) -> tuple[int | None, int | None]:
    """Minor units and number of charges that fit; None: the limit has no such value."""
    limit = bound.limit
    assert bound.account is not None
    used = accounts.used(bound.limited, bound.account)
    amount = None if limit.amount is None else max(0, limit.amount.amount - used.amount)
    count = None if limit.count is None else max(0, limit.count - used.count)
    if bound.outside:
        return None if amount is None else 0, None if count is None else 0
    return amount, count


def _exceeded(limit: Limit, fits: int | None, count: int | None, currency: str) -> LimitExceeded:
    return LimitExceeded(
        limit_id=limit.limit_id,
        name=limit.name,
        level=limit.scope.level,
        window=limit.window,
        available=None if fits is None else Money(amount=fits, currency=currency).model_dump(),
        available_count=count,
    )


def post_grant(command: GrantLease, found: Sequence[Bound], posting: Posting, first: date) -> None:
    """`first`: the first day of the lease."""
    for bound in found:
        if bound.account is None:
            continue
        posting.take(
            bound.limited,
            bound.account,
            month_of(first),
            by=command.lease_id,
            amount=command.amount,
            count=command.count,
        )


def post_use(
    lease: Lease,
    found: Sequence[Bound],
    posting: Posting,
    accounts: Accounts,
    *,
    charge_id: str,
    amount: Money,
    day: date,
) -> tuple[Take, ...]:
    """A charge of the store moves from the lease to itself. `found`: what binds the charge on its
    day, its goods unknown: all of it counts. What the lease does not cover is taken whether there
    is room or not: the booking is a fact.

    Answers what the charge has now, for its reversal.
    """
    assert lease.lease_id is not None  # Whoever asks has found it.
    covered, counted = covers(lease, amount), min(1, lease.left_count)
    held = {take.account: take for take in lease.takes}
    takes = []
    for bound in found:
        if bound.account is None:
            continue
        mine = bound.account in held
        more = amount - covered if mine else amount
        count = 1 - counted if mine else 1
        if more or count:
            posting.take(
                bound.limited, bound.account, month_of(day), by=charge_id, amount=more, count=count
            )
        fits, count_fits = _room(bound, accounts)
        over_amount = fits is not None and more.amount > fits
        over_count = count_fits is not None and count > count_fits
        takes.append(
            Take(
                limit_id=bound.limit.limit_id,
                account=bound.account,
                amount=amount,
                overdrawn=over_amount or over_count,
            )
        )
    here = {bound.account for bound in found}
    for account, take in held.items():
        if account not in here and lease.open:
            posting.give_back(
                take, by=lease.lease_id, amount=covered, count=counted, reason="lease_returned"
            )
    return tuple(takes)


def post_return(lease: Lease, posting: Posting) -> None:
    """What is left of an open lease goes back to all accounts."""
    assert lease.lease_id is not None  # Whoever asks has found it.
    left = Money(amount=lease.left, currency=lease.currency)
    for take in lease.takes:
        posting.give_back(
            take, by=lease.lease_id, amount=left, count=lease.left_count, reason="lease_returned"
        )


@dataclass(frozen=True, slots=True)
class Leased:
    """What a booking against a lease is decided on."""

    lease: Lease
    structure: Structure
    """The card as it is now, with the center of the *lease*: the slip carries that one."""
    target: Target
    """The open month that it is written to."""
    accounts: Accounts
    owner: str | None
    """Who has the claim of the charge id."""


def book(command: BookCharge, on: Leased) -> Decision:
    """A charge that a store made without a line, booked once. Raises `Stale`."""
    assert command.lease_id is not None  # That is why it is decided here.
    if command.charge_id in on.lease.used:
        return Decision({})
    day, target, posting = command.business_date, on.target, Posting(on.accounts, command.now)
    use = UseLease(charge_id=command.charge_id, amount=command.amount, now=command.now)
    takes = post_use(
        on.lease,
        binding(on.structure, day),
        posting,
        on.accounts,
        charge_id=command.charge_id,
        amount=command.amount,
        day=day,
    )
    booked = ChargeBooked(
        charge_id=command.charge_id,
        month=target.month,
        chargee=_chargee(command, on),
        amount=command.amount,
        parts=command.parts,
        takes=takes,
        booking_id=command.booking_id,
        booking_number=command.booking_number,
        store_id=command.store_id,
        till_id=command.till_id,
        business_date=day,
        late=month_of(day) < target.month,
        offline=True,
        lease_id=command.lease_id,
        fault=None if on.structure.card.card_id else "no_card",
        booked_at=command.now,
    )
    events: dict[str, Sequence[Any]] = {
        target.stream: [
            *opening(target.state, target.center_id, target.month, command.now),
            booked,
        ],
        lease_stream(command.lease_id): LEASE.decide(use, on.lease),
        **posting.events,
    }
    claim = hold_claim(command.charge_id)
    claims: list[Claim] = [TakeClaim(claim, target.stream), *posting.claims]
    if on.owner is not None and on.owner != target.stream:
        # Given up online before the store went on without a line.
        claims.insert(0, GiveBack(claim, on.owner))
    return Decision(events, claims)


def _chargee(command: BookCharge, on: Leased) -> Chargee:
    card, center = on.structure.card, on.structure.center
    return Chargee(
        center_id=on.lease.center_id,
        center_number=center.number,
        center_name=center.name,
        card_id=card.card_id or command.card_id or "",
        card_number=command.card_number or card.number,
        main_group=card.main_group,
        user_group=card.user_group,
        company_id=on.structure.company.company_id,
    )
