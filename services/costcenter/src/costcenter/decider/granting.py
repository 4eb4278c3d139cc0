"""Subsidies of goods that came back. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from costcenter.decider.allowance import Used
from costcenter.decider.goods import parts_of
from costcenter.events import SubsidyShare, SubsidyTakenBack, VatPart
from money import Money


@dataclass(frozen=True, slots=True)
class OnBooking:
    """The reversing booking, and whose charge it reverses."""

    charge_id: str
    card_id: str
    card_number: str
    reversal_id: str
    booking_id: str
    store_id: str
    business_date: date
    booking_number: int | None = None


@dataclass(frozen=True, slots=True)
class Back:
    """What comes back of one share."""

    share: SubsidyShare
    amount: Money
    parts: tuple[VatPart, ...]
    uses: int


def back(share: SubsidyShare, used: Used, amount: Money, parts: tuple[VatPart, ...] = ()) -> Back:
    """`amount` of a booked share comes back, but never more than the allowance still counts for
    the charge (`used`). The uses come back with the last of it: a meal of which a part came back
    was still a meal. `parts`: as the booking says; without any, or cut, in the share's
    proportions."""
    now = Money(amount=min(amount.amount, used.minor), currency=amount.currency)
    said = parts if parts and now == amount else parts_of(now, parts or share.parts)
    return Back(
        share=share,
        amount=now,
        parts=said,
        uses=used.uses if now and now.amount == used.minor else 0,
    )


def taken_back(some: Back, on: OnBooking, *, month: str, now: datetime) -> SubsidyTakenBack:
    """`month`: the payer's open one."""
    return SubsidyTakenBack(
        center_id=some.share.payer_center_id,
        month=month,
        charge_id=on.charge_id,
        rule_id=some.share.rule_id,
        card_id=on.card_id,
        card_number=on.card_number,
        reversal_id=on.reversal_id,
        booking_id=on.booking_id,
        booking_number=on.booking_number,
        store_id=on.store_id,
        business_date=on.business_date,
        amount=some.amount,
        parts=some.parts,
        uses=some.uses,
        taken_back_at=now,
    )
