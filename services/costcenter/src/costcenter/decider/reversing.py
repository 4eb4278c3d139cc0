"""Goods that a center paid come back. A pure function over the months of the charge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from costcenter.commands import ReverseCharge
from costcenter.decider import allowance, granting
from costcenter.decider.allowance import Allowance
from costcenter.decider.month import Charge, Month, opening
from costcenter.decider.refusals import ChargeUnknown
from costcenter.decider.settling import Events, Target, minor_units, resized
from costcenter.decider.usage import Accounts, Posting
from costcenter.events import (
    ChargeReversed,
)
from costcenter.names import reversal_claim
from events import Decision
from events import Take as TakeClaim


@dataclass(frozen=True, slots=True)
class Reversed:
    """What a reversal is decided on."""

    charge: Charge | None
    months: Sequence[Month]
    """The charge's own month and all of its center after it, up to the target."""
    target: Target
    accounts: Accounts
    payers: Mapping[str, Target] = field(default_factory=dict)
    """By center: where what it gets back of subsidies is written."""
    allowances: Mapping[str, Allowance] = field(default_factory=dict)
    """By stream."""


def reverse(command: ReverseCharge, on: Reversed) -> Decision:
    """Credited up to what was charged and not yet given back. Raises `ChargeUnknown`, `Stale`."""
    charge = on.charge
    if charge is None or charge.state != "booked":
        raise ChargeUnknown
    if any(command.reversal_id in month.reversals for month in on.months):
        return Decision({})
    gone = sum(month.reversed.get(charge.charge_id, 0) for month in on.months)
    left = charge.amount.amount - gone
    credited = min(left, command.amount.amount)
    posting = Posting(on.accounts, command.now)
    for take in charge.takes:
        before = resized(take, charge.amount, minor_units(left)).amount if left else minor_units(0)
        after = resized(take, charge.amount, minor_units(left - credited)).amount
        posting.give_back(
            take,
            by=charge.charge_id,
            amount=before - after,
            count=take.count if credited and credited == left else 0,
            reason="reversed",
        )
    returned = _returned(command, charge, on)
    refused = command.amount.amount - credited
    refused += sum(some.amount.amount for some in command.subsidies)
    refused -= sum(some.amount.amount for _, some in returned)
    reversed_ = ChargeReversed(
        charge_id=charge.charge_id,
        month=on.target.month,
        reversal_id=command.reversal_id,
        chargee=charge.chargee,
        amount=minor_units(credited),
        parts=command.parts,
        booking_id=command.booking_id,
        booking_number=command.booking_number,
        store_id=command.store_id,
        till_id=command.till_id,
        business_date=command.business_date,
        refused=minor_units(refused) if refused else None,
        reversed_at=command.now,
    )
    events: Events = {
        on.target.stream: [
            *opening(on.target.state, on.target.center_id, on.target.month, command.now),
            reversed_,
        ],
        **posting.events,
    }
    for stream, some in returned:
        _take_back(command, charge, stream, some, on, events)
    claim = TakeClaim(reversal_claim(command.reversal_id), on.target.stream)
    return Decision(events, (claim, *posting.claims))


def _returned(
    command: ReverseCharge, charge: Charge, on: Reversed
) -> list[tuple[str, granting.Back]]:
    """What comes back of each subsidy, with the stream of its allowance, which says how much of
    the share has not come back yet."""
    known = {share.rule_id: share for share in charge.subsidies}
    found = []
    for some in command.subsidies:
        share = known.get(some.rule_id)
        if share is None:
            continue
        card_id = charge.chargee.card_id
        stream = allowance.stream_of(share.rule_id, card_id, charge.business_date)
        used = on.allowances[stream].charges.get(charge.charge_id)
        if used is not None and used.minor:
            found.append((stream, granting.back(share, used, some.amount, some.parts)))
    return found


def _take_back(
    command: ReverseCharge,
    charge: Charge,
    stream: str,
    some: granting.Back,
    on: Reversed,
    events: Events,
) -> None:
    at = on.payers[some.share.payer_center_id]
    reversing = granting.OnBooking(
        charge_id=charge.charge_id,
        card_id=charge.chargee.card_id,
        card_number=charge.chargee.card_number,
        reversal_id=command.reversal_id,
        booking_id=command.booking_id,
        booking_number=command.booking_number,
        store_id=command.store_id,
        business_date=command.business_date,
    )
    before = events.get(at.stream)
    if before is None:
        before = opening(at.state, at.center_id, at.month, command.now)
    taken_back = granting.taken_back(some, reversing, month=at.month, now=command.now)
    events[at.stream] = [*before, taken_back]
    events[stream] = allowance.part_given_back(
        on.allowances[stream],
        some.share,
        some.amount,
        some.uses,
        card_id=charge.chargee.card_id,
        charge_id=charge.charge_id,
        now=command.now,
    )
