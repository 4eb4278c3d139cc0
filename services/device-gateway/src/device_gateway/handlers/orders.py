"""Orders (Bestellung-V1): numbered and signed at once, billed by another booking later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from device_gateway.commands import NewOrderLine, OrderLines
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.ordering import order as decide_order
from device_gateway.decider.refusals import BookingUnknown
from device_gateway.events import BookingOrdered
from device_gateway.handlers.gateway import Gateway, booking_stream, business_date, rates_on
from device_gateway.handlers.paper import queue_papers
from device_gateway.handlers.sales import booking_id_of
from device_gateway.handlers.shifts import Counter, in_shift
from device_gateway.printing.routing import does
from events import Ask


@dataclass(frozen=True, slots=True)
class Order:
    """As the till sent it."""

    store_id: str
    till_id: str
    lines: Sequence[NewOrderLine]
    group: str | None = None
    order_of: str | None = None
    """An order of the same store that this one goes on with."""
    cashier_id: str | None = None


async def order(gateway: Gateway, wanted: Order, *, ask: Ask) -> Booking:
    """Record an order, in one append. The same ask: the same order. Raises `BookingUnknown` (of
    `order_of`) and the refusals of the decider."""
    booking_id = booking_id_of(ask)
    if wanted.order_of is not None:
        await _must_be_ordered(gateway, wanted.store_id, wanted.order_of)
    stream, now = booking_stream(booking_id), gateway.clock()
    printers = (await gateway.master_data(wanted.store_id)).printers
    kitchen = any(
        does(printer, wanted.till_id, line.article_group)
        for printer in printers
        for line in wanted.lines
    )

    def decide(counter: Counter, states: Mapping[str, Any]) -> Mapping[str, Any]:
        master_data = counter.master_data
        day = business_date(master_data, now)
        command = OrderLines(
            booking_id=booking_id,
            store_id=wanted.store_id,
            till_id=wanted.till_id,
            legal_entity_id=master_data.legal_entity.legal_entity_id,
            currency=master_data.currency,
            lines=wanted.lines,
            rates=rates_on(master_data, day),
            business_date=day,
            sign_by=gateway.sign_by(now),
            now=now,
            group=wanted.group,
            order_of=wanted.order_of,
            cashier_id=wanted.cashier_id,
            kitchen=kitchen,
        )
        events = decide_order(
            command, counter.till, counter.opened, states[stream], counter.next_number
        )
        for each in events:
            counter.give_to(each)
        return {stream: events}

    done = await in_shift(
        gateway,
        store_id=wanted.store_id,
        till_id=wanted.till_id,
        decide=decide,
        ask=ask,
        bookings=(booking_id,),
        with_till=True,
        now=now,
    )
    ordered: Booking = done.states[stream]
    if done.appended.repeated:
        ordered = await gateway.process(booking_id)
    # The kitchen does not wait for the security device.
    await queue_papers(gateway, ordered)
    return ordered


async def order_of(gateway: Gateway, store_id: str, till_id: str, booking_id: str) -> Booking:
    """Raises `BookingUnknown` for what is no order of this till."""
    booking = await gateway.process(booking_id)
    final = booking.final
    if not isinstance(final, BookingOrdered) or (final.store_id, final.till_id) != (
        store_id,
        till_id,
    ):
        raise BookingUnknown
    return booking


async def _must_be_ordered(gateway: Gateway, store_id: str, booking_id: str) -> None:
    final = (await gateway.process(booking_id)).final
    if not isinstance(final, BookingOrdered) or final.store_id != store_id:
        raise BookingUnknown(booking_id=booking_id)
