"""A recorded booking is taken back as a whole: all signs reversed, by the same means. Pure.

Money goes out as it came in. Vouchers and gifts get back what they paid as lines, cost centers and
subsidies as payments. A voucher that was sold comes back with its code, unspent, or the booking
stays as it is. What nobody could undo elsewhere is refused before anything is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID, uuid5

from device_gateway.commands import CancelBooking, TakenVoucher
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.giving_back import Source, given_back, reference_to
from device_gateway.decider.library import OF_ACCOUNTS
from device_gateway.decider.refusals import (
    CancelledBefore,
    NotCancellable,
    ReturnedInPart,
    VoucherDiffers,
)
from device_gateway.decider.returns import of_gift, of_payer, of_voucher
from device_gateway.events import (
    BookingRecorded,
    BookingStarted,
    BookingTakenBack,
    Line,
    LinesAdded,
    Payment,
    PaymentAccepted,
)
from money import Money

MONEY = frozenset({"cash", "card", "online"})
"""Payments that go back as they came."""


def cancellable(original: Booking) -> BookingRecorded:
    """Raises `NotCancellable` (`reason`: kind, top_up, voucher_value), `CancelledBefore` (`by`)
    and `ReturnedInPart` (`by`)."""
    recorded = original.recorded
    if not isinstance(recorded, BookingRecorded) or recorded.kind != "sale":
        raise NotCancellable(reason="kind")
    for event in original.taken_back:
        refusal = CancelledBefore if event.kind == "cancellation" else ReturnedInPart
        raise refusal(by=event.by)
    for line in recorded.lines:
        if line.kind == "voucher_top_up":
            # The voucher service has no way to take back a part of a voucher's value.
            raise NotCancellable(reason="top_up", line_id=line.line_id)
        if line.kind in OF_ACCOUNTS:
            # Nor a part of what an account's owner was told.
            raise NotCancellable(reason=line.kind, line_id=line.line_id)
        face = None if line.voucher is None else line.voucher.value
        if line.kind == "voucher_sale" and face is not None and face != line.amount:
            # It would end with what was paid, and the rest of its value would stay.
            raise NotCancellable(reason="voucher_value", line_id=line.line_id)
    return recorded


def sold_vouchers(recorded: BookingRecorded) -> tuple[Line, ...]:
    """The lines that need a voucher's code to be taken back."""
    return tuple(line for line in recorded.lines if line.kind == "voucher_sale")


def restored_holds(original: Booking) -> Mapping[str, Money]:
    """Hold → what the voucher it stands on gets back."""
    recorded = cancellable(original)
    found = {
        paid.hold_id: paid.amount
        for paid in recorded.payments
        if paid.kind == "voucher" and paid.hold_id is not None
    }
    return found | {waiver.hold_id: waiver.amount for waiver in recorded.waivers}


def cancel(
    command: CancelBooking, started: BookingStarted, original: Booking
) -> tuple[LinesAdded | PaymentAccepted, ...]:
    """Lines and payments of the booking that takes `original` back. Raises as `cancellable`, and
    `VoucherDiffers` where another voucher is brought than the one that was sold."""
    recorded = cancellable(original)
    lines = list[Line]()
    for line in recorded.lines:
        if line.kind == "discount" and line.hold_id is not None:
            continue  # A gift: given back below.
        lines.append(_reversed(line, len(lines) + 1, command, recorded))
    more, charges = given_back(
        [(source, Money(amount=source.amount, currency=recorded.currency))
         for source in _sources(original, recorded)],
        booking_id=started.booking_id,
        numbered=len(lines),
        reference=reference_to(recorded),
    )  # fmt: skip
    money = [
        _money_back(paid, started.booking_id)
        for paid in recorded.payments
        if paid.kind in MONEY and paid.payment_id not in command.by_terminal
    ]
    return (
        LinesAdded(
            booking_id=started.booking_id,
            store_id=started.store_id,
            lines=(*lines, *more),
            added_at=command.now,
        ),
        *(
            PaymentAccepted(
                booking_id=started.booking_id,
                store_id=started.store_id,
                payment=paid,
                accepted_at=command.now,
            )
            for paid in (*charges, *money)
            if paid.amount
        ),
    )


def _sources(original: Booking, recorded: BookingRecorded) -> list[Source]:
    gifts = {waiver.hold_id: waiver.voucher_id for waiver in recorded.waivers}
    found = [
        of_gift(line, gifts.get(line.hold_id))
        for line in recorded.lines
        if line.kind == "discount" and line.hold_id is not None
    ]
    for paid in recorded.payments:
        found += [of_voucher(paid)] if paid.kind == "voucher" else of_payer(paid)
    return found


def _reversed(line: Line, number: int, command: CancelBooking, recorded: BookingRecorded) -> Line:
    changed: dict[str, object] = {
        "line_id": str(number),
        "kind": "return",
        "unit_price": -line.unit_price,
        "amount": -line.amount,
        "reference": reference_to(recorded, line.line_id),
        "reason": command.reason,
        "voucher": None,
        "lowers": (),
    }
    if line.kind == "voucher_sale":
        held = command.vouchers.get(line.line_id)
        if held is None or not _the_same(held, line):
            raise VoucherDiffers(f"line {line.line_id} sold another voucher", line_id=line.line_id)
        changed |= {
            "kind": "voucher_sale_reversal",
            "hold_id": held.hold_id,
            "voucher_id": held.voucher_id,
        }
    return line.model_copy(update=changed)


def _the_same(held: TakenVoucher, line: Line) -> bool:
    # A printed card's line has the id of its preparation: its serial says which card it is.
    return held.serial == line.voucher_serial and held.amount == line.amount


def _money_back(paid: Payment, booking_id: str) -> Payment:
    return Payment(
        payment_id=str(uuid5(UUID(booking_id), f"back/{paid.payment_id}")),
        kind=paid.kind,
        name=paid.name,
        fiscal=paid.fiscal,
        amount=-paid.amount,
        payment_type=paid.payment_type,
        reference=paid.reference,
    )


def cancelled(recorded: BookingRecorded, original: Booking) -> BookingTakenBack:
    """What the stream of the original has to say once `recorded` takes it back. Raises as
    `cancellable`."""
    return BookingTakenBack(
        booking_id=cancellable(original).booking_id,
        store_id=recorded.store_id,
        by=recorded.booking_id,
        kind="cancellation",
        taken_back_at=recorded.recorded_at,
    )
