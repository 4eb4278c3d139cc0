"""How an open booking is paid."""

from __future__ import annotations

from collections.abc import Sequence

from device_gateway.commands import (
    NoteHeld,
    NoteHeldTogether,
    NoteRefused,
    NoteReleased,
    ReopenPayment,
    RequestPayment,
)
from device_gateway.decider.booking_state import Booking, Tender
from device_gateway.decider.card import asked_of
from device_gateway.decider.charging import charge_basket
from device_gateway.decider.covering import (
    basket_of,
    overpaid,
    spread,
    uncovered,
    vat_keys_of,
)
from device_gateway.decider.library import FEE_KINDS, note_fee_held, request_fee_payment
from device_gateway.decider.lines import must_be_open
from device_gateway.decider.on_account import on_account
from device_gateway.decider.pricing import PAYMENTS_MAX, TOTAL_MAX
from device_gateway.decider.refusals import (
    BookingChanged,
    BookingTooLarge,
    ChargeBuysVoucher,
    CurrencyUnknown,
    NothingOpen,
    PaymentExceedsOpen,
    PaymentOutOfRange,
    TrainingOnly,
    VoucherBuysVoucher,
)
from device_gateway.events import (
    BookingStarted,
    Payment,
    PaymentAccepted,
    PaymentHeld,
    PaymentRefused,
    PaymentReleased,
    PaymentReopened,
    PaymentRequested,
)
from money import Money, total


def request_payment(
    command: RequestPayment, booking: Booking
) -> tuple[PaymentAccepted | PaymentRequested, ...]:
    """Cash and card settle at once; what another service holds is requested up to what it may
    pay."""
    started = must_be_open(booking)
    new = command.payment
    if started.training and (new.kind not in ("cash", "card") or new.terminal is not None):
        raise TrainingOnly
    if len(booking.tenders) >= PAYMENTS_MAX:
        raise BookingTooLarge(f"a booking has at most {PAYMENTS_MAX} payments", limit=PAYMENTS_MAX)
    if new.amount is not None:
        if new.amount.currency != started.currency:
            raise CurrencyUnknown(f"this store sells in {started.currency}")
        if not 0 < new.amount.amount <= TOTAL_MAX:
            raise PaymentOutOfRange(f"a payment is 1 to {TOTAL_MAX} minor units")
    left = booking.to_pay
    if left.amount <= 0:
        raise NothingOpen
    wanted = new.amount or left
    if new.kind != "cash" and wanted > left:
        raise PaymentExceedsOpen(open_amount=left.model_dump())
    if new.kind in FEE_KINDS:
        return (request_fee_payment(command, booking, left),)
    if new.hold_id is not None:
        return (_requested(command, booking, started, left),)
    if new.terminal is not None:
        return (asked_of(started, new, wanted, command.now),)
    if new.payer is not None:
        return (on_account(command, booking, started, wanted),)
    change = wanted - left if wanted > left else left.zero
    payment = Payment(
        payment_id=new.payment_id,
        kind=new.kind,
        name=new.name,
        fiscal=new.fiscal,
        amount=wanted - change,
        tendered=wanted if new.kind == "cash" else None,
        change=change if new.kind == "cash" else None,
        payment_type=new.payment_type,
        reference=new.reference,
        receipt_number=new.receipt_number,
    )
    return (
        PaymentAccepted(
            booking_id=started.booking_id,
            store_id=started.store_id,
            payment=payment,
            accepted_at=command.now,
        ),
    )


def _requested(
    command: RequestPayment, booking: Booking, started: BookingStarted, left: Money
) -> PaymentRequested:
    new = command.payment
    assert new.hold_id is not None  # The handler derives it for whatever has to be held.
    charges = new.kind == "cost_center"
    allowed = booking.open_to_vouchers
    if allowed.amount <= 0 or (new.amount is not None and new.amount > allowed):
        if charges:
            raise ChargeBuysVoucher(open_to_cost_centers=allowed.model_dump())
        raise VoucherBuysVoucher(open_to_vouchers=allowed.model_dump())
    return PaymentRequested(
        booking_id=started.booking_id,
        store_id=started.store_id,
        payment_id=new.payment_id,
        kind=new.kind,
        name=new.name,
        fiscal=new.fiscal,
        hold_id=new.hold_id,
        amount=new.amount or min(left, allowed),
        requested_at=command.now,
        together=new.together,
        basket=(charge_basket if charges else basket_of)(booking.lines, booking.payments),
    )


