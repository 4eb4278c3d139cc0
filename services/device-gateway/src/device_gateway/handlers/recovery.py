"""What a crash or a silent service left behind is ended here: no hold stays, no paper is lost.

The read model only says where to look; each step is decided on the booking's own stream.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta

from device_gateway.commands import NoteRefused
from device_gateway.decider.booking import BOOKING
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.card import taken_by_terminals, waiting
from device_gateway.handlers.editing import give_back_due
from device_gateway.handlers.ending import abort
from device_gateway.handlers.gateway import Gateway, booking_stream
from device_gateway.handlers.holds import release_due, unavailable
from device_gateway.handlers.paper import queue_papers
from device_gateway.handlers.terminal import recover
from device_gateway.handlers.verdicts import note_overdue, overdue
from device_gateway.ports import ServiceRefused, ServiceUnavailable, UnfinishedBookings
from events import Ask, DomainError, Transient, handle

SWEEP_EVERY_S = 2.0
SWEEP_BOOKINGS_MAX = 500
UNTOUCHED_S = 2.0
"""A booking that just moved is somebody else's work still."""
ANSWER_WAIT_MAX_S = 30.0
"""A payment that another service was asked for, without an answer for so long, was given up by its
caller."""
OPEN_IDLE_MAX_S = 1800.0
"""A sale that nobody touched for so long is aborted."""

_log = logging.getLogger("device_gateway.recovery")


async def run_recovery(gateway: Gateway, unfinished: UnfinishedBookings) -> None:
    """Sweep until cancelled: at start, then again and again."""
    while True:
        try:
            await sweep(gateway, unfinished)
        except Transient as away:
            _log.warning("the sweep waits: %s", away)
        await asyncio.sleep(SWEEP_EVERY_S)


async def sweep(gateway: Gateway, unfinished: UnfinishedBookings) -> int:
    """Do what is due for every unfinished booking. Answers how many it looked at."""
    before = gateway.clock() - timedelta(seconds=UNTOUCHED_S)
    found = await unfinished.list(untouched_since=before, bookings_max=SWEEP_BOOKINGS_MAX)
    for each in found:
        try:
            await settle(gateway, await gateway.process(each.booking_id))
        except (ServiceUnavailable, ServiceRefused) as away:
            _log.warning("booking %s stays unfinished: %s", each.booking_id, away.code)
        except DomainError as lost:
            # Somebody moved the booking in the same moment; the next sweep sees it anew.
            _log.info("booking %s moved on: %s", each.booking_id, lost.code)
    return len(found)


async def settle(gateway: Gateway, booking: Booking) -> None:
    """One booking, as far as it can be brought now. Safe to repeat at any point."""
    now = gateway.clock()
    if booking.open:
        started = booking.started
        assert started is not None
        assert booking.last_at is not None
        # Taken before payments are given up: what the recovery does is no sign of life.
        touched_at = booking.last_at
        booking = await _give_up_silent_payments(gateway, booking, now)
        await _recover_cards(gateway, booking)
        # What is set aside waits for somebody, at the latest for the closing.
        idle = booking.parked is None and not _has_cards(booking)
        if idle and touched_at + timedelta(seconds=OPEN_IDLE_MAX_S) < now:
            booking_id = started.booking_id
            ask = Ask.of(f"idle/{booking_id}/{touched_at.isoformat()}", booking_id)
            booking = (await abort(gateway, booking, reason="idle", ask=ask)).booking
    if overdue(booking, now) and booking.overdue is None:
        booking = await note_overdue(gateway, booking)
    await queue_papers(gateway, booking, note=True)
    await release_due(gateway, booking)
    await give_back_due(gateway, booking)


async def _recover_cards(gateway: Gateway, booking: Booking) -> None:
    for tender in waiting(booking.tenders):
        if tender.status == "requested" and gateway.terminals is not None:
            await recover(gateway, booking, tender)


def _has_cards(booking: Booking) -> bool:
    """A card's money is here, or may be: only a person ends such a booking."""
    return bool(waiting(booking.tenders)) or bool(taken_by_terminals(booking))


async def _give_up_silent_payments(gateway: Gateway, booking: Booking, now: datetime) -> Booking:
    """Without the code nobody but the caller could ask again, and the caller is gone."""
    assert booking.started is not None
    booking_id = booking.started.booking_id
    for tender in booking.tenders:
        silent = tender.status == "requested" and tender.since is not None
        if tender.terminal is not None:
            continue  # Only its terminal, or a person, knows.
        if not silent or tender.since + timedelta(seconds=ANSWER_WAIT_MAX_S) > now:  # type: ignore[operator]  # silent says so
            continue
        command = NoteRefused(
            booking_id=booking_id,
            payment_id=tender.payment_id,
            code=unavailable(tender.kind).code,
            detail="no answer came, and nobody asked again",
            status=unavailable(tender.kind).status,
            release_due=True,
            now=now,
        )
        ask = Ask.of(f"silent/{tender.payment_id}", tender.payment_id)
        stream = booking_stream(booking_id)
        booking = (await handle(gateway.store, BOOKING, stream, command, ask=ask)).state
    return booking
