"""What the service does about the gateway's bookings. Pure: `now` comes in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from costcenter.commands import (
    BookCharge,
    BookedSubsidy,
    ReleaseCharge,
    ReturnedSubsidy,
    ReverseCharge,
)
from costcenter.events import TaxCase, VatPart
from costcenter.foreign import (
    BookingAborted,
    BookingRecorded,
    OnCenter,
    Reversal,
    Subsidy,
)
from events.reaction import Incoming, Policy
from money import Money, total

TOPIC = "device-gateway"
HEARD = frozenset({"booking.recorded", "booking.aborted"})

CASES: dict[str, TaxCase] = {"ZuschussEcht": "real", "ZuschussUnecht": "unreal"}


def lane(incoming: Incoming) -> str:
    """One booking: its stream at the gateway. A malformed booking stops no other."""
    return incoming.subject


def book_what_was_charged(booking: BookingRecorded) -> tuple[BookCharge, ...]:
    """Whenever a booking is recorded, the centers that paid for it owe that, and whoever
    subsidised it owes the subsidy."""
    subsidies: dict[str, list[BookedSubsidy]] = {}
    for payment in booking.payments:
        if isinstance(payment, Subsidy):
            subsidies.setdefault(payment.hold_id, []).append(
                BookedSubsidy(
                    rule_id=payment.rule_id,
                    amount=payment.amount,
                    tax_case=CASES[payment.case],
                    parts=tuple(part.as_part() for part in payment.parts),
                )
            )
    charged = {p.hold_id: p for p in booking.payments if isinstance(p, OnCenter)}
    return tuple(
        _book(booking, hold_id, charged.get(hold_id), tuple(subsidies.get(hold_id, ())))
        for hold_id in dict.fromkeys([*charged, *subsidies])
    )


def _book(
    booking: BookingRecorded,
    hold_id: str,
    paid: OnCenter | None,
    subsidies: tuple[BookedSubsidy, ...],
) -> BookCharge:
    return BookCharge(
        charge_id=hold_id,
        # A subsidy alone: the center itself pays nothing.
        amount=paid.amount if paid else Money(amount=0, currency=subsidies[0].amount.currency),
        parts=tuple(part.as_part() for part in paid.parts) if paid else (),
        subsidies=subsidies,
        booking_id=booking.booking_id,
        booking_number=booking.number,
        store_id=booking.store_id,
        till_id=booking.till_id,
        business_date=booking.business_date,
        now=booking.recorded_at,
        center_number=paid.center_number if paid else None,
        center_name=paid.center_name if paid else None,
        card_number=paid.card_number if paid else None,
        card_id=paid.card_id if paid else None,
        offline=paid.offline if paid else False,
        lease_id=paid.lease_id if paid else None,
    )


def give_back_what_was_returned(booking: BookingRecorded) -> tuple[ReverseCharge, ...]:
    """Whenever goods that a center or a subsidy paid come back, they owe that much less."""
    found: dict[tuple[str, str], list[Reversal]] = {}
    for line in (*booking.lines, *booking.payments):
        if isinstance(line, Reversal):
            found.setdefault((line.hold_id, line.reversal_id), []).append(line)
    return tuple(_reverse(booking, lines) for lines in found.values())


def _reverse(booking: BookingRecorded, lines: list[Reversal]) -> ReverseCharge:
    currency = lines[0].amount.currency
    by_rule: dict[str | None, list[Reversal]] = {None: []}
    for line in lines:
        by_rule.setdefault(line.rule_id, []).append(line)

    def worth(some: list[Reversal]) -> Money:
        return total((line.worth for line in some), currency=currency)

    def parts(some: list[Reversal]) -> tuple[VatPart, ...]:
        return tuple(part for line in some for part in line.parts())

    own = by_rule.pop(None)
    return ReverseCharge(
        charge_id=lines[0].hold_id,
        reversal_id=lines[0].reversal_id,
        amount=worth(own),
        parts=parts(own),
        booking_id=booking.booking_id,
        booking_number=booking.number,
        store_id=booking.store_id,
        till_id=booking.till_id,
        business_date=booking.business_date,
        now=booking.recorded_at,
        subsidies=tuple(
            ReturnedSubsidy(rule_id=rule_id, amount=worth(some), parts=parts(some))
            for rule_id, some in by_rule.items()
            if rule_id is not None
        ),
    )


def release_what_was_held(booking: BookingAborted, now: datetime) -> tuple[ReleaseCharge, ...]:
    """Whenever a booking is aborted, its holds end, the confirmed ones too."""
    return tuple(
        ReleaseCharge(charge_id=charge_id, reason="aborted", now=now)
        for charge_id in booking.charge_ids
    )


def policies(clock: Callable[[], datetime]) -> tuple[Policy[Any, Any], ...]:
    """All of them, bound to the events they hear. The names are part of idempotency keys."""
    return (
        Policy(
            name="costcenter.book",
            event="booking.recorded",
            model=BookingRecorded,
            decide=book_what_was_charged,
            target=lambda command: command.charge_id,
        ),
        Policy(
            name="costcenter.reverse",
            event="booking.recorded",
            model=BookingRecorded,
            decide=give_back_what_was_returned,
            target=lambda command: command.reversal_id,
        ),
        Policy(
            name="costcenter.release",
            event="booking.aborted",
            model=BookingAborted,
            decide=lambda booking: release_what_was_held(booking, clock()),
            target=lambda command: command.charge_id,
        ),
    )
