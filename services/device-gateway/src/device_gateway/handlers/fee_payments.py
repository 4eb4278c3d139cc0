"""How fees are settled: by waivers, by credit of their account, and the rest by money (V17-V25).

What the account's owner keeps for the booking runs out by itself, or is dropped by its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid5

from device_gateway.commands import NewPayment, NoteHeld, RequestPayment
from device_gateway.commands.library import KeptFee
from device_gateway.decider.booking import BOOKING
from device_gateway.decider.booking_state import Booking, Tender
from device_gateway.decider.library import (
    WAIVED,
    covers_of,
    fee_left,
    open_fees,
    settlement_id,
    settlement_ids,
)
from device_gateway.decider.refusals import BookingChanged
from device_gateway.events import Payment
from device_gateway.handlers.gateway import Gateway, booking_stream
from device_gateway.handlers.library import CREDIT_VAT, service_of
from device_gateway.handlers.vouchers import Refused, place_of, present, sub_ask
from device_gateway.ports import VoucherRefused, VoucherUnavailable
from device_gateway.ports.library import Settlement
from events import Ask, handle
from money import Money

KEPT = timedelta(minutes=15)
"""How long the account's owner keeps a part of a fee for a booking (`docs/accounts.md`)."""

FURTHER_FEES_MAX = 10
"""Fees that one voucher waives at once, after the first."""


@dataclass(frozen=True, slots=True)
class FeePayment:
    """How a waiver, or credit of an account, settles a fee of the booking."""

    line_id: str | None = None
    """None: the first that is open."""
    goes_on: bool = False
    """A voucher waives the next fees too, as long as it lasts."""
    use_credit: bool = False
    """A waiver by credit of the account that was given away."""
    reason: str | None = None


async def settle(
    gateway: Gateway,
    booking: Booking,
    tender: Tender,
    paid: FeePayment,
    code: str | None,
    *,
    ask: Ask,
) -> Booking:
    """Have a part of a fee kept by its account's owner, and note what is settled.

    A voucher waives at most what is on it; where nothing else is said, it goes on with the next fee
    as long as it lasts. Raises `VoucherRefused`, `VoucherUnavailable`, `BookingChanged`; the
    payment then settles nothing.
    """
    booking, left = await _settle(gateway, booking, tender, _Offer(paid, code), ask)
    for number in range(FURTHER_FEES_MAX):
        more = paid.goes_on and left is not None and left.amount > 0
        if not more or not open_fees(booking) or not booking.open:
            break
        assert booking.started is not None
        further = NewPayment(
            payment_id=str(uuid5(UUID(tender.payment_id), f"further/{number}")),
            kind=tender.kind,
            name=tender.name,
            fiscal="Keine",
            amount=None,
            hold_id=str(uuid5(UUID(tender.payment_id), f"further/{number}/hold")),
        )
        step = sub_ask(ask, f"further/{number}")
        stream = booking_stream(booking.started.booking_id)
        if booking.tender(further.payment_id) is None:
            command = RequestPayment(booking.started.booking_id, further, gateway.clock())
            booking = (await handle(gateway.store, BOOKING, stream, command, ask=step)).state
        next_one = booking.tender(further.payment_id)
        assert next_one is not None
        if next_one.status != "requested":
            break
        offer, answer = _Offer(paid, code, left), sub_ask(step, "answer")
        try:
            booking, left = await _settle(gateway, booking, next_one, offer, answer)
        except VoucherRefused:
            break  # It waives other kinds of fees; what it did waive stays.
    return booking


@dataclass(frozen=True, slots=True)
class _Offer:
    """What settles a fee."""

    paid: FeePayment
    code: str | None
    left: Money | None = None
    """Of the voucher, as far as it is known."""


