"""Fees of accounts in a booking: by what they are settled, and what is recorded of it. Pure.

A fee stands in an open booking as one line. Waivers and credit of its account cover it, in part or
whole; what they leave is paid. Recorded, the line is divided: each part says how it is settled and
under which id the account's owner keeps it (`docs/accounts.md`), and a waived part is taken off
again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID, uuid5

from device_gateway.commands import NoteHeld, RequestPayment
from device_gateway.commands.library import KeptFee
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.covering import covered
from device_gateway.decider.refusals import BookingChanged, PaymentExceedsOpen
from device_gateway.events import (
    BasketPart,
    Cover,
    Line,
    Payment,
    PaymentHeld,
    PaymentKind,
    PaymentRequested,
)
from events import DomainError
from money import Money

FEE_KINDS: frozenset[PaymentKind] = frozenset({"waiver", "account_credit"})
"""Payments that settle a fee without money."""

OF_ACCOUNTS = frozenset({"fee", "account_load", "entitlement"})
"""Lines that another service keeps, and takes back nothing of."""

WAIVED = "Erlass"
"""Name of the line that takes a waived fee off again."""


class NoFeeOpen(DomainError):
    """A waiver, or credit of an account, without a fee that it could settle."""

    code = "fee.none_open"
    title = "No fee of this booking is open"


def fee_left(booking: Booking, line: Line) -> Money:
    """What of a fee neither a waiver nor credit covers."""
    taken = covered(booking.payments)[line.line_id]
    return Money(amount=line.amount.amount - taken, currency=line.amount.currency)


def open_fees(booking: Booking) -> tuple[Line, ...]:
    """The fees of which something is left, in order."""
    return tuple(
        line for line in booking.lines if line.kind == "fee" and fee_left(booking, line).amount > 0
    )


def line_of(booking: Booking, line_id: str | None) -> Line:
    """The fee that a payment is for; None: the first that is open. Raises `NoFeeOpen`."""
    for line in open_fees(booking):
        if line_id is None or line.line_id == line_id:
            return line
    raise NoFeeOpen(line_id=line_id)


def settlement_id(booking: Booking, line_id: str) -> str:
    """Under which the paid part of a fee is kept. Another one for each waiver that was tried since:
    the owner keeps a part of a certain size."""
    return _settlement_id(booking, line_id, _tried(booking, line_id))


def settlement_ids(booking: Booking, line_id: str) -> tuple[str, ...]:
    """All under which something may be kept for the paid part of a fee."""
    return tuple(
        _settlement_id(booking, line_id, number) for number in range(_tried(booking, line_id) + 1)
    )


def _settlement_id(booking: Booking, line_id: str, number: int) -> str:
    assert booking.started is not None
    return str(uuid5(UUID(booking.started.booking_id), f"fee/{line_id}/{number}"))


def _tried(booking: Booking, line_id: str) -> int:
    return sum(
        tender.kind in FEE_KINDS
        and tender.request is not None
        and any(part.line_id == line_id for part in tender.request.basket)
        for tender in booking.tenders
    )


def request_fee_payment(command: RequestPayment, booking: Booking, left: Money) -> PaymentRequested:
    """A waiver, or credit of the account, shall settle a fee, or a part of it.

    Raises `NoFeeOpen` and `PaymentExceedsOpen`.
    """
    started, new = booking.started, command.payment
    assert started is not None
    assert new.hold_id is not None
    line = line_of(booking, new.fee_line)
    most = min(fee_left(booking, line), left)
    if new.amount is not None and new.amount > most:
        raise PaymentExceedsOpen(open_amount=most.model_dump())
    amount = new.amount or most
    part = BasketPart(
        gross=amount, vat=line.vat, dsfinvk_key=line.dsfinvk_key, line_id=line.line_id
    )
    return PaymentRequested(
        booking_id=started.booking_id,
        store_id=started.store_id,
        payment_id=new.payment_id,
        kind=new.kind,
        name=new.name,
        fiscal=new.fiscal,
        hold_id=new.hold_id,
        amount=amount,
        requested_at=command.now,
        basket=(part,),
    )


def note_fee_held(command: NoteHeld, booking: Booking) -> tuple[PaymentHeld, ...]:
    """Raises `BookingChanged` where something else settled the fee while its owner was asked."""
    started = booking.started
    assert started is not None
    paid = command.payment
    (cover,) = paid.covers
    line = next((each for each in booking.lines if each.line_id == cover.line_id), None)
    if line is None or paid.amount > min(fee_left(booking, line), booking.open_amount):
        raise BookingChanged
    return (
        PaymentHeld(
            booking_id=started.booking_id,
            store_id=started.store_id,
            payment=paid,
            expires_at=command.expires_at,
            held_at=command.now,
        ),
    )


def covers_of(tender_basket: Sequence[BasketPart], amount: Money) -> tuple[Cover, ...]:
    """What a payment that was requested for one fee covers of it."""
    (part,) = tender_basket
    assert part.line_id is not None
    return (Cover(line_id=part.line_id, amount=amount),)


def divided(
    lines: Sequence[Line],
    payments: Sequence[Payment],
    kept: Mapping[str, KeptFee],
    *,
    numbered: int,
) -> tuple[Line, ...]:
    """The lines as they are recorded: fees by how they are settled, waived parts taken off again.

    Raises `BookingChanged` where what is kept for a fee is not what is left of it.
    """
    if not any(line.kind == "fee" for line in lines):
        return tuple(lines)
    made, off = list[Line](), list[Line]()
    for line in lines:
        if line.kind != "fee":
            made.append(line)
            continue
        for index, (part, paid) in enumerate(_parts(line, payments, kept)):
            if index:
                numbered += 1
                part = part.model_copy(update={"line_id": str(numbered)})
            made.append(part)
            if paid is not None and paid.kind == "waiver":
                off.append(_off(part, paid))
    return (
        *made,
        *(
            each.model_copy(update={"line_id": str(numbered + place)})
            for place, each in enumerate(off, start=1)
        ),
    )


def _parts(
    line: Line, payments: Sequence[Payment], kept: Mapping[str, KeptFee]
) -> list[tuple[Line, Payment | None]]:
    """The parts of a fee, each with what settles it; None: money."""
    own = [paid for paid in payments if any(c.line_id == line.line_id for c in paid.covers)]
    left = line.amount.amount - sum(paid.amount.amount for paid in own)
    keeps = kept.get(line.line_id)
    if left != (0 if keeps is None else keeps.amount.amount):
        raise BookingChanged
    parts = list[tuple[Line, Payment | None]]()
    if keeps is not None:
        parts.append((_part(line, keeps.amount, "payment", keeps.settlement_id), None))
    for paid in own:
        how = "waiver" if paid.kind == "waiver" else "credit"
        part = _part(line, paid.amount, how, paid.hold_id)
        if paid.kind == "waiver":
            more = {"reason": paid.waiver, "voucher_serial": paid.voucher_serial}
            part = part.model_copy(update=more)
        parts.append((part, paid))
    return parts


def _part(line: Line, amount: Money, how: str, kept_as: str | None) -> Line:
    return line.model_copy(
        update={"unit_price": amount, "amount": amount, "how": how, "settlement_id": kept_as}
    )


def _off(waived: Line, paid: Payment) -> Line:
    return Line(
        line_id="",
        kind="fee_waiver",
        name=WAIVED,
        quantity="1",
        unit_price=-waived.amount,
        amount=-waived.amount,
        vat=waived.vat,
        rate=waived.rate,
        dsfinvk_key=waived.dsfinvk_key,
        voucher_serial=waived.voucher_serial,
        reason=waived.reason,
        voucher_remaining=paid.voucher_remaining,
    )
