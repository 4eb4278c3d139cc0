"""The booking path (docs/flows.md, steps 1 to 5): every step may be repeated with the same ids.

An intent is stored before another service is asked, so a crash between any two steps leaves a
state from which a repeat of the request, or the recovery, ends in the same place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid5

from device_gateway.commands import (
    AbortBooking,
    AddLines,
    NewLine,
    NewPayment,
    NoteHeld,
    NoteRefused,
    RecordBooking,
    ReopenPayment,
    RequestPayment,
    StartBooking,
)
from device_gateway.decider.booking import (
    BOOKING,
    add_lines,
    finishable,
    record,
    request_payment,
    start,
)
from device_gateway.decider.booking_state import Booking, Tender
from device_gateway.decider.refusals import (
    BookingChanged,
    BookingEmpty,
    MeansUnknown,
    OpenAmount,
)
from device_gateway.decider.till import TILL, give_number
from device_gateway.events import (
    BookingEvent,
    MasterDataChanged,
    NumberGiven,
    Payment,
    PaymentKind,
)
from device_gateway.handlers.gateway import (
    IDS,
    Gateway,
    booking_stream,
    business_date,
    rates_on,
    till_stream,
)
from device_gateway.ports import Hold, SoldVoucher, VoucherRefused, VoucherUnavailable
from events import Ask, Decider, Decision, DomainError, fold, handle, handle_together
from money import Money

VOUCHER_CALLS_AT_ONCE_MAX = 8


@dataclass(frozen=True, slots=True)
class TenderedPayment:
    """A payment as the till sent it; the code of a voucher stays in memory."""

    kind: PaymentKind
    amount: Money | None
    code: str | None = None

    def __repr__(self) -> str:
        return f"TenderedPayment({self.kind}, {self.amount})"


@dataclass(frozen=True, slots=True)
class Sale:
    """A whole sale in one request, or the beginning of one."""

    store_id: str
    till_id: str
    lines: Sequence[NewLine]
    payments: Sequence[TenderedPayment]
    finish: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a booking stands, and the codes of what it sold if this request has them."""

    booking: Booking
    sold: tuple[SoldVoucher, ...] | None = None


def booking_id_of(ask: Ask) -> str:
    """The same key of the same till always means the same booking."""
    return str(uuid5(IDS, f"booking/{ask.key}"))


def payment_id_of(booking_id: str, key: str) -> str:
    return str(uuid5(UUID(booking_id), f"payment/{key}"))


def hold_id_of(booking_id: str, payment_id: str) -> str:
    return str(uuid5(UUID(booking_id), f"hold/{payment_id}"))


def _sub(ask: Ask, what: str) -> Ask:
    """The key of a later step of the same request."""
    return replace(ask, key=f"{ask.key}/{what}")


def _new_payment(
    master_data: MasterDataChanged, booking_id: str, paid: TenderedPayment, key: str
) -> NewPayment:
    for means in master_data.means_of_payment:
        if means.kind == paid.kind:
            payment_id = payment_id_of(booking_id, key)
            return NewPayment(
                payment_id=payment_id,
                kind=paid.kind,
                name=means.name,
                fiscal=means.fiscal,
                amount=paid.amount,
                hold_id=hold_id_of(booking_id, payment_id) if paid.kind == "voucher" else None,
            )
    raise MeansUnknown(f"this store does not take {paid.kind}")


async def sell(gateway: Gateway, sale: Sale, *, ask: Ask) -> Progress:
    """Start a booking with all that the request holds, and finish it if asked to.

    What needs nobody else is stored in one append. Raises what the rules refuse (nothing stored),
    or, with `booking_id` in its extras, what kept the booking open.
    """
    booking_id = booking_id_of(ask)
    master_data = await gateway.master_data(sale.store_id)
    payments = [
        _new_payment(master_data, booking_id, paid, f"{ask.key}/{index}")
        for index, paid in enumerate(sale.payments)
    ]
    booking = await _begin(gateway, sale, booking_id, master_data, payments, ask)
    try:
        for index, (new, paid) in enumerate(zip(payments, sale.payments, strict=True)):
            step = _sub(ask, f"payment/{index}")
            if booking.open and booking.tender(new.payment_id) is None:
                booking = await _request(gateway, booking, new, ask=step)
            if booking.open:
                booking = await _answered(gateway, booking, new, paid, ask=step)
        if sale.finish and booking.recorded is None:
            return await finish(gateway, booking, ask=_sub(ask, "record"))
    except DomainError as refusal:
        raise await _told(gateway, refusal, booking_id) from refusal
    return Progress(booking)


