"""The last step of a booking: it is recorded, or aborted. Either gives it its number."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from device_gateway.commands import AbortBooking, RecordBooking
from device_gateway.decider.booking import BOOKING, finishable, record_all
from device_gateway.decider.booking import abort as decide_abort
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.choices import choices_in
from device_gateway.decider.going_out import originals_of
from device_gateway.decider.refusals import BookingUnknown
from device_gateway.events import BookingEvent, BookingStarted, BookingTakenBack, FinalEvent
from device_gateway.handlers.card_back import give_up_cards, refund_by_card
from device_gateway.handlers.fee_payments import fees_kept
from device_gateway.handlers.gateway import Gateway, booking_stream, business_date
from device_gateway.handlers.holds import confirm_holds
from device_gateway.handlers.offline import given_back
from device_gateway.handlers.shifts import Counter, Decide, in_shift
from device_gateway.handlers.taking_back import RefundKind, refund_of
from device_gateway.handlers.vouchers import prepared, present
from device_gateway.ports import SoldVoucher
from events import Ask, DomainError, fold


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a booking stands, and the codes of what it sold if this request has them."""

    booking: Booking
    sold: tuple[SoldVoucher, ...] | None = None


class Begun:
    """A booking while the decision that starts it goes on."""

    def __init__(self, booking: Booking) -> None:
        self.booking = booking
        self.events = list[BookingEvent]()

    def note(self, events: Sequence[BookingEvent]) -> None:
        self.events.extend(events)
        self.booking = fold(BOOKING, events, start=self.booking)


async def finish(
    gateway: Gateway, booking: Booking, *, ask: Ask, refund: RefundKind = "cash"
) -> Progress:
    """Prepare what is sold, confirm what is held, record. Recorded before: the same answer.
    `refund`: how money goes out, where more comes back than is bought.

    Raises `BookingEmpty`, `OpenAmount`, `BookingIsAborted`, `BookingChanged`, `ServiceRefused`,
    `ServiceUnavailable`; the booking then stays open.
    """
    if booking.recorded is not None:
        await gateway.store.outcome(ask.key, ask.input_hash)  # A reused key is refused.
        return Progress(booking)
    if refund == "card":
        booking = await refund_by_card(gateway, booking, ask=ask)
    finishable(booking)
    assert booking.started is not None
    started = booking.started
    sold = await prepared(gateway, booking)
    confirmed = await confirm_holds(gateway, booking, ask)
    fees = await fees_kept(gateway, booking)
    master_data = await gateway.terms_of(booking)
    now = gateway.clock()
    command = RecordBooking(
        booking_id=started.booking_id,
        business_date=business_date(master_data, now),
        serials={voucher.voucher_id: voucher.serial for voucher in sold},
        confirmed=confirmed,
        sign_by=gateway.sign_by(now),
        now=now,
        refund=refund_of(master_data, started.booking_id, refund),
        choices=choices_in(master_data),
        fees=fees,
        rest_slips=master_data.rest_slips,
    )
    booking_part = booking_stream(started.booking_id)
    originals = originals_of(booking)

    def decide(counter: Counter, states: Mapping[str, Any]) -> Mapping[str, Any]:
        if states[booking_part].recorded is not None:
            return {}
        sold_before = {each: states[booking_stream(each)] for each in originals}
        recorded, taken = record_all(
            command, states[booking_part], counter.next_number, counter.opened, sold_before
        )
        counter.give_to(final_of(fold(BOOKING, recorded, start=states[booking_part])))
        return {booking_part: recorded, **by_stream(taken)}

    state = await _ended(gateway, started, decide, ask=ask, beside=originals)
    return Progress(state, sold)


async def abort(
    gateway: Gateway, booking: Booking, *, reason: str, ask: Ask, approved_by: str | None = None
) -> Progress:
    """End an open booking; its event ends holds and prepared vouchers. It gets a number, too.
    What a card terminal took goes back first. Raises `BookingIsRecorded`, and what keeps a card's
    money from going back."""
    if booking.open:
        booking = await give_up_cards(gateway, booking, ask=ask)
    aborted = await note_aborted(gateway, booking, reason=reason, ask=ask, approved_by=approved_by)
    await given_back(gateway, aborted)
    return Progress(aborted)


async def note_aborted(
    gateway: Gateway, booking: Booking, *, reason: str, ask: Ask, approved_by: str | None = None
) -> Booking:
    """The abort alone; what was taken without a line is given back by whoever goes on."""
    assert booking.started is not None
    started = booking.started
    now = gateway.clock()
    day = business_date(await gateway.terms_of(booking), now)
    command = AbortBooking(started.booking_id, reason, gateway.sign_by(now), day, now, approved_by)
    booking_part = booking_stream(started.booking_id)

    def decide(counter: Counter, states: Mapping[str, Any]) -> Mapping[str, Any]:
        if states[booking_part].aborted is not None:
            return {}
        aborted = decide_abort(command, states[booking_part], counter.next_number, counter.opened)
        for each in aborted:
            counter.give_to(each)
        return {booking_part: aborted}

    return await _ended(gateway, started, decide, ask=ask)


def final_of(booking: Booking) -> FinalEvent:
    """What a booking that was just recorded has its number for."""
    assert booking.final is not None
    return booking.final


def by_stream(taken: Mapping[str, BookingTakenBack]) -> Mapping[str, Sequence[BookingEvent]]:
    """What the streams of the original bookings get."""
    return {booking_stream(each): (event,) for each, event in taken.items()}


async def _ended(
    gateway: Gateway,
    started: BookingStarted,
    decide: Decide,
    *,
    ask: Ask,
    beside: Sequence[str] = (),
) -> Booking:
    """The booking once it has its number. `beside`: bookings whose streams are written, too."""
    done = await in_shift(
        gateway,
        store_id=started.store_id,
        till_id=started.till_id,
        decide=decide,
        ask=ask,
        bookings=(started.booking_id, *beside),
    )
    state = done.states[booking_stream(started.booking_id)]
    return await present(gateway, started.booking_id, state, done.appended.repeated)


@asynccontextmanager
async def naming(gateway: Gateway, booking_id: str) -> AsyncIterator[None]:
    """What is refused in here says which booking stays open, if the booking exists by then."""
    try:
        yield
    except DomainError as refusal:
        if "booking_id" not in refusal.extra:
            with suppress(BookingUnknown):
                await told(gateway, refusal, booking_id)
        raise


async def told(gateway: Gateway, refusal: DomainError, booking_id: str) -> DomainError:
    """The refusal, with what the cashier needs to go on with the booking that stays open."""
    booking = await gateway.booking(booking_id)
    refusal.extra.setdefault("booking_id", booking_id)
    refusal.extra.setdefault("state", "open" if booking.open else "closed")
    refusal.extra.setdefault("open_amount", booking.open_amount.model_dump())
    held = [
        tender.payment_id
        for tender in booking.tenders
        if tender.hold_id and tender.payment and not tender.payment.offline
    ]
    if held:
        # Where the service that holds them stays silent, they can be taken back and paid otherwise.
        refusal.extra.setdefault("held", held)
    return refusal
