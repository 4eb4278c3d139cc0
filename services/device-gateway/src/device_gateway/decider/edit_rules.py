"""What holds for every act on an open sale, and how an act is refused. Pure."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from device_gateway.commands.acts import By
from device_gateway.decider.booking_evolve import evolve
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.covering import overpaid
from device_gateway.decider.lines import must_be_open
from device_gateway.decider.pricing import GIVES_BACK, keep_totals
from device_gateway.decider.refusals import BookingNegative, BookingTooLarge
from device_gateway.events import Act, BookingEvent, BookingStarted, Line, Payment
from events import DomainError
from money import Money, total

ACTS_MAX = 100
"""How often a sale may be corrected: it is recorded with all of it."""

AT_WORK = frozenset({"requested", "unknown"})
"""Payments of which nobody knows yet what they settle."""


class LineUnknown(DomainError):
    code = "line.unknown"
    status = 404
    title = "This booking has no such line"


class LineFixed(DomainError):
    code = "line.fixed"
    title = "A line of this kind cannot be changed; void it, or abort the sale"


class LineDiscounted(DomainError):
    """`discounts` names them. Void them first."""

    code = "line.discounted"
    title = "This line has a discount; take it off first"


class HeldAlready(DomainError):
    """`payments` count on the lines as they are. Release them first."""

    code = "booking.held_already"
    title = "A payment was asked for these goods; release it first"


class PaidAlready(DomainError):
    """`settled` is more than would be left to pay. Release a payment first."""

    code = "booking.paid_already"
    title = "More is paid already than this would leave"


class DiscountTooMuch(DomainError):
    """`at_most` is what it may be."""

    code = "discount.too_much"
    status = 422
    title = "A discount is above nothing and at most what the goods cost"


class DiscountOverMax(DomainError):
    """`discount_max` (basis points) is how far whoever is signed in may go."""

    code = "till.discount_max"
    status = 403
    title = "Whoever is signed in may not lower prices so far"


def editable(booking: Booking) -> BookingStarted:
    """Raises `HeldAlready`, `LineFixed` (a cancellation), `BookingTooLarge`, and what is told of a
    booking that ended."""
    started = must_be_open(booking)
    if started.cancels is not None:
        raise LineFixed
    counting = [
        tender.payment_id
        for tender in booking.tenders
        if tender.status in AT_WORK or any(_counts_on_lines(paid) for paid in tender.settling)
    ]
    if counting:
        raise HeldAlready(payments=counting)
    if len(booking.acts) >= ACTS_MAX:
        raise BookingTooLarge(f"a sale is corrected at most {ACTS_MAX} times", limit=ACTS_MAX)
    return started


def _counts_on_lines(paid: Payment) -> bool:
    """A voucher for some goods or of one VAT, a cost center, a subsidy: they were told the lines.
    Money is for whatever is left, and so is a voucher for everything."""
    return bool(paid.covers or paid.parts or paid.rate is not None)


def keep_sound(booking: Booking, event: BookingEvent) -> None:
    """Raises what is wrong with the booking once `event` has happened."""
    after = evolve(booking, event)
    keep_totals(after.lines, after.currency)
    bought = sum(line.amount.amount for line in after.lines if line.kind not in GIVES_BACK)
    paid = any(each.amount.amount > 0 for each in after.payments)
    if paid:
        less = after.open_amount.amount < min(0, booking.open_amount.amount)
        if less or after.goods_left.amount < min(0, booking.goods_left.amount):
            settled = total((each.amount for each in after.payments), currency=after.currency)
            raise PaidAlready(settled=settled.model_dump())
    if bought < 0 or overpaid(after.lines, after.payments) - overpaid(
        booking.lines, booking.payments
    ):
        raise BookingNegative(total=after.total.model_dump())


def line_in(booking: Booking, line_id: str) -> Line:
    """Raises `LineUnknown`."""
    for line in booking.lines:
        if line.line_id == line_id:
            return line
    raise LineUnknown(line_id=line_id)


def keep_undiscounted(booking: Booking, line: Line) -> None:
    """A discount was given on what the line cost: another quantity or price is another case."""
    found = [
        each.line_id
        for each in booking.lines
        if any(cover.line_id == line.line_id for cover in each.lowers)
    ]
    if found:
        raise LineDiscounted(discounts=found)


def keep_within(off: int, whole: int, by: By) -> None:
    """Raises `DiscountOverMax`."""
    # A discount of exactly so many percent may be rounded up.
    if by.discount_max is not None and off > percent_of(whole, by.discount_max):
        raise DiscountOverMax(discount_max=by.discount_max)


def act_of(
    kind: Literal["line_void", "price_change", "discount"],
    line: Line,
    amount: Money,
    reason: str,
    by: By,
    now: datetime,
) -> Act:
    """What the record and the closing say of it."""
    return Act(
        kind=kind,
        line_id=line.line_id,
        name=line.name,
        amount=amount,
        reason=reason,
        person=by.cashier_id,
        approved_by=by.approved_by,
        at=now,
    )


def percent_of(minor: int, basis_points: int) -> int:
    """Rounded half up, minor units."""
    return int((Decimal(minor) * basis_points / 10_000).quantize(Decimal(1), ROUND_HALF_UP))
