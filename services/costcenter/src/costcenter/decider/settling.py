"""What becomes of a held charge: released, booked, reversed. Pure functions over the month that the
charge stands in, the month it is settled in, and the limit accounts it has taken from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from costcenter.commands import BookCharge, BookedSubsidy, ReleaseCharge
from costcenter.decider import allowance
from costcenter.decider.allowance import Allowance
from costcenter.decider.binding import binding, rooms
from costcenter.decider.charging import Basis
from costcenter.decider.month import CURRENCY, Charge, Month, opening
from costcenter.decider.refusals import HoldBooked
from costcenter.decider.usage import Accounts, Posting
from costcenter.events import (
    BookFault,
    ChargeBooked,
    Chargee,
    ChargeReleased,
    SubsidyGranted,
    SubsidyShare,
    Take,
)
from costcenter.names import TOMBSTONE, hold_claim, month_stream
from events import Claim, Decision, GiveBack
from events import Take as TakeClaim
from money import Money

Events = dict[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Target:
    """An open month of one center."""

    center_id: str
    month: str
    state: Month

    @property
    def stream(self) -> str:
        return month_stream(self.center_id, self.month)


@dataclass(frozen=True, slots=True)
class Booked:
    """What a booking is decided on."""

    charge: Charge | None
    """As it stands in its month; None: nobody knows its hold."""
    owner: str | None
    """Who has the claim of the hold: its month's stream, `TOMBSTONE`, nobody."""
    target: Target
    """Where the booking is written: the month of the charge or the next open one."""
    payers: Mapping[str, Target]
    """By center: where what it owes for subsidies is written."""
    accounts: Accounts
    allowances: Mapping[str, Allowance] = field(default_factory=dict)
    """By stream."""
    stranger: Basis | None = None
    """Of a charge without a hold: the structure as it is now, if its card is known."""
    chargee: Chargee | None = None
    """Of a charge without a hold."""


def release(
    command: ReleaseCharge,
    month: Month,
    accounts: Accounts,
    allowances: Mapping[str, Allowance],
) -> Decision:
    """Everything goes back. Raises `HoldUnknown`, `HoldBooked`, `Stale`.

    An abort of what was booked changes nothing: the booking is a fact, and one of the two messages
    is wrong.
    """
    charge = month.charge(command.charge_id)
    if charge.state == "booked":
        if command.reason == "expired":
            return Decision({})
        raise HoldBooked
    if charge.state == "released":
        return Decision({})
    if command.reason == "expired" and not charge.lapsed(command.now):
        return Decision({})
    assert month.center_id is not None
    posting = Posting(accounts, command.now)
    for take in charge.takes:
        posting.give_back(
            take,
            by=charge.charge_id,
            amount=take.amount,
            count=take.count,
            reason=command.reason,
        )
    released = ChargeReleased(
        charge_id=charge.charge_id,
        month=month.month,
        reason=command.reason,
        released_at=command.now,
    )
    events: Events = {
        month_stream(month.center_id, month.month): [released],
        **posting.events,
        **allowance.given_back(
            charge.subsidies,
            allowances,
            card_id=charge.chargee.card_id,
            charge_id=charge.charge_id,
            day=charge.business_date,
            now=command.now,
        ),
    }
    return Decision(events, posting.claims)


def book(command: BookCharge, on: Booked) -> Decision:
    """The center owes what the booking says, whatever became of the hold. Raises `HoldBooked` where
    another booking has it already, and `Stale`."""
    charge = on.charge
    if charge is not None and charge.state == "booked":
        if charge.booking_id == command.booking_id:
            return Decision({})
        raise HoldBooked
    posting = Posting(on.accounts, command.now)
    fault: BookFault | None
    takes: tuple[Take, ...] | None
    if charge is None:
        fault, takes = _of_a_stranger(command, on, posting)
    elif charge.open:
        fault, takes = _of_its_hold(command, charge, posting)
    else:
        fault, takes = _once_more(command, charge, posting)
    chargee = charge.chargee if charge is not None else on.chargee
    assert chargee is not None
    shares = _shares(command, charge, on)
    booked = _booked(command, on, chargee, shares, takes=takes, fault=fault)
    events: Events = {
        on.target.stream: [
            *opening(on.target.state, on.target.center_id, on.target.month, command.now),
            booked,
        ],
        **posting.events,
    }
    _allowances(command, booked, charge, shares, on, events)
    for share in shares:
        _grant(command, booked, share, on.payers[share.payer_center_id], events)
    return Decision(events, (*_handed_over(command, on), *posting.claims))