def _requested_tender(booking: Booking, payment_id: str) -> Tender:
    tender = booking.tender(payment_id)
    assert tender is not None  # Answers are only noted for what was requested.
    return tender


def note_held(command: NoteHeld, booking: Booking) -> tuple[PaymentHeld, ...]:
    """A late answer to a payment that was given up changes nothing: its release is due."""
    tender = _requested_tender(booking, command.payment.payment_id)
    if tender.status != "requested":
        return ()
    started = must_be_open(booking)
    paid = total(
        (each.amount for each in (command.payment, *command.subsidies)), currency=started.currency
    )
    assert paid <= tender.requested
    if tender.kind in FEE_KINDS:
        return note_fee_held(command, booking)
    if paid > booking.open_to_vouchers:
        # Two were asked for side by side and together exceed what is open.
        raise BookingChanged
    payment, *subsidies = _on_lines((command.payment, *command.subsidies), booking)
    return (
        PaymentHeld(
            booking_id=started.booking_id,
            store_id=started.store_id,
            payment=payment,
            expires_at=command.expires_at,
            held_at=command.now,
            subsidies=tuple(subsidies),
            warnings=tuple(command.warnings),
        ),
    )


def note_held_together(command: NoteHeldTogether, booking: Booking) -> tuple[PaymentHeld, ...]:
    """One payment for each voucher of a group; otherwise as `note_held`."""
    tender = _requested_tender(booking, command.payment_id)
    if tender.status != "requested":
        return ()
    started = must_be_open(booking)
    paid = total((leg.amount for leg, _ in command.legs), currency=started.currency)
    assert paid <= tender.requested
    if paid > booking.open_to_vouchers:
        raise BookingChanged
    legs = _on_lines([leg for leg, _ in command.legs], booking)
    return tuple(
        PaymentHeld(
            booking_id=started.booking_id,
            store_id=started.store_id,
            payment=leg,
            expires_at=expires_at,
            held_at=command.now,
            request_id=command.payment_id,
        )
        for leg, (_, expires_at) in zip(legs, command.legs, strict=True)
    )


def _on_lines(paid: Sequence[Payment], booking: Booking) -> Sequence[Payment]:
    """The payments with the lines that they cover. Raises `BookingChanged` where the goods were
    covered by another voucher, or taken off, while the voucher service was asked."""
    if not any(payment.covers or payment.parts for payment in paid):
        return paid
    done: list[Payment] = []
    for payment in paid:
        left = uncovered(booking.lines, (*booking.payments, *done))
        covers = spread(payment.covers, booking.lines, left)
        if covers is None:
            raise BookingChanged
        done.append(payment.model_copy(update={"covers": covers}))
    if vat_keys_of(booking.lines, done) & overpaid(booking.lines, (*booking.payments, *done)):
        raise BookingChanged
    return done


def note_refused(command: NoteRefused, booking: Booking) -> tuple[PaymentRefused, ...]:
    tender = _requested_tender(booking, command.payment_id)
    if tender.status != "requested" or not booking.open:
        return ()
    assert booking.started is not None
    assert tender.hold_id is not None
    return (
        PaymentRefused(
            booking_id=booking.started.booking_id,
            store_id=booking.started.store_id,
            payment_id=command.payment_id,
            hold_id=tender.hold_id,
            code=command.code,
            detail=command.detail,
            status=command.status,
            release_due=command.release_due,
            refused_at=command.now,
            charge=command.charge,
        ),
    )


def reopen(command: ReopenPayment, booking: Booking) -> tuple[PaymentReopened, ...]:
    started = must_be_open(booking)
    tender = _requested_tender(booking, command.payment_id)
    if tender.status != "held":
        return ()
    assert tender.hold_id is not None
    return (
        PaymentReopened(
            booking_id=started.booking_id,
            store_id=started.store_id,
            payment_id=command.payment_id,
            hold_id=tender.hold_id,
            code=command.code,
            reopened_at=command.now,
        ),
    )


def note_released(command: NoteReleased, booking: Booking) -> tuple[PaymentReleased, ...]:
    tender = _requested_tender(booking, command.payment_id)
    if not tender.release_due:
        return ()
    assert booking.started is not None
    assert tender.hold_id is not None
    return (
        PaymentReleased(
            booking_id=booking.started.booking_id,
            store_id=booking.started.store_id,
            payment_id=command.payment_id,
            hold_id=tender.hold_id,
            released_at=command.now,
        ),
    )
