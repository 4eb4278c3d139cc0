"""A recorded booking is taken back as a whole, by a booking of its own.

What needs nobody else is one append: the new booking from its start to its record, its number, and
`booking.taken_back` on the stream of the original. Vouchers that the original sold are held before
anything is stored, and confirmed before it is recorded, like any other hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from device_gateway.commands import CancelBooking, RecordBooking, StartBooking, TakenVoucher
from device_gateway.decider.booking import record_all, start
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.cancelling import cancel as decide_cancel
from device_gateway.decider.choices import choices_in
from device_gateway.decider.refusals import BookingUnknown, TrainingOnly
from device_gateway.events import BookingStarted
from device_gateway.handlers.card_back import cards_back, owed_to_terminals, terminal_for
from device_gateway.handlers.ending import Begun, Progress, by_stream, final_of, finish, told
from device_gateway.handlers.gateway import Gateway, booking_stream, business_date
from device_gateway.handlers.sales import booking_id_of
from device_gateway.handlers.shifts import Counter, in_shift
from device_gateway.handlers.taking_back import cancellation_agreed, let_go
from device_gateway.handlers.vouchers import sub_ask
from device_gateway.ports import Place
from events import Ask, DomainError


@dataclass(frozen=True, slots=True)
class Cancellation:
    """As the till sent it; the codes stay in memory."""

    reason: str
    codes: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By line: of the vouchers that it sold."""
    cashier_id: str | None = None
    approved_by: str | None = None


async def cancel(
    gateway: Gateway, original: Booking, wanted: Cancellation, *, ask: Ask
) -> Progress:
    """Take the booking back. A repeat goes on where the first try stopped.

    Raises the refusals of `cancellation_agreed`: then nothing is stored.
    """
    booking_id = booking_id_of(ask)
    try:
        booking = await gateway.booking(booking_id)
    except BookingUnknown:
        booking = await _begin(gateway, original, wanted, booking_id, ask)
    else:
        await gateway.store.outcome(ask.key, ask.input_hash)  # A reused key is refused.
    if booking.recorded is not None:
        return Progress(booking)
    try:
        booking = await cards_back(gateway, booking, original, owed_to_terminals(original))
        return await finish(gateway, booking, ask=sub_ask(ask, "record"))
    except DomainError as refusal:
        raise await told(gateway, refusal, booking_id) from refusal


async def _by_terminal(gateway: Gateway, original: Booking) -> frozenset[str]:
    """Payments that go back by the till's terminal; without one, by a terminal of their own."""
    assert original.started is not None
    sold_at = original.started
    owed = owed_to_terminals(original)
    if not owed or await terminal_for(gateway, sold_at.store_id, sold_at.till_id) is None:
        return frozenset()
    return owed


async def _begin(
    gateway: Gateway, original: Booking, wanted: Cancellation, booking_id: str, ask: Ask
) -> Booking:
    assert original.started is not None
    sold_at = original.started
    place = Place(sold_at.store_id, sold_at.till_id, booking_id, booking_id)
    held = await cancellation_agreed(
        gateway, original, wanted.codes, place=place, reason=wanted.reason
    )
    try:
        return await _stored(gateway, original, wanted, booking_id, held, ask)
    except DomainError:
        await let_go(gateway, held.values())
        raise


def _starting(
    sold_at: BookingStarted,
    booking_id: str,
    wanted: Cancellation,
    counter: Counter,
    now: datetime,
) -> StartBooking:
    return StartBooking(
        booking_id=booking_id,
        store_id=sold_at.store_id,
        till_id=sold_at.till_id,
        legal_entity_id=counter.master_data.legal_entity.legal_entity_id,
        currency=sold_at.currency,
        now=now,
        cashier_id=counter.till.cashier or wanted.cashier_id,
        approved_by=wanted.approved_by,
        cancels=sold_at.booking_id,
    )


async def _stored(
    gateway: Gateway,
    original: Booking,
    wanted: Cancellation,
    booking_id: str,
    held: Mapping[str, TakenVoucher],
    ask: Ask,
) -> Booking:
    assert original.started is not None
    sold_at, now = original.started, gateway.clock()
    mine, theirs = booking_stream(booking_id), booking_stream(sold_at.booking_id)
    by_terminal = await _by_terminal(gateway, original)

    def decide(counter: Counter, states: Mapping[str, Any]) -> Mapping[str, Any]:
        if counter.till.training:
            raise TrainingOnly
        master_data = counter.master_data
        begun = Begun(states[mine])
        starting = _starting(sold_at, booking_id, wanted, counter, now)
        begun.note(start(starting, counter.till, counter.opened, begun.booking))
        assert begun.booking.started is not None
        command = CancelBooking(booking_id, wanted.reason, held, now, by_terminal)
        begun.note(decide_cancel(command, begun.booking.started, states[theirs]))
        if begun.booking.held_lines or by_terminal:
            counter.begin(booking_id)
            return {mine: begun.events}
        recording = RecordBooking(
            booking_id, business_date(master_data, now), {}, frozenset(),
            gateway.sign_by(now), now, choices=choices_in(master_data),
        )  # fmt: skip
        events, back = record_all(
            recording, begun.booking, counter.next_number, counter.opened,
            {sold_at.booking_id: states[theirs]},
        )  # fmt: skip
        begun.note(events)
        counter.give_to(final_of(begun.booking))
        return {mine: begun.events, **by_stream(back)}

    done = await in_shift(
        gateway,
        store_id=sold_at.store_id,
        till_id=sold_at.till_id,
        decide=decide,
        ask=ask,
        bookings=(booking_id, sold_at.booking_id),
        with_till=True,
        now=now,
    )
    if done.appended.repeated:
        return await gateway.booking(booking_id)
    stored: Booking = done.states[mine]
    return stored