async def _begin(
    gateway: Gateway,
    sale: Sale,
    booking_id: str,
    master_data: MasterDataChanged,
    payments: Sequence[NewPayment],
    ask: Ask,
) -> Booking:
    now = gateway.clock()
    till_part, booking_part = till_stream(sale.till_id), booking_stream(booking_id)
    day = business_date(master_data, now)
    starting = StartBooking(
        booking_id=booking_id,
        store_id=sale.store_id,
        till_id=sale.till_id,
        legal_entity_id=master_data.legal_entity.legal_entity_id,
        currency=master_data.currency,
        now=now,
    )
    adding = AddLines(booking_id, sale.lines, rates_on(master_data, day), now)
    recording = RecordBooking(booking_id, day, {}, frozenset(), gateway.sign_by(now), now)

    def decide(states: Mapping[str, Any]) -> Decision:
        booking: Booking = states[booking_part]
        decided = list[BookingEvent]()

        def note(events: Sequence[BookingEvent]) -> None:
            nonlocal booking
            decided.extend(events)
            booking = fold(BOOKING, events, start=booking)

        note(start(starting, states[till_part], booking))
        note(add_lines(adding, booking))
        if sale.finish and not booking.lines:
            raise BookingEmpty
        for new in payments:
            note(request_payment(RequestPayment(booking_id, new, now), booking))
            if new.kind == "voucher":
                break  # What comes after it depends on how much the voucher pays.
        numbers = tuple[NumberGiven, ...]()
        asks_others = booking.sells_vouchers or any(new.kind == "voucher" for new in payments)
        if sale.finish and not asks_others and not booking.open_amount:
            numbers = (give_number(states[till_part], booking_id),)
            note(record(recording, booking, numbers[0].number))
        return Decision({till_part: numbers, booking_part: decided})

    parts: dict[str, Decider[Any, Any]] = {till_part: TILL, booking_part: BOOKING}
    done = await handle_together(gateway.store, parts, decide, ask=ask)
    if done.appended.repeated:
        return await gateway.booking(booking_id)
    begun: Booking = done.states[booking_part]
    return begun


async def add(
    gateway: Gateway, booking: Booking, lines: Sequence[NewLine], *, ask: Ask
) -> Progress:
    """More lines for an open booking."""
    assert booking.started is not None
    started = booking.started
    master_data = await gateway.master_data(started.store_id)
    rates = rates_on(master_data, business_date(master_data, gateway.clock()))
    command = AddLines(started.booking_id, lines, rates, gateway.clock())
    done = await handle(
        gateway.store, BOOKING, booking_stream(started.booking_id), command, ask=ask
    )
    return Progress(await _state(gateway, started.booking_id, done.state, done.repeated))


async def pay(
    gateway: Gateway, booking: Booking, paid: Sequence[TenderedPayment], *, ask: Ask
) -> Progress:
    """More payments for an open booking, in their order."""
    assert booking.started is not None
    booking_id = booking.started.booking_id
    master_data = await gateway.master_data(booking.started.store_id)
    try:
        for index, each in enumerate(paid):
            key = f"{ask.key}/{index}"
            new = _new_payment(master_data, booking_id, each, key)
            # The first append carries the request's own key: it tells a reused key.
            step = ask if index == 0 else _sub(ask, f"payment/{index}")
            if booking.tender(new.payment_id) is None:
                booking = await _request(gateway, booking, new, ask=step)
            else:
                # A repeat; a key that came with another body before is refused here.
                await gateway.store.outcome(step.key, step.input_hash)
            booking = await _answered(gateway, booking, new, each, ask=step)
    except DomainError as refusal:
        raise await _told(gateway, refusal, booking_id) from refusal
    return Progress(booking)


async def _request(gateway: Gateway, booking: Booking, new: NewPayment, *, ask: Ask) -> Booking:
    """Store what is wanted, before anybody else is asked for it."""
    assert booking.started is not None
    booking_id = booking.started.booking_id
    command = RequestPayment(booking_id, new, gateway.clock())
    done = await handle(gateway.store, BOOKING, booking_stream(booking_id), command, ask=ask)
    return await _state(gateway, booking_id, done.state, done.repeated)


async def _answered(
    gateway: Gateway, booking: Booking, new: NewPayment, paid: TenderedPayment, *, ask: Ask
) -> Booking:
    """Go on until the payment settles something. Raises what the voucher service refused."""
    tender = booking.tender(new.payment_id)
    assert tender is not None
    if tender.status == "requested" and booking.open:
        booking = await _hold(gateway, booking, tender, paid.code or "", ask=_sub(ask, "answer"))
        tender = booking.tender(new.payment_id)
        assert tender is not None
    if tender.refusal is not None:
        no = tender.refusal
        raise VoucherRefused(no.code, no.status, no.detail, payment_id=new.payment_id)
    return booking


