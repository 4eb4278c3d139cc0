"""Bookings that give something back: their lines, the money that goes out, and what they are
called. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from device_gateway.commands import RecordBooking, ReturnedLine, TakeBack, TakenVoucher
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.cancelling import cancelled
from device_gateway.decider.giving_back import reference_to
from device_gateway.decider.lines import must_be_open
from device_gateway.decider.pricing import GIVES_BACK, NOT_TAXABLE
from device_gateway.decider.refusals import (
    BookingUnknown,
    LineRefused,
    OpenAmount,
    TrainingOnly,
)
from device_gateway.decider.returns import returns_of, sold, take_back
from device_gateway.events import (
    BookingKind,
    BookingRecorded,
    BookingStarted,
    BookingTakenBack,
    Line,
    LinesAdded,
    Payment,
    PaymentAccepted,
    Record,
    Reference,
)

SINGLE = "EinzweckgutscheinEinloesung"
"""GV_TYP of a single-purpose voucher's rest, under the key of its sale."""


def goods_back(
    command: TakeBack, booking: Booking, originals: Mapping[str, Booking]
) -> tuple[LinesAdded | PaymentAccepted, ...]:
    """Lines of returns and payouts, numbered on. Raises `TrainingOnly`, `LineRefused`,
    `BookingUnknown` (of an original, with its `booking_id`) and the refusals of `take_back`."""
    started = must_be_open(booking)
    if not command.returns and not command.payouts:
        return ()
    if started.training:
        raise TrainingOnly
    something_back(command.returns)
    lines, payments = list[Line](), list[Payment]()
    for original_id, wanted in command.returns.items():
        original = originals[original_id]
        if original.started is None or original.started.store_id != started.store_id:
            raise BookingUnknown(booking_id=original_id)
        back = take_back(
            original,
            wanted,
            booking_id=started.booking_id,
            numbered=booking.numbered + len(lines),
        )
        lines += back.lines
        payments += back.payments
    for voucher in command.payouts:
        lines.append(payout_line(voucher, booking.numbered + len(lines) + 1))
    return (
        LinesAdded(
            booking_id=started.booking_id,
            store_id=started.store_id,
            lines=tuple(lines),
            added_at=command.now,
        ),
        *(
            PaymentAccepted(
                booking_id=started.booking_id,
                store_id=started.store_id,
                payment=payment,
                accepted_at=command.now,
            )
            for payment in payments
        ),
    )


def something_back(returns: Mapping[str, Sequence[ReturnedLine]]) -> None:
    """Raises `LineRefused` for a return of nothing."""
    if any(each.quantity <= 0 for some in returns.values() for each in some):
        raise LineRefused("what comes back has a quantity above 0")


def payout_line(voucher: TakenVoucher, number: int) -> Line:
    """The rest of a voucher, in money."""
    return Line(
        line_id=str(number),
        kind="voucher_payout",
        name=voucher.name,
        quantity="1",
        unit_price=-voucher.amount,
        amount=-voucher.amount,
        vat=voucher.vat,
        rate=voucher.rate,
        dsfinvk_key=voucher.dsfinvk_key,
        voucher_id=voucher.voucher_id,
        voucher_serial=voucher.serial,
        hold_id=voucher.hold_id,
        case=None if voucher.dsfinvk_key == NOT_TAXABLE else SINGLE,
        reason=voucher.reason,
    )


def refund(command: RecordBooking, booking: Booking) -> tuple[PaymentAccepted, ...]:
    """The money that goes out, where more comes back than is bought. Raises `OpenAmount` where
    nobody said how."""
    if not booking.refundable:
        return ()
    assert booking.started is not None
    means = command.refund
    if means is None:
        raise OpenAmount(open_amount=booking.open_amount.model_dump())
    return (
        PaymentAccepted(
            booking_id=booking.started.booking_id,
            store_id=booking.started.store_id,
            payment=Payment(
                payment_id=means.payment_id,
                kind=means.kind,
                name=means.name,
                fiscal=means.fiscal,
                amount=booking.open_amount,
                payment_type=means.payment_type,
            ),
            accepted_at=command.now,
        ),
    )


def kind_of(booking: Booking) -> BookingKind:
    """What a booking that is about to be recorded is called."""
    assert booking.started is not None
    if booking.started.cancels is not None:
        return "cancellation"
    kinds = {line.kind for line in booking.lines}
    if kinds == {"voucher_payout"}:
        return "payout"
    if "return" in kinds or (not kinds.isdisjoint(GIVES_BACK) and booking.total.amount < 0):
        return "return"
    return "sale"


def references_of(started: BookingStarted, booking: Booking) -> tuple[Reference, ...]:
    """What the booking refers to as a whole: what the till said, orders that were paid online, and
    the bookings that it takes something back of."""
    found = list(started.references)
    found += [paid.reference for paid in booking.payments
              if paid.reference is not None and paid.kind == "online"]  # fmt: skip
    return tuple({(each.type, each.id): each for each in found}.values())


def with_originals(recorded: BookingRecorded, originals: Mapping[str, Booking]) -> BookingRecorded:
    """The record with full references to the bookings that it takes something back of."""
    full = {
        original_id: reference_to(sold(original)) for original_id, original in originals.items()
    }
    kept = [each for each in recorded.references if each.id not in full]
    return recorded.model_copy(update={"references": (*kept, *full.values())})


def taken_back(
    record: Record, booking: Booking, originals: Mapping[str, Booking]
) -> Mapping[str, BookingTakenBack]:
    """By original booking: what its stream says in the same append."""
    assert booking.started is not None
    if not isinstance(record, BookingRecorded):
        return {}
    cancels = booking.started.cancels
    if cancels is not None:
        return {cancels: cancelled(record, originals[cancels])}
    return returns_of(record, originals)


def originals_of(booking: Booking) -> tuple[str, ...]:
    """Ids of the bookings that this one takes something back of."""
    assert booking.started is not None
    if booking.started.cancels is not None:
        return (booking.started.cancels,)
    return tuple(
        dict.fromkeys(
            line.reference.id
            for line in booking.lines
            if line.kind == "return" and line.reference is not None
        )
    )
