"""Acts on an open sale: void, quantity, price, discount; set aside and go on; what is open now."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal

from device_gateway.commands.acts import (
    By,
    ChangePrice,
    ChangeQuantity,
    EditCommand,
    GiveDiscount,
    NoteGivenBack,
    ParkBooking,
    ResumeBooking,
    VoidLine,
)
from device_gateway.decider.booking import BOOKING
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.library import settlement_ids
from device_gateway.decider.refusals import TillUnknown
from device_gateway.events import Line
from device_gateway.handlers.ending import Progress
from device_gateway.handlers.gateway import Gateway, booking_stream
from device_gateway.handlers.rights import Who, allowed, at_till, somebody_here
from device_gateway.handlers.shifts import newest_shift
from device_gateway.handlers.vouchers import present
from device_gateway.ports import ServiceRefused, ServiceUnavailable
from events import Ask, handle
from kassenverbund.kit.chain_tills import TillRight
from money import Money

OPEN_LOOKED_AT_MAX = 100
"""How many open sales of a till are looked at; nobody sets aside so many."""


@dataclass(frozen=True, slots=True)
class Discount:
    """Either `percent` in basis points, or `amount`."""

    reason: str
    percent: int | None = None
    amount: Money | None = None


async def void_line(
    gateway: Gateway, booking: Booking, line_id: str, *, reason: str, approval: str | None, ask: Ask
) -> Progress:
    """Right `void_line`. What another service keeps for the line is given back there, now or by
    the recovery."""
    by = await _by(gateway, booking, "void_line", approval, ask)
    booking_id = _id(booking)
    command = VoidLine(booking_id, line_id, reason, by, gateway.clock())
    booking = await _edited(gateway, booking_id, command, ask)
    with suppress(ServiceUnavailable, ServiceRefused):
        booking = await give_back_due(gateway, booking)
    return Progress(booking)


async def change_quantity(
    gateway: Gateway,
    booking: Booking,
    line_id: str,
    quantity: Decimal,
    *,
    reason: str,
    approval: str | None,
    ask: Ask,
) -> Progress:
    """Less of it needs the right `void_line`, more of it none."""
    line = next((each for each in booking.lines if each.line_id == line_id), None)
    less = line is not None and quantity < Decimal(line.quantity)
    await somebody_here(gateway, booking, ask)
    by = await _by(gateway, booking, "void_line", approval, ask) if less else By()
    command = ChangeQuantity(_id(booking), line_id, quantity, reason, by, gateway.clock())
    return Progress(await _edited(gateway, _id(booking), command, ask))


async def change_price(
    gateway: Gateway,
    booking: Booking,
    line_id: str,
    unit_price: Money,
    *,
    reason: str,
    approval: str | None,
    ask: Ask,
) -> Progress:
    """Right `price_change`."""
    by = await _by(gateway, booking, "price_change", approval, ask)
    command = ChangePrice(_id(booking), line_id, unit_price, reason, by, gateway.clock())
    return Progress(await _edited(gateway, _id(booking), command, ask))


async def give_discount(
    gateway: Gateway,
    booking: Booking,
    line_id: str | None,
    discount: Discount,
    *,
    approval: str | None,
    ask: Ask,
) -> Progress:
    """Right `discount`. `line_id` None: on all articles."""
    by = await _by(gateway, booking, "discount", approval, ask)
    command = GiveDiscount(
        _id(booking), line_id, discount.percent, discount.amount, discount.reason, by,
        gateway.clock(),
    )  # fmt: skip
    return Progress(await _edited(gateway, _id(booking), command, ask))


async def park(gateway: Gateway, booking: Booking, *, label: str | None, ask: Ask) -> Progress:
    """Set aside until somebody goes on with it; at the latest the closing ends it."""
    await somebody_here(gateway, booking, ask)
    command = ParkBooking(_id(booking), label, await _there(gateway, booking), gateway.clock())
    return Progress(await _edited(gateway, _id(booking), command, ask))


async def resume(gateway: Gateway, booking: Booking, *, ask: Ask) -> Progress:
    await somebody_here(gateway, booking, ask)
    command = ResumeBooking(_id(booking), await _there(gateway, booking), gateway.clock())
    return Progress(await _edited(gateway, _id(booking), command, ask))


async def open_sales(
    gateway: Gateway, *, store_id: str, till_id: str
) -> tuple[Booking | None, Sequence[Booking]]:
    """The sale that goes on at a till, and those that are set aside, as the log has them now; the
    newest first. Raises `TillUnknown`."""
    till, shift = await newest_shift(gateway, till_id)
    if not till.known or till.store_id != store_id:
        raise TillUnknown
    current, parked = None, list[Booking]()
    for booking_id in reversed(shift.begun[-OPEN_LOOKED_AT_MAX:] if shift.open else ()):
        booking = await gateway.booking(booking_id)
        if not booking.open:
            continue
        if booking.parked is not None:
            parked.append(booking)
        elif current is None:
            current = booking
    return current, parked


async def give_back_due(gateway: Gateway, booking: Booking) -> Booking:
    """Tell other services of voided lines. Raises `ServiceUnavailable` and `ServiceRefused`; what
    was told until then is noted. An abort tells them by its event."""
    for line in () if booking.aborted is not None else booking.give_back_due:
        await _given_back(gateway, booking, line)
        booking_id = _id(booking)
        command = NoteGivenBack(booking_id, line.line_id, gateway.clock())
        step = Ask.of(f"given-back/{booking_id}/{line.line_id}", line.line_id)
        booking = await _edited(gateway, booking_id, command, step)
    return booking


async def _given_back(gateway: Gateway, booking: Booking, line: Line) -> None:
    """By kind of line: who may keep something for it. Each call leaves a tombstone."""
    if gateway.library is not None and line.kind == "fee":
        for settlement_id in settlement_ids(booking, line.line_id):
            await gateway.library.drop(settlement_id)
    elif gateway.library is not None and line.load_id is not None:
        await gateway.library.cancel_load(line.load_id)
    elif line.top_up_id is not None:
        await gateway.vouchers.cancel_top_up(line.top_up_id, reason="voided")
    elif line.kind == "voucher_sale" and line.voucher_id is not None:
        await gateway.vouchers.cancel(line.voucher_id, reason="voided")


async def _by(
    gateway: Gateway, booking: Booking, right: TillRight, approval: str | None, ask: Ask
) -> By:
    assert booking.started is not None
    if await gateway.store.outcome(ask.key, ask.input_hash) is not None:
        return By()  # Done before: whoever stands there now, the answer is the same.
    started = booking.started
    who = await allowed(
        gateway, started.store_id, started.till_id, right, approval,
        ask=ask, booking_id=started.booking_id,
    )  # fmt: skip
    return by_of(who, booking)


def by_of(who: Who, booking: Booking) -> By:
    """Who is signed in, else whom the till named when the sale began."""
    named = None if booking.started is None else booking.started.cashier_id
    return By(who.cashier_id or named, who.approved_by, who.discount_max)


async def _there(gateway: Gateway, booking: Booking) -> str | None:
    assert booking.started is not None
    till, _ = await at_till(gateway, booking.started.store_id, booking.started.till_id)
    return till.cashier or booking.started.cashier_id


async def _edited(gateway: Gateway, booking_id: str, command: EditCommand, ask: Ask) -> Booking:
    done = await handle(gateway.store, BOOKING, booking_stream(booking_id), command, ask=ask)
    return await present(gateway, booking_id, done.state, done.repeated)


def _id(booking: Booking) -> str:
    assert booking.started is not None
    return booking.started.booking_id
