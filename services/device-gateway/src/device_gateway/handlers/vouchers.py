"""The voucher steps of a booking: prepare what is sold, hold and confirm what is paid with."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid5

from device_gateway.commands import (
    NoteHeld,
    NoteHeldTogether,
    NoteLineRefused,
    NotePrepared,
    NoteRefused,
)
from device_gateway.decider.booking import BOOKING
from device_gateway.decider.booking_state import Booking, Tender
from device_gateway.decider.refusals import BookingChanged, VoucherDiffers
from device_gateway.events import Line, Payment
from device_gateway.handlers.gateway import Gateway, booking_stream
from device_gateway.ports import (
    ChargeRefused,
    Hold,
    Place,
    SoldVoucher,
    VoucherRefused,
    VoucherUnavailable,
)
from events import Ask, DomainError, handle

VOUCHER_CALLS_AT_ONCE_MAX = 8


def sub_ask(ask: Ask, what: str) -> Ask:
    """The key of a later step of the same request."""
    return replace(ask, key=f"{ask.key}/{what}")


async def present(gateway: Gateway, booking_id: str, state: Booking, repeated: bool) -> Booking:
    """A repeat is answered with the present state, which another process may have moved on."""
    return await gateway.booking(booking_id) if repeated else state


async def hold(
    gateway: Gateway, booking: Booking, tender: Tender, codes: Sequence[str], *, ask: Ask
) -> Booking:
    """Ask the voucher service, and note what it said."""
    assert booking.started is not None
    assert tender.request is not None
    started, request = booking.started, tender.request
    refused = Refused(gateway, started.booking_id, tender.payment_id, ask)
    try:
        held = await _held(gateway, booking, tender, codes)
    except VoucherUnavailable as away:
        # The hold may exist all the same: it has to be released by its id.
        await refused.note(away, release_due=True)
        raise
    except VoucherRefused as no:
        await refused.note(no, release_due=False)
        raise
    paid = sum(each.amount.amount for each in held)
    if not held or paid > request.amount.amount or any(each.amount.amount <= 0 for each in held):
        return await refused.note(VoucherUnavailable("an answer without sense"), release_due=True)
    command = _noted(started.booking_id, tender, held, gateway.clock())
    try:
        done = await handle(
            gateway.store, BOOKING, booking_stream(started.booking_id), command, ask=ask
        )
    except BookingChanged as changed:
        return await refused.note(changed, release_due=True)
    return await present(gateway, started.booking_id, done.state, done.repeated)


async def _held(
    gateway: Gateway, booking: Booking, tender: Tender, codes: Sequence[str]
) -> Sequence[Hold]:
    request = tender.request
    assert request is not None
    place = place_of(booking, tender.payment_id)
    if request.together:
        return await gateway.vouchers.hold_together(
            request.hold_id,
            codes=codes,
            up_to=request.amount,
            basket=request.basket,
            place=place,
        )
    held = await gateway.vouchers.hold(
        request.hold_id,
        code=codes[0] if codes else "",
        up_to=request.amount,
        basket=request.basket,
        place=place,
    )
    return (held,)


def place_of(booking: Booking, part_id: str) -> Place:
    """Who asks, for a line or a payment of the booking."""
    started = booking.started
    assert started is not None
    return Place(started.store_id, started.till_id, started.booking_id, part_id)


def _noted(
    booking_id: str, tender: Tender, held: Sequence[Hold], now: datetime
) -> NoteHeld | NoteHeldTogether:
    if not tender.together:
        payment = _payment_of(held[0], tender, tender.payment_id)
        return NoteHeld(booking_id, payment, held[0].expires_at, now)
    legs = tuple(
        # The same group always has the same legs, so their payments have the same ids.
        (_payment_of(leg, tender, str(uuid5(UUID(booking_id), f"leg/{leg.hold_id}"))),
         leg.expires_at)
        for leg in held
    )  # fmt: skip
    return NoteHeldTogether(booking_id, tender.payment_id, legs, now)


def _payment_of(hold: Hold, tender: Tender, payment_id: str) -> Payment:
    assert tender.request is not None
    single = hold.kind == "single_purpose"
    return Payment(
        payment_id=payment_id,
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
        rate=hold.rate,
        case=f"{'Einzweck' if single else 'Mehrzweck'}gutscheinEinloesung",
        waiver=hold.waiver,
    )


@dataclass(frozen=True, slots=True)
class Refused:
    """Notes why a payment settles nothing. `release_due`: the hold may exist all the same."""

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
            charge=refusal.problem if isinstance(refusal, ChargeRefused) else None,
        )
        stream = booking_stream(self.booking_id)
        done = await handle(self.gateway.store, BOOKING, stream, command, ask=self.ask)
        return await present(self.gateway, self.booking_id, done.state, done.repeated)


async def prepared(gateway: Gateway, booking: Booking) -> tuple[SoldVoucher, ...]:
    """The vouchers that the booking sells, with their codes; the same ids every time.

    Raises `VoucherDiffers` where the voucher service's terms are not the line's.
    """
    started = booking.started
    assert started is not None
    room = asyncio.Semaphore(VOUCHER_CALLS_AT_ONCE_MAX)

    async def prepare(line: Line) -> SoldVoucher:
        assert line.voucher_id is not None
        async with room:
            sold = await gateway.vouchers.prepare(
                line.voucher_id,
                price=line.amount,
                terms=line.voucher,
                vat=line.vat,
                legal_entity_id=started.legal_entity_id,
                place=place_of(booking, line.line_id),
            )
        as_offered(line, sold)
        return sold

    # What the voucher service was asked for with its code stands on its line already.
    return tuple(await asyncio.gather(*(prepare(line) for line in booking.lines if line.has_slip)))


def as_offered(line: Line, sold: SoldVoucher) -> None:
    """Raises `VoucherDiffers` where price, kind or VAT are not those of the line."""
    kind = "multi_purpose" if line.voucher is None else line.voucher.kind
    paid = sold.value if sold.paid is None else sold.paid
    if paid != line.amount:
        raise VoucherDiffers(f"line {line.line_id}: it costs {paid}", price=paid.model_dump())
    if (sold.kind, sold.vat) != (kind, line.vat):
        raise VoucherDiffers(
            f"line {line.line_id}: it is {sold.kind} with VAT {sold.vat}",
            kind=sold.kind,
            vat=sold.vat,
        )


async def agree(gateway: Gateway, booking: Booking, own_id: str, code: str, *, ask: Ask) -> Booking:
    """Ask for the sale of a printed card or a top-up, while its code is known.

    Raises `VoucherRefused` (the line is gone then), `VoucherUnavailable` (the line waits for the
    request to be repeated) and `VoucherDiffers` (the line is gone).
    """
    for refused_line, gone in booking.refused_lines:
        if own_id in (refused_line.voucher_id, refused_line.top_up_id):
            raise VoucherRefused(gone.code, gone.status, gone.detail, line_id=gone.line_id)
    line = next(
        (each for each in booking.lines if own_id in (each.voucher_id, each.top_up_id)), None
    )
    if line is None or line.voucher_serial or not booking.open:
        return booking
    assert booking.started is not None
    booking_id, now = booking.started.booking_id, gateway.clock()
    try:
        voucher_id, serial = await _agreed(gateway, booking, line, code)
    except VoucherUnavailable:
        raise
    except (VoucherRefused, VoucherDiffers) as no:
        refused = NoteLineRefused(booking_id, line.line_id, no.code, no.detail, no.status, now)
        await handle(gateway.store, BOOKING, booking_stream(booking_id), refused, ask=ask)
        raise
    command = NotePrepared(booking_id, line.line_id, voucher_id, serial, now)
    done = await handle(gateway.store, BOOKING, booking_stream(booking_id), command, ask=ask)
    return await present(gateway, booking_id, done.state, done.repeated)


async def _agreed(gateway: Gateway, booking: Booking, line: Line, code: str) -> tuple[str, str]:
    """(voucher id, serial) of what the line sells."""
    assert booking.started is not None
    place = place_of(booking, line.line_id)
    if line.top_up_id is not None:
        topped = await gateway.vouchers.top_up(
            line.top_up_id, code=code, value=line.amount, place=place
        )
        if topped.vat != line.vat:
            await gateway.vouchers.cancel_top_up(line.top_up_id, reason="other_vat")
            raise VoucherDiffers(
                f"line {line.line_id}: this voucher has VAT {topped.vat}", vat=topped.vat
            )
        return topped.voucher_id, topped.serial
    assert line.voucher_id is not None
    sold = await gateway.vouchers.prepare(
        line.voucher_id,
        price=line.amount,
        terms=line.voucher,
        vat=line.vat,
        legal_entity_id=booking.started.legal_entity_id,
        place=place,
        card_code=code,
    )
    try:
        as_offered(line, sold)
    except VoucherDiffers:
        await gateway.vouchers.cancel(line.voucher_id, reason="other_terms")
        raise
    return sold.voucher_id, sold.serial