def _of_its_hold(
    command: BookCharge, charge: Charge, posting: Posting
) -> tuple[BookFault | None, tuple[Take, ...] | None]:
    if command.amount == charge.amount:
        return None, None
    # Of each account the same share of the charge as before.
    takes = tuple(resized(take, charge.amount, command.amount) for take in charge.takes)
    over = command.amount > charge.amount
    for before, after in zip(charge.takes, takes, strict=True):
        if over:
            more = after.amount - before.amount
            posting.take_more(before, by=charge.charge_id, amount=more, count=0)
        else:
            less = before.amount - after.amount
            posting.give_back(before, by=charge.charge_id, amount=less, count=0, reason="lowered")
    if over:
        return "over_hold", tuple(t.model_copy(update={"overdrawn": True}) for t in takes)
    return None, takes


def _once_more(
    command: BookCharge, charge: Charge, posting: Posting
) -> tuple[BookFault, tuple[Take, ...]]:
    """Released or expired: taken again, room or not."""
    takes = tuple(
        resized(take, charge.amount, command.amount).model_copy(update={"overdrawn": True})
        for take in charge.takes
    )
    for take in takes:
        posting.take_more(take, by=charge.charge_id, amount=take.amount, count=take.count)
    return ("hold_expired" if charge.release == "expired" else "hold_released"), takes


def _of_a_stranger(
    command: BookCharge, on: Booked, posting: Posting
) -> tuple[BookFault, tuple[Take, ...]]:
    """Nobody held it. What binds the card today is taken, room or not."""
    takes: list[Take] = []
    if on.stranger is not None and command.amount:
        # Without the goods a limit for some of them counts nothing.
        bounds = [
            bound
            for bound in binding(on.stranger.structure, command.business_date)
            if not bound.limit.article_groups
        ]
        for room in rooms(bounds, on.accounts, ()):
            account = room.bound.account
            if account is None:
                continue
            take = Take(
                limit_id=room.bound.limit.limit_id,
                account=account,
                amount=command.amount,
                overdrawn=room.allows(command.amount.amount) < command.amount.amount,
            )
            takes.append(take)
            posting.take(
                room.bound.limited,
                account,
                on.target.month,
                by=command.charge_id,
                amount=take.amount,
                count=take.count,
            )
    if on.stranger is None:
        return "no_card", ()
    return ("hold_released" if on.owner == TOMBSTONE else "hold_unknown"), tuple(takes)


