"""Subsidies of recorded bookings: what the payer owes, and what comes back. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from costcenter.decider.goods import parts_of
from costcenter.events import SubsidyGranted, SubsidyShare, SubsidyTakenBack, VatPart
from money import Money


@dataclass(frozen=True, slots=True)
class OnBooking:
    """Which booking it stands on, and whose card."""

    charge_id: str
    card_id: str
    card_number: str
    booking_id: str
    store_id: str
    till_id: str
    business_date: date


@dataclass(frozen=True, slots=True)
class Settled:
    """What a booking says was paid by one rule. It is a fact, whatever was held."""

    rule_id: str
    amount: Money
    parts: tuple[VatPart, ...]


def booked_shares(
    held: Sequence[SubsidyShare], settled: Sequence[Settled]
) -> tuple[SubsidyShare, ...]:
    """The held shares as the booking has them: smaller where less was settled, gone where none
    was. What was settled under a rule that the hold does not know is left out: see `unknown`."""
    said = {some.rule_id: some for some in settled}
    found = []
    for share in held:
        some = said.get(share.rule_id)
        if some is None or not some.amount:
            continue
        parts = some.parts or parts_of(some.amount, share.parts)
        found.append(share.model_copy(update={"amount": some.amount, "parts": parts}))
    return tuple(found)


def unknown(held: Sequence[SubsidyShare], settled: Sequence[Settled]) -> tuple[Settled, ...]:
    """Settled by rules that nothing was held for: nobody owes it. Somebody has to look."""
    rules = {share.rule_id for share in held}
    return tuple(some for some in settled if some.rule_id not in rules)


def unused(
    held: Sequence[SubsidyShare], booked: Sequence[SubsidyShare]
) -> tuple[tuple[SubsidyShare, Money, int], ...]:
    """`(held share, amount, uses)` that the allowances get back, because less was booked."""
    said = {share.rule_id: share.amount for share in booked}
    found = []
    for share in held:
        amount = said.get(share.rule_id)
        if amount is None:
            found.append((share, share.amount, share.uses))
        elif amount < share.amount:
            found.append((share, share.amount - amount, 0))
    return tuple(found)


def granted(
    shares: Sequence[SubsidyShare],
    months: Mapping[str, str],
    on: OnBooking,
    *,
    now: datetime,
) -> tuple[SubsidyGranted, ...]:
    """What the payers owe. `months`: the open month of each payer (`2026-10`) by its center."""
    own_month = f"{on.business_date:%Y-%m}"
    return tuple(
        SubsidyGranted(
            center_id=share.payer_center_id,
            month=months[share.payer_center_id],
            charge_id=on.charge_id,
            rule_id=share.rule_id,
            name=share.name,
            tax_case=share.tax_case,
            card_id=on.card_id,
            card_number=on.card_number,
            booking_id=on.booking_id,
            store_id=on.store_id,
            till_id=on.till_id,
            business_date=on.business_date,
            amount=share.amount,
            parts=share.parts,
            uses=share.uses,
            late=months[share.payer_center_id] != own_month,
            granted_at=now,
        )
        for share in shares
    )


@dataclass(frozen=True, slots=True)
class Back:
    """What comes back of one share."""

    share: SubsidyShare
    """What was left of it."""
    amount: Money
    parts: tuple[VatPart, ...]
    uses: int


def back(left: SubsidyShare, amount: Money) -> Back:
    """`amount` of what is left of a booked share comes back, and never more than that. The uses
    come back with the last of it: a meal of which a part came back was still a meal."""
    now = min(amount, left.amount)
    return Back(
        share=left,
        amount=now,
        parts=parts_of(now, left.parts),
        uses=left.uses if now and now == left.amount else 0,
    )


def rest_of(some: Back) -> SubsidyShare:
    """What is left of the share afterwards."""
    gone = {part.vat: part.gross for part in some.parts}
    parts = tuple(
        part.model_copy(update={"gross": gross})
        for part in some.share.parts
        if (gross := part.gross - gone.get(part.vat, part.gross.zero))
    )
    return some.share.model_copy(
        update={
            "amount": some.share.amount - some.amount,
            "parts": parts,
            "uses": some.share.uses - some.uses,
        }
    )


def taken_back(
    some: Back, on: OnBooking, *, reversal_id: str, month: str, now: datetime
) -> SubsidyTakenBack:
    """`on`: the reversing booking; `month`: the payer's open one."""
    return SubsidyTakenBack(
        center_id=some.share.payer_center_id,
        month=month,
        charge_id=on.charge_id,
        rule_id=some.share.rule_id,
        card_id=on.card_id,
        card_number=on.card_number,
        reversal_id=reversal_id,
        booking_id=on.booking_id,
        store_id=on.store_id,
        business_date=on.business_date,
        amount=some.amount,
        parts=some.parts,
        uses=some.uses,
        taken_back_at=now,
    )
