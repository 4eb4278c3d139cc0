"""Money goes back to a card: refunds of goods, cancellations, and sales that are given up.

The newest transaction of a terminal is reversed (Storno, `06 30`), whatever is older is refunded
(Gutschrift, `06 31`). Either is a payment below zero that asks the terminal like any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

from device_gateway.commands import NewPayment
from device_gateway.decider.booking import BOOKING
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.card import (
    is_of_terminal,
    request_refund,
    taken_by_terminals,
    waiting,
)
from device_gateway.decider.going_out import originals_of
from device_gateway.decider.refusals import BookingUnknown
from device_gateway.events import MasterDataChanged, Payment, TerminalWish
from device_gateway.handlers.gateway import Gateway, booking_stream
from device_gateway.handlers.terminal import at_terminal, desk_of, stop, terminal_of, told_of
from device_gateway.terminal.ports import TerminalUnknown
from events import Ask, Decision, handle_together
from money import Money

STOP_WITHIN_S = 25.0
"""So long an abort waits for the terminal to give up what it is doing."""


async def terminal_for(gateway: Gateway, store_id: str, till_id: str) -> str | None:
    """The till's terminal; None: it has none, and cards are taken on one of their own."""
    if gateway.terminals is None:
        return None
    try:
        return (await desk_of(gateway).devices.find(store_id, till_id, None)).terminal_id
    except TerminalUnknown:
        return None


async def paid_at_terminal(gateway: Gateway, booking_ids: tuple[str, ...]) -> bool:
    """Whether one of these bookings was paid at a terminal of ours."""
    for booking_id in booking_ids:
        try:
            booking = await gateway.booking(booking_id)
        except BookingUnknown:
            continue
        if booking.recorded and any(paid.terminal for paid in booking.recorded.payments):
            return True
    return False


async def refund_by_card(gateway: Gateway, booking: Booking, *, ask: Ask) -> Booking:
    """Where more comes back than is bought: back to a card, if a terminal of ours took the money
    and the till has one. Otherwise nothing is done here. Raises what the terminal says."""
    assert booking.started is not None
    started = booking.started
    payment_id = str(uuid5(UUID(started.booking_id), f"refund/{ask.key}"))
    if booking.tender(payment_id) is None:
        if not booking.refundable or not await paid_at_terminal(gateway, originals_of(booking)):
            return booking
        terminal_id = await terminal_for(gateway, started.store_id, started.till_id)
        if terminal_id is None:
            return booking
        wish = TerminalWish(terminal_id=terminal_id, act="refund")
        booking = await _requested(gateway, booking, payment_id, booking.open_amount, wish)
    return await _done(gateway, booking, payment_id)


async def cards_back(
    gateway: Gateway, booking: Booking, original: Booking, payment_ids: frozenset[str]
) -> Booking:
    """A cancellation: each of these payments of the original goes back to its card. What was given
    back otherwise has the same id, and is done."""
    assert booking.started is not None
    assert original.recorded is not None
    for paid in original.recorded.payments:
        if paid.payment_id in payment_ids:
            own = str(uuid5(UUID(booking.started.booking_id), f"back/{paid.payment_id}"))
            booking = await _back(gateway, booking, paid, own)
    return booking


def owed_to_terminals(original: Booking) -> frozenset[str]:
    """The payments of a recorded booking that a terminal took."""
    if original.recorded is None:
        return frozenset()
    return frozenset(
        paid.payment_id for paid in original.recorded.payments
        if paid.terminal is not None and paid.amount.amount > 0
    )  # fmt: skip


async def give_up_cards(gateway: Gateway, booking: Booking, *, ask: Ask) -> Booking:
    """Before a booking is aborted: what a terminal does for it is stopped, and what terminals took
    goes back. Raises `CardRefused`, `CardUnknown`; what waits for a person stays as it is."""
    assert booking.started is not None
    booking_id = booking.started.booking_id
    for tender in waiting(booking.tenders):
        if tender.status == "requested":
            async with asyncio.timeout(STOP_WITHIN_S):
                booking = await stop(gateway, booking, tender.payment_id)
    if not booking.open or waiting(booking.tenders) or not taken_by_terminals(booking):
        return booking
    back = [paid.amount for paid in booking.payments
            if is_of_terminal(booking, paid) and paid.amount.amount < 0]  # fmt: skip
    for paid in reversed(booking.payments):
        if not is_of_terminal(booking, paid) or paid.amount.amount < 0:
            continue
        if -paid.amount in back:
            back.remove(-paid.amount)
            continue
        own = str(uuid5(UUID(booking_id), f"undo/{paid.payment_id}/{ask.key}"))
        booking = await _back(gateway, booking, paid, own)
    return booking


async def _back(gateway: Gateway, booking: Booking, paid: Payment, payment_id: str) -> Booking:
    assert booking.started is not None
    started = booking.started
    if booking.tender(payment_id) is None:
        terminal_id = await terminal_for(gateway, started.store_id, started.till_id)
        if terminal_id is None:
            raise TerminalUnknown
        wish = await _wish(gateway, terminal_id, paid)
        booking = await _requested(gateway, booking, payment_id, -paid.amount, wish)
    return await _done(gateway, booking, payment_id)


async def _wish(gateway: Gateway, terminal_id: str, paid: Payment) -> TerminalWish:
    """A reversal, where it is the terminal's newest; else a refund."""
    newest = (await terminal_of(gateway, terminal_id)).newest
    receipt = paid.terminal.receipt_number if paid.terminal is not None else None
    if newest is not None and newest.payment_id == paid.payment_id and receipt is not None:
        return TerminalWish(terminal_id=terminal_id, act="reverse", receipt_number=receipt)
    return TerminalWish(terminal_id=terminal_id, act="refund")


async def _requested(
    gateway: Gateway, booking: Booking, payment_id: str, amount: Money, wish: TerminalWish
) -> Booking:
    assert booking.started is not None
    means = card_means(await gateway.terms_of(booking))
    new = NewPayment(payment_id, "card", means[0], "Unbar", amount, terminal=wish)
    stream, now = booking_stream(booking.started.booking_id), gateway.clock()

    def decide(states: Mapping[str, Any]) -> Decision:
        if states[stream].tender(payment_id) is not None:
            return Decision({})
        return Decision({stream: request_refund(new, states[stream], now)})

    ask = Ask.of(f"card-back/{payment_id}", payment_id)
    await handle_together(gateway.store, {stream: BOOKING}, decide, ask=ask)
    return await gateway.booking(booking.started.booking_id)


def card_means(master_data: MasterDataChanged) -> tuple[str, str | None]:
    """Name and ZAHLART_TYP of a card."""
    for means in master_data.means_of_payment:
        if means.kind == "card":
            return means.name, means.payment_type
    return "Karte", None


async def _done(gateway: Gateway, booking: Booking, payment_id: str) -> Booking:
    """Raises what kept the money from going back."""
    tender = booking.tender(payment_id)
    if tender is not None and tender.status == "requested":
        booking = await at_terminal(gateway, booking, payment_id)
        tender = booking.tender(payment_id)
    assert tender is not None
    no = told_of(tender)
    if no is not None:
        raise no
    return booking