async def _hold(
    gateway: Gateway, booking: Booking, tender: Tender, code: str, *, ask: Ask
) -> Booking:
    """Ask the voucher service, and note what it said."""
    assert booking.started is not None
    assert tender.request is not None
    started, request = booking.started, tender.request
    refused = _Refused(gateway, started.booking_id, tender.payment_id, ask)
    try:
        hold = await gateway.vouchers.hold(
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
    if hold.amount > request.amount or hold.amount.amount <= 0:
        return await refused.note(VoucherUnavailable("an answer without sense"), release_due=True)
    command = NoteHeld(
        started.booking_id, _payment_of(hold, tender), hold.expires_at, gateway.clock()
    )
    try:
        done = await handle(
            gateway.store, BOOKING, booking_stream(started.booking_id), command, ask=ask
        )
    except BookingChanged as changed:
        return await refused.note(changed, release_due=True)
    return await _state(gateway, started.booking_id, done.state, done.repeated)


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
        return await _state(self.gateway, self.booking_id, done.state, done.repeated)


async def finish(gateway: Gateway, booking: Booking, *, ask: Ask) -> Progress:
    """Prepare what is sold, confirm what is held, record. Recorded before: the same answer.

    Raises `BookingEmpty`, `OpenAmount`, `BookingIsAborted`, `BookingChanged`, `VoucherRefused`,
    `VoucherUnavailable`; the booking then stays open.
    """
    if booking.recorded is not None:
        await gateway.store.outcome(ask.key, ask.input_hash)  # A reused key is refused.
        return Progress(booking)
    finishable(booking)
    assert booking.started is not None
    started = booking.started
    sold = await prepared(gateway, booking)
    confirmed = await _confirm(gateway, booking, ask)
    master_data = await gateway.master_data(started.store_id)
    now = gateway.clock()
    command = RecordBooking(
        booking_id=started.booking_id,
        business_date=business_date(master_data, now),
        serials={voucher.voucher_id: voucher.serial for voucher in sold},
        confirmed=confirmed,
        sign_by=gateway.sign_by(now),
        now=now,
    )
    till_part = till_stream(started.till_id)
    booking_part = booking_stream(started.booking_id)

    def decide(states: Mapping[str, Any]) -> Decision:
        number = give_number(states[till_part], started.booking_id)
        recorded = record(command, states[booking_part], number.number)
        return Decision(
            {till_part: (number,) if recorded else (), booking_part: recorded},
        )

    parts: dict[str, Decider[Any, Any]] = {till_part: TILL, booking_part: BOOKING}
    done = await handle_together(gateway.store, parts, decide, ask=ask)
    state = await _state(
        gateway, started.booking_id, done.states[booking_part], done.appended.repeated
    )
    return Progress(state, sold)


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


async def _confirm(gateway: Gateway, booking: Booking, ask: Ask) -> frozenset[str]:
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
            step = _sub(ask, f"reopen/{paid.payment_id}")
            booking = (await handle(gateway.store, BOOKING, stream, command, ask=step)).state
    if lost is not None:
        raise OpenAmount(
            f"a voucher could not be confirmed: {lost.detail}",
            open_amount=booking.open_amount.model_dump(),
            reason=lost.code,
        )
    return frozenset(confirmed)


async def abort(gateway: Gateway, booking: Booking, *, reason: str, ask: Ask) -> Progress:
    """End an open booking; its event ends holds and prepared vouchers. Raises
    `BookingIsRecorded`."""
    assert booking.started is not None
    now = gateway.clock()
    command = AbortBooking(booking.started.booking_id, reason, gateway.sign_by(now), now)
    done = await handle(
        gateway.store, BOOKING, booking_stream(booking.started.booking_id), command, ask=ask
    )
    return Progress(await _state(gateway, booking.started.booking_id, done.state, done.repeated))


async def _state(gateway: Gateway, booking_id: str, state: Booking, repeated: bool) -> Booking:
    """A repeat is answered with the present state, which another process may have moved on."""
    return await gateway.booking(booking_id) if repeated else state


async def _told(gateway: Gateway, refusal: DomainError, booking_id: str) -> DomainError:
    """The refusal, with what the cashier needs to go on with the booking that stays open."""
    booking = await gateway.booking(booking_id)
    refusal.extra.setdefault("booking_id", booking_id)
    refusal.extra.setdefault("state", "open" if booking.open else "closed")
    refusal.extra.setdefault("open_amount", booking.open_amount.model_dump())
    return refusal
