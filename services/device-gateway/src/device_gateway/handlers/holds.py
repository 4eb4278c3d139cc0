"""What other services hold for a booking: which service it is, and how its holds are confirmed and
released. Everything else about vouchers and cost centers is in modules of their own."""

from __future__ import annotations

from device_gateway.commands import NoteReleased, ReopenPayment
from device_gateway.decider.booking import BOOKING
from device_gateway.decider.booking_state import Booking, Tender
from device_gateway.decider.library import FEE_KINDS
from device_gateway.decider.refusals import OpenAmount
from device_gateway.events import PaymentKind, PaymentRefused
from device_gateway.handlers.gateway import Gateway, booking_stream
from device_gateway.handlers.library import Settlements, service_of
from device_gateway.handlers.vouchers import sub_ask
from device_gateway.ports import (
    ChargeRefused,
    ChargeUnavailable,
    Holder,
    ServiceRefused,
    ServiceUnavailable,
    VoucherRefused,
    VoucherUnavailable,
)
from events import Ask, handle

HELD_KINDS: frozenset[PaymentKind] = frozenset({"voucher", "cost_center", *FEE_KINDS})
"""Payments that another service has to agree to."""


def holder_of(gateway: Gateway, kind: PaymentKind) -> Holder:
    """The service that holds what payments of this kind settle."""
    if kind in FEE_KINDS:
        return Settlements(service_of(gateway))
    return gateway.charges if kind == "cost_center" else gateway.vouchers


def unavailable(kind: PaymentKind) -> type[ServiceUnavailable]:
    """What is told where that service does not answer."""
    return ChargeUnavailable if kind == "cost_center" else VoucherUnavailable


def refusal_of(tender: Tender, no: PaymentRefused) -> ServiceRefused:
    """The refusal again, for a request that is repeated."""
    if tender.kind == "cost_center":
        return ChargeRefused(
            no.code, no.status, no.detail, problem=no.charge, payment_id=tender.payment_id
        )
    return VoucherRefused(no.code, no.status, no.detail, payment_id=tender.payment_id)


async def confirm_holds(gateway: Gateway, booking: Booking, ask: Ask) -> frozenset[str]:
    """Confirm every hold. One that is refused is open again, and the booking with it."""
    assert booking.started is not None
    stream = booking_stream(booking.started.booking_id)
    confirmed = set[str]()
    for line in booking.held_lines:
        assert line.hold_id is not None
        # Refused: somebody spent what would go out. The booking can only be aborted then.
        await gateway.vouchers.confirm(line.hold_id)
        confirmed.add(line.hold_id)
    lost: tuple[str, ServiceRefused] | None = None
    for tender in booking.tenders:
        if tender.hold_id is None or tender.payment is None or tender.payment.offline:
            continue
        try:
            await holder_of(gateway, tender.kind).confirm(tender.hold_id)
            confirmed.add(tender.hold_id)
        except ServiceRefused as no:
            lost = tender.kind, no
            command = ReopenPayment(
                booking.started.booking_id, tender.payment_id, no.code, gateway.clock()
            )
            step = sub_ask(ask, f"reopen/{tender.payment_id}")
            booking = (await handle(gateway.store, BOOKING, stream, command, ask=step)).state
    if lost is not None:
        kind, refusal = lost
        what = "a cost center" if kind == "cost_center" else "a voucher"
        raise OpenAmount(
            f"{what} could not be confirmed: {refusal.detail}",
            open_amount=booking.open_amount.model_dump(),
            reason=refusal.code,
        )
    return frozenset(confirmed)


async def release_due(gateway: Gateway, booking: Booking) -> None:
    """Release the holds of payments that settle nothing. Raises `ServiceUnavailable` and
    `ServiceRefused`; what was released until then is noted."""
    for tender in booking.releases_due:
        assert tender.hold_id is not None
        assert booking.started is not None
        if tender.together:
            await gateway.vouchers.release_together(tender.hold_id)
        else:
            await holder_of(gateway, tender.kind).release(tender.hold_id)
        booking_id = booking.started.booking_id
        command = NoteReleased(booking_id, tender.payment_id, gateway.clock())
        ask = Ask.of(f"released/{tender.hold_id}", tender.hold_id)
        await handle(gateway.store, BOOKING, booking_stream(booking_id), command, ask=ask)