async def _settle(
    gateway: Gateway, booking: Booking, tender: Tender, offer: _Offer, ask: Ask
) -> tuple[Booking, Money | None]:
    """One fee; and what is left on the voucher, if it is one."""
    assert booking.started is not None
    assert tender.request is not None
    booking_id, request = booking.started.booking_id, tender.request
    refused = Refused(gateway, booking_id, tender.payment_id, ask)
    try:
        settled, left = await _kept(gateway, booking, tender, offer)
    except VoucherUnavailable as away:
        await refused.note(away, release_due=True)
        raise
    except VoucherRefused as no:
        await refused.note(no, release_due=False)
        raise
    payment = _payment(tender, settled, offer.paid, booking, left)
    if payment.amount > request.amount or not payment.amount:
        no_sense = VoucherUnavailable("an answer without sense")
        await refused.note(no_sense, release_due=True)
        raise no_sense
    now = gateway.clock()
    command = NoteHeld(booking_id, payment, now + KEPT, now)
    try:
        done = await handle(gateway.store, BOOKING, booking_stream(booking_id), command, ask=ask)
    except BookingChanged as changed:
        return await refused.note(changed, release_due=True), None
    now_it_is = await present(gateway, booking_id, done.state, done.repeated)
    return now_it_is, None if left is None else left - payment.amount


async def _kept(
    gateway: Gateway, booking: Booking, tender: Tender, offer: _Offer
) -> tuple[Settlement, Money | None]:
    service, request = service_of(gateway), tender.request
    assert request is not None
    (part,) = request.basket
    line = next(each for each in booking.lines if each.line_id == part.line_id)
    assert line.account_id is not None
    assert line.fee_id is not None
    amount, left = request.amount, offer.left
    if offer.code is not None:
        left = left or (await service.look_up(offer.code)).available
        amount = min(amount, left)
        if amount.amount <= 0:
            raise VoucherRefused("voucher.not_usable", 409, "This voucher cannot be used")
    for earlier in settlement_ids(booking, line.line_id)[:-1]:
        # What an earlier try to finish had kept stands in the way of another division.
        await service.drop(earlier)
    settled = await service.settle(
        request.hold_id,
        account_id=line.account_id,
        fee_id=line.fee_id,
        how="waiver" if request.kind == "waiver" else "credit",
        amount=amount,
        place=place_of(booking, tender.payment_id),
        code=offer.code,
        use_credit=offer.paid.use_credit,
        reason=offer.paid.reason,
    )
    return settled, left


def _payment(
    tender: Tender, settled: Settlement, paid: FeePayment, booking: Booking, left: Money | None
) -> Payment:
    request = tender.request
    assert request is not None
    waives = request.kind == "waiver"
    rest = None if left is None else left - settled.amount
    if not waives:
        before = (one for one in booking.payments if one.kind == "account_credit")
        spent = sum(one.amount.amount for one in before) + settled.amount.amount
        minor = max(settled.balance.amount - spent, 0)
        rest = Money(amount=minor, currency=settled.amount.currency)
    return Payment(
        payment_id=tender.payment_id,
        kind=request.kind,
        name=request.name,
        fiscal="Keine",
        amount=settled.amount,
        hold_id=request.hold_id,
        voucher_serial=settled.voucher_serial,
        voucher_remaining=rest,
        vat=None if waives else CREDIT_VAT,
        dsfinvk_key=None if waives else 5,
        waiver=(paid.reason or settled.reason or WAIVED) if waives else None,
        covers=covers_of(request.basket, settled.amount),
    )


async def fees_kept(gateway: Gateway, booking: Booking) -> dict[str, KeptFee]:
    """Have what is paid of each fee kept by its account's owner: the last step before the booking
    is recorded. Raises `VoucherRefused`, `VoucherUnavailable`; the booking stays open."""
    kept: dict[str, KeptFee] = {}
    for line in open_fees(booking):
        assert line.account_id is not None
        assert line.fee_id is not None
        own_id, amount = settlement_id(booking, line.line_id), fee_left(booking, line)
        await service_of(gateway).settle(
            own_id,
            account_id=line.account_id,
            fee_id=line.fee_id,
            how="payment",
            amount=amount,
            place=place_of(booking, line.line_id),
        )
        kept[line.line_id] = KeptFee(own_id, amount)
    return kept