def resized(take: Take, whole: Money, amount: Money) -> Take:
    """What a charge of `amount` takes, if one of `whole` took `take`. Rounded up: an account may
    say a cent too much, never one too little."""
    if not whole:
        return take
    minor = -(-take.amount.amount * amount.amount // whole.amount)
    return take.model_copy(update={"amount": minor_units(minor)})


def _shares(command: BookCharge, charge: Charge | None, on: Booked) -> tuple[SubsidyShare, ...]:
    """What the subsidies paid according to the booking."""
    known = {share.rule_id: share for share in charge.subsidies} if charge else {}
    found = []
    for paid in command.subsidies:
        share = known.get(paid.rule_id)
        if share is None:
            found.append(_unheld(paid, on))
        elif share.amount != paid.amount:
            found.append(share.model_copy(update={"amount": paid.amount, "parts": paid.parts}))
        else:
            found.append(share)
    return tuple(found)


def _unheld(paid: BookedSubsidy, on: Booked) -> SubsidyShare:
    rule = None
    if on.stranger is not None:
        rule = on.stranger.structure.group.rules.get(paid.rule_id)
    payer = rule.payer_center_id if rule and rule.payer_center_id else on.target.center_id
    return SubsidyShare(
        rule_id=paid.rule_id,
        name=rule.name if rule else "",
        payer_center_id=payer,
        tax_case=paid.tax_case,
        uses=1,
        amount=paid.amount,
        parts=paid.parts,
    )


def payers_of(command: BookCharge, charge: Charge | None, on_rules: Basis | None) -> set[str]:
    """Centers that owe a part of the booking as subsidies, the charge's own left out."""
    known = {share.rule_id: share.payer_center_id for share in charge.subsidies} if charge else {}
    rules = on_rules.structure.group.rules if on_rules else {}
    found = set()
    for paid in command.subsidies:
        rule = rules.get(paid.rule_id)
        payer = known.get(paid.rule_id) or (rule.payer_center_id if rule else None)
        if payer is not None:
            found.add(payer)
    return found


def _booked(
    command: BookCharge,
    on: Booked,
    chargee: Chargee,
    shares: tuple[SubsidyShare, ...],
    *,
    takes: tuple[Take, ...] | None,
    fault: BookFault | None,
) -> ChargeBooked:
    day, late = command.business_date, False
    if on.charge is not None and f"{day:%Y-%m}" != on.target.month:
        day = on.charge.business_date  # Held before midnight, recorded after it.
    if f"{day:%Y-%m}" < on.target.month:
        late = True
    return ChargeBooked(
        charge_id=command.charge_id,
        month=on.target.month,
        chargee=chargee,
        amount=command.amount,
        parts=command.parts,
        subsidies=shares,
        takes=takes,
        booking_id=command.booking_id,
        booking_number=command.booking_number,
        store_id=command.store_id,
        till_id=command.till_id,
        business_date=day,
        late=late,
        offline=command.offline,
        lease_id=command.lease_id,
        fault=fault,
        booked_at=command.now,
    )


def _allowances(
    command: BookCharge,
    booked: ChargeBooked,
    charge: Charge | None,
    shares: Sequence[SubsidyShare],
    on: Booked,
    events: Events,
) -> None:
    """What the booking does not say, or says with less, is given back. Where nothing is held any
    more, or never was, what the booking says is used, room or not: it was eaten."""
    if charge is None or not charge.open:
        if booked.chargee.card_id:
            events.update(
                allowance.taken(
                    shares,
                    card_id=booked.chargee.card_id,
                    charge_id=command.charge_id,
                    day=booked.business_date if charge is None else charge.business_date,
                    now=command.now,
                )
            )
        return
    paid = {share.rule_id: share.amount for share in shares}
    for share in charge.subsidies:
        kept = paid.get(share.rule_id, share.amount.zero)
        if kept >= share.amount:
            continue
        stream = allowance.stream_of(share.rule_id, charge.chargee.card_id, charge.business_date)
        back = allowance.part_given_back(
            on.allowances[stream],
            share,
            share.amount - kept,
            0 if kept else share.uses,
            card_id=charge.chargee.card_id,
            charge_id=charge.charge_id,
            now=command.now,
        )
        if back:
            events[stream] = back


def _grant(
    command: BookCharge, booked: ChargeBooked, share: SubsidyShare, at: Target, events: Events
) -> None:
    granted = SubsidyGranted(
        center_id=at.center_id,
        month=at.month,
        charge_id=booked.charge_id,
        rule_id=share.rule_id,
        name=share.name,
        tax_case=share.tax_case,
        card_id=booked.chargee.card_id,
        card_number=booked.chargee.card_number,
        booking_id=booked.booking_id,
        booking_number=booked.booking_number,
        store_id=booked.store_id,
        till_id=booked.till_id,
        business_date=booked.business_date,
        amount=share.amount,
        parts=share.parts,
        uses=share.uses,
        late=f"{booked.business_date:%Y-%m}" < at.month,
        granted_at=command.now,
    )
    before = events.get(at.stream)
    if before is None:
        before = opening(at.state, at.center_id, at.month, command.now)
    events[at.stream] = [*before, granted]


def _handed_over(command: BookCharge, on: Booked) -> Sequence[Claim]:
    """The hold's claim leads to where the charge stands now."""
    claim, stream = hold_claim(command.charge_id), on.target.stream
    if on.owner == stream:
        return ()
    if on.owner is None:
        return (TakeClaim(claim, stream),)
    return (GiveBack(claim, on.owner), TakeClaim(claim, stream))


def minor_units(minor: int) -> Money:
    return Money(amount=minor, currency=CURRENCY)
