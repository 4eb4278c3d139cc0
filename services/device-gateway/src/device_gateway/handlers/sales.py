"""The booking path (docs/flows.md, steps 1 to 5): every step may be repeated with the same ids.

An intent is stored before another service is asked, so a crash between any two steps leaves a
state from which a repeat of the request, or the recovery, ends in the same place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from device_gateway.commands import (
    AddLines,
    NewPayment,
    RecordBooking,
    RequestPayment,
    StartBooking,
    TakeBack,
    TakenVoucher,
)
from device_gateway.decider.booking import BOOKING, chargeable, record_all, start
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.cashier import SignInNeeded
from device_gateway.decider.choices import choices_in
from device_gateway.decider.going_out import goods_back
from device_gateway.decider.lines import add_lines
from device_gateway.decider.paying import request_payment
from device_gateway.decider.refusals import BookingUnknown, TrainingOnly
from device_gateway.events import MasterDataChanged
from device_gateway.handlers.card_back import paid_at_terminal
from device_gateway.handlers.charges import charge
from device_gateway.handlers.ending import Begun, Progress, by_stream, final_of, finish, told
from device_gateway.handlers.fee_payments import settle
from device_gateway.handlers.gateway import Gateway, booking_stream, business_date, rates_on
from device_gateway.handlers.holds import refusal_of
from device_gateway.handlers.rights import allowed, somebody_here
from device_gateway.handlers.sale import (
    NewLineWithCode,
    Sale,
    SentLine,
    booking_id_of,
    id_of_line,
    new_lines,
)
from device_gateway.handlers.shifts import Counter, in_shift
from device_gateway.handlers.taking_back import (
    NOTHING_BACK,
    known_references,
    let_go,
    payouts_held,
    refund_of,
    returns_agreed,
)
from device_gateway.handlers.tendered import TenderedPayment, as_card, new_payment, payment_id_of
from device_gateway.handlers.terminal import at_terminal, told_of
from device_gateway.handlers.vouchers import agree, hold, present, sub_ask
from device_gateway.ports import Place
from events import Ask, DomainError, handle

__all__ = ["NewLineWithCode", "Sale", "SentLine", "add", "booking_id_of", "pay", "sell"]


async def _agreed(
    gateway: Gateway, booking: Booking, sent: Sequence[SentLine], *, ask: Ask
) -> Booking:
    """Have the voucher service agree to each line that came with a code."""
    assert booking.started is not None
    for index, each in enumerate(sent):
        if isinstance(each, NewLineWithCode):
            own_id = id_of_line(booking.started.booking_id, ask.key, index)
            step = sub_ask(ask, f"line/{index}")
            booking = await agree(gateway, booking, own_id, each.code, ask=step)
    return booking


async def sell(gateway: Gateway, sale: Sale, *, ask: Ask) -> Progress:
    """Start a booking with all that the request holds, and finish it if asked to.

    What needs nobody else is stored in one append. Raises what the rules refuse (nothing stored),
    or, with `booking_id` in its extras, what kept the booking open.
    """
    booking_id = booking_id_of(ask)
    if any(paid.kind == "customer_card" or paid.terminal for paid in sale.payments):
        sale = replace(sale, payments=await _cards_of(gateway, sale, booking_id, ask))
    if sale.refund == "card" and sale.finish:
        originals = tuple(sale.back.by_original())
        sale = replace(sale, card_back=await paid_at_terminal(gateway, originals))
    if sale.references:
        known = await known_references(gateway, sale.store_id, sale.references)
        sale = replace(sale, references=known)
    payouts = await _given_back(gateway, sale, booking_id)
    try:
        booking = await _begin(gateway, sale, booking_id, payouts, ask)
    except DomainError:
        await let_go(gateway, payouts)
        raise
    if booking.recorded is not None:
        return Progress(booking)
    payments = _new_payments(await gateway.terms_of(booking), sale, booking_id, ask)
    try:
        booking = await _agreed(gateway, booking, sale.lines, ask=ask)
        for index, (new, paid) in enumerate(zip(payments, sale.payments, strict=True)):
            step = sub_ask(ask, f"payment/{index}")
            if booking.open and booking.tender(new.payment_id) is None:
                booking = await _request(gateway, booking, new, ask=step)
            if booking.open:
                booking = await _answered(gateway, booking, new, paid, ask=step)
        if sale.finish:
            record_ask = sub_ask(ask, "record")
            return await finish(gateway, booking, ask=record_ask, refund=sale.refund)
    except DomainError as refusal:
        raise await told(gateway, refusal, booking_id) from refusal
    return Progress(booking)


async def _cards_of(
    gateway: Gateway, sale: Sale, booking_id: str, ask: Ask
) -> Sequence[TenderedPayment]:
    """The payments of a sale, scanned cards told apart. A repeat finds the booking."""
    try:
        booking: Booking | None = await gateway.booking(booking_id)
    except BookingUnknown:
        booking = None
    return [
        await as_card(
            gateway,
            booking,
            paid,
            payment_id_of(booking_id, f"{ask.key}/{index}"),
            sale.store_id,
            sale.till_id,
        )
        for index, paid in enumerate(sale.payments)
    ]


def _new_payments(
    master_data: MasterDataChanged, sale: Sale, booking_id: str, ask: Ask
) -> list[NewPayment]:
    return [
        new_payment(master_data, booking_id, paid, f"{ask.key}/{index}")
        for index, paid in enumerate(sale.payments)
    ]


async def _given_back(gateway: Gateway, sale: Sale, booking_id: str) -> Sequence[TakenVoucher]:
    """What others have to agree to before something comes back; the rests that are paid out, held.
    A repeat finds the booking, and its lines name them."""
    if sale.back == NOTHING_BACK:
        return ()
    if sale.training:
        raise TrainingOnly
    try:
        await gateway.booking(booking_id)
    except BookingUnknown:
        await returns_agreed(gateway, sale.store_id, sale.back)
        place = Place(sale.store_id, sale.till_id, booking_id, booking_id)
        master_data = await gateway.master_data(sale.store_id)
        return await payouts_held(gateway, place, master_data, sale.back.payouts)
    return ()


async def _begin(
    gateway: Gateway, sale: Sale, booking_id: str, payouts: Sequence[TakenVoucher], ask: Ask
) -> Booking:
    booking_part = booking_stream(booking_id)
    returns = sale.back.by_original()
    now = gateway.clock()

    def decide(counter: Counter, states: Mapping[str, Any]) -> Mapping[str, Any]:
        master_data = counter.master_data
        day = business_date(master_data, now)
        originals = {each: states[booking_stream(each)] for each in returns}
        begun = Begun(states[booking_part])
        _entered(
            begun, sale, counter, booking_id, ask, day, now,
            needs_sign_in=sale.store_id in gateway.sign_in_required,
        )  # fmt: skip
        begun.note(
            goods_back(TakeBack(booking_id, returns, payouts, now), begun.booking, originals)
        )
        if not _paid(begun, sale, _new_payments(master_data, sale, booking_id, ask), now):
            counter.begin(booking_id)
            return {booking_part: begun.events}
        recording = RecordBooking(
            booking_id, day, {}, frozenset(), gateway.sign_by(now), now,
            refund_of(master_data, booking_id, sale.refund), choices_in(master_data),
        )  # fmt: skip
        recorded, taken = record_all(
            recording, begun.booking, counter.next_number, counter.opened, originals
        )
        begun.note(recorded)
        counter.give_to(final_of(begun.booking))
        return {booking_part: begun.events, **by_stream(taken)}

    gateway.store.streams.expect_new(booking_part, BOOKING.initial)
    done = await in_shift(
        gateway,
        store_id=sale.store_id,
        till_id=sale.till_id,
        decide=decide,
        ask=ask,
        bookings=(booking_id, *returns),
        with_till=True,
        now=now,
    )
    if done.appended.repeated:
        return await gateway.booking(booking_id)
    found: Booking = done.states[booking_part]
    return found


def _entered(
    begun: Begun,
    sale: Sale,
    counter: Counter,
    booking_id: str,
    ask: Ask,
    day: date,
    now: datetime,
    *,
    needs_sign_in: bool,
) -> None:
    """The booking with the lines that a price list knows."""
    master_data = counter.master_data
    here = counter.till.cashier
    if here is None and needs_sign_in and not counter.till.unattended:
        raise SignInNeeded
    starting = StartBooking(
        booking_id=booking_id,
        store_id=sale.store_id,
        till_id=sale.till_id,
        legal_entity_id=master_data.legal_entity.legal_entity_id,
        currency=master_data.currency,
        now=now,
        cashier_id=here or sale.cashier_id,
        approved_by=sale.approved_by,
        training=sale.training or counter.till.training,
        references=sale.references,
    )
    begun.note(start(starting, counter.till, counter.opened, begun.booking))
    adding = AddLines(
        booking_id,
        new_lines(booking_id, sale.lines, ask.key),
        rates_on(master_data, day),
        now,
        master_data.voucher_articles,
    )
    begun.note(add_lines(adding, begun.booking))


def _paid(begun: Begun, sale: Sale, payments: Sequence[NewPayment], now: datetime) -> bool:
    """Note what is paid without asking anybody. Whether the booking can be recorded at once."""
    if sale.finish:
        chargeable(begun.booking)
    # A line that is refused yet would leave more paid than there is.
    for new in () if begun.booking.unprepared else payments:
        begun.note(request_payment(RequestPayment("", new, now), begun.booking))
        if new.asks:
            break  # What comes after it depends on how much the other service lets it pay.
    if not sale.finish or begun.booking.asks_vouchers or begun.booking.held_lines:
        return False
    if any(new.asks for new in payments):
        return False
    by_terminal = sale.card_back and begun.booking.refundable
    return not by_terminal and (not begun.booking.open_amount or begun.booking.refundable)


async def add(
    gateway: Gateway, booking: Booking, sent: Sequence[SentLine], *, ask: Ask
) -> Progress:
    """More lines for an open booking. Raises `SignInNeeded`, and what the rules refuse."""
    assert booking.started is not None
    await somebody_here(gateway, booking, ask)
    started = booking.started
    master_data = await gateway.terms_of(booking)
    rates = rates_on(master_data, business_date(master_data, gateway.clock()))
    lines = new_lines(started.booking_id, sent, ask.key)
    command = AddLines(
        started.booking_id, lines, rates, gateway.clock(), master_data.voucher_articles
    )
    done = await handle(
        gateway.store, BOOKING, booking_stream(started.booking_id), command, ask=ask
    )
    booking = await present(gateway, started.booking_id, done.state, done.repeated)
    try:
        return Progress(await _agreed(gateway, booking, sent, ask=ask))
    except DomainError as refusal:
        raise await told(gateway, refusal, started.booking_id) from refusal


async def pay(
    gateway: Gateway,
    booking: Booking,
    paid: Sequence[TenderedPayment],
    *,
    ask: Ask,
    approval: str | None = None,
) -> Progress:
    """More payments for an open booking, in their order. Raises `SignInNeeded`, and what the rules
    or another service refuse."""
    assert booking.started is not None
    await somebody_here(gateway, booking, ask)
    booking_id = booking.started.booking_id
    if any(each.payer is not None for each in paid):
        await allowed(
            gateway, booking.started.store_id, booking.started.till_id, "on_account", approval,
            ask=ask, booking_id=booking_id,
        )  # fmt: skip
    master_data = await gateway.terms_of(booking)
    try:
        for index, each in enumerate(paid):
            key = f"{ask.key}/{index}"
            each = await as_card(
                gateway,
                booking,
                each,
                payment_id_of(booking_id, key),
                master_data.store_id,
                booking.started.till_id if booking.started else "",
            )
            new = new_payment(master_data, booking_id, each, key)
            # The first append carries the request's own key: it tells a reused key.
            step = ask if index == 0 else sub_ask(ask, f"payment/{index}")
            if booking.tender(new.payment_id) is None:
                booking = await _request(gateway, booking, new, ask=step)
            else:
                # A repeat; a key that came with another body before is refused here.
                await gateway.store.outcome(step.key, step.input_hash)
            booking = await _answered(gateway, booking, new, each, ask=step)
    except DomainError as refusal:
        raise await told(gateway, refusal, booking_id) from refusal
    return Progress(booking)


async def _request(gateway: Gateway, booking: Booking, new: NewPayment, *, ask: Ask) -> Booking:
    """Store what is wanted, before anybody else is asked for it."""
    assert booking.started is not None
    booking_id = booking.started.booking_id
    command = RequestPayment(booking_id, new, gateway.clock())
    done = await handle(gateway.store, BOOKING, booking_stream(booking_id), command, ask=ask)
    return await present(gateway, booking_id, done.state, done.repeated)


async def _answered(
    gateway: Gateway, booking: Booking, new: NewPayment, paid: TenderedPayment, *, ask: Ask
) -> Booking:
    """Go on until the payment settles something. Raises what the other service refused."""
    tender = booking.tender(new.payment_id)
    assert tender is not None
    if tender.status == "requested" and booking.open:
        step = sub_ask(ask, "answer")
        if paid.fee is not None:
            booking = await settle(gateway, booking, tender, paid.fee, paid.code, ask=step)
        elif tender.terminal is not None:
            booking = await at_terminal(gateway, booking, new.payment_id)
        elif paid.charge is not None:
            booking = await charge(gateway, booking, tender, paid.charge, ask=step)
        else:
            codes = paid.codes or ((paid.code,) if paid.code else ())
            booking = await hold(gateway, booking, tender, codes, ask=step)
        tender = booking.tender(new.payment_id)
        assert tender is not None
    if tender.terminal is not None:
        no = told_of(tender)
        if no is not None:
            raise no
    elif tender.refusal is not None:
        raise refusal_of(tender, tender.refusal)
    return booking
