"""The voucher steps of a booking: prepare what is sold, hold and confirm what is paid with."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from device_gateway.commands import NoteHeld, NoteRefused, ReopenPayment
from device_gateway.decider.booking import BOOKING
from device_gateway.decider.booking_state import Booking, Tender
from device_gateway.decider.refusals import BookingChanged, OpenAmount
from device_gateway.events import Payment
from device_gateway.handlers.gateway import Gateway, booking_stream
from device_gateway.ports import Hold, SoldVoucher, VoucherRefused, VoucherUnavailable
from events import Ask, DomainError, handle
from money import Money

VOUCHER_CALLS_AT_ONCE_MAX = 8


def sub_ask(ask: Ask, what: str) -> Ask:
    """The key of a later step of the same request."""
    return replace(ask, key=f"{ask.key}/{what}")


async def present(gateway: Gateway, booking_id: str, state: Booking, repeated: bool) -> Booking:
    """A repeat is answered with the present state, which another process may have moved on."""
    return await gateway.booking(booking_id) if repeated else state


async def hold(
    gateway: Gateway, booking: Booking, tender: Tender, code: str, *, ask: Ask
) -> Booking:
    """Ask the voucher service, and note what it said."""
    assert booking.started is not None
    assert tender.request is not None
    started, request = booking.started, tender.request
    refused = _Refused(gateway, started.booking_id, tender.payment_id, ask)
    try:
        held = await gateway.vouchers.hold(
            request.hold_id,
            code=code,
            up_to=request.amount,
            store_id=started.store_id,
            till_id=started.till_id,
            booking_id=started.booking_id,
            payment_id=tender.payment_id,
        )
    except VoucherUnavailable as away:
        # The hold may exist all the same: it has to be released by its id.
        await refused.note(away, release_due=True)
        raise
    except VoucherRefused as no:
        await refused.note(no, release_due=False)
        raise
    if held.amount > request.amount or held.amount.amount <= 0:
        return await refused.note(VoucherUnavailable("an answer without sense"), release_due=True)
    command = NoteHeld(
        started.booking_id, _payment_of(held, tender), held.expires_at, gateway.clock()
    )
    try:
        done = await handle(
            gateway.store, BOOKING, booking_stream(started.booking_id), command, ask=ask
        )
    except BookingChanged as changed:
        return await refused.note(changed, release_due=True)
    return await present(gateway, started.booking_id, done.state, done.repeated)


def _payment_of(hold: Hold, tender: Tender) -> Payment:
    assert tender.request is not None
    return Payment(
        payment_id=tender.payment_id,
        kind="voucher",
        name=tender.request.name,
        fiscal=tender.request.fiscal,
        amount=hold.amount,
        hold_id=hold.hold_id,
        voucher_id=hold.voucher_id,
        voucher_serial=hold.serial,
        voucher_remaining=hold.voucher_remaining,
        vat=hold.vat,
        dsfinvk_key=hold.dsfinvk_key,
    )


@dataclass(frozen=True, slots=True)
class _Refused:
    gateway: Gateway
    booking_id: str
    payment_id: str
    ask: Ask

    async def note(self, refusal: DomainError, *, release_due: bool) -> Booking:
        command = NoteRefused(
            booking_id=self.booking_id,
            payment_id=self.payment_id,
            code=refusal.code,
            detail=refusal.detail,
            status=refusal.status,
            release_due=release_due,
            now=self.gateway.clock(),
        )
        stream = booking_stream(self.booking_id)
        done = await handle(self.gateway.store, BOOKING, stream, command, ask=self.ask)
        return await present(self.gateway, self.booking_id, done.state, done.repeated)


async def prepared(gateway: Gateway, booking: Booking) -> tuple[SoldVoucher, ...]:
    """The vouchers that the booking sells, with their codes; the same ids every time."""
    started = booking.started
    assert started is not None
    room = asyncio.Semaphore(VOUCHER_CALLS_AT_ONCE_MAX)

    async def prepare(voucher_id: str, line_id: str, value: Money) -> SoldVoucher:
        async with room:
            return await gateway.vouchers.prepare(
                voucher_id,
                value=value,
                legal_entity_id=started.legal_entity_id,
                store_id=started.store_id,
                till_id=started.till_id,
                booking_id=started.booking_id,
                line_id=line_id,
            )

    return tuple(
        await asyncio.gather(
            *(
                prepare(line.voucher_id, line.line_id, line.amount)
                for line in booking.lines
                if line.voucher_id is not None
            )
        )
    )


async def confirm_holds(gateway: Gateway, booking: Booking, ask: Ask) -> frozenset[str]:
    """Confirm every hold. One that is refused is open again, and the booking with it."""
    assert booking.started is not None
    stream = booking_stream(booking.started.booking_id)
    confirmed = set[str]()
    lost: VoucherRefused | None = None
    for paid in booking.payments:
        if paid.hold_id is None:
            continue
        try:
            await gateway.vouchers.confirm(paid.hold_id)
            confirmed.add(paid.hold_id)
        except VoucherRefused as no:
            lost = no
            command = ReopenPayment(
                booking.started.booking_id, paid.payment_id, no.code, gateway.clock()
            )
            step = sub_ask(ask, f"reopen/{paid.payment_id}")
            booking = (await handle(gateway.store, BOOKING, stream, command, ask=step)).state
    if lost is not None:
        raise OpenAmount(
            f"a voucher could not be confirmed: {lost.detail}",
            open_amount=booking.open_amount.model_dump(),
            reason=lost.code,
        )
    return frozenset(confirmed)
