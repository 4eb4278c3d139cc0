"""Step 6: the signer's verdict, and those who wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from datetime import datetime, timedelta

from device_gateway.commands import NoteOverdue, NoteVerdict
from device_gateway.decider.booking import BOOKING
from device_gateway.decider.booking_state import Booking
from device_gateway.events import VerdictReceived
from device_gateway.handlers.gateway import Gateway, booking_stream
from device_gateway.handlers.paper import queue_papers
from events import Ask, handle
from kassenverbund.kit.auth import Unauthenticated

PREFER_WAIT_MAX_S = 10
"""The longest that a request waits for a verdict (`Prefer: wait=N`)."""
POLL_S = 0.2
"""How often a waiting request looks itself: another process may have got the verdict."""
ALLOWED_EVERY_S = 1.0
"""How often it is asked whether the caller may still have the answer."""
STILL_ALLOWED: ContextVar[Callable[[], Awaitable[bool]]] = ContextVar("still_allowed")
"""Set for a request that waits: whether its credentials are still good."""
OVERDUE_MARGIN_S = 5.0
"""After `sign_by` and this the signer counts as dead for a booking, and paper comes out."""


async def note_verdict(gateway: Gateway, verdict: VerdictReceived, *, ask: Ask) -> None:
    """Keep the verdict, wake who waits, print. Repeated or for a foreign booking: nothing."""
    stream = booking_stream(verdict.booking_id)
    done = await handle(gateway.store, BOOKING, stream, NoteVerdict(verdict), ask=ask)
    booking = done.state
    if done.repeated:
        booking = await gateway.process(verdict.booking_id)
    gateway.waiters.tell(verdict.booking_id, booking)
    if booking.final is not None:
        await queue_papers(gateway, booking)


async def with_verdict(gateway: Gateway, booking: Booking, *, wait_s: float) -> Booking:
    """The booking once its verdict is there, or as it is after `wait_s`. Raises `Unauthenticated`
    where the caller is revoked meanwhile."""
    if booking.final is None or booking.verdict is not None:
        return booking
    booking_id = booking.final.booking_id
    loop = asyncio.get_running_loop()
    checked = loop.time()
    deadline = checked + min(wait_s, PREFER_WAIT_MAX_S)
    allowed = STILL_ALLOWED.get(None)
    while True:
        left_s = deadline - loop.time()
        if left_s <= 0:
            return booking
        if allowed is not None and loop.time() - checked >= ALLOWED_EVERY_S:
            checked = loop.time()
            if not await allowed():
                raise Unauthenticated("revoked while it waited")
        told = await gateway.waiters.wait(booking_id, wait_s=min(POLL_S, left_s))
        booking = told or await gateway.process(booking_id)
        if booking.verdict is not None:
            return booking


def overdue(booking: Booking, now: datetime) -> bool:
    """Whether the signer has had its time and the margin, and said nothing."""
    final = booking.final
    return (
        final is not None
        and booking.verdict is None
        and now > final.sign_by + timedelta(seconds=OVERDUE_MARGIN_S)
    )


async def note_overdue(gateway: Gateway, booking: Booking) -> Booking:
    """The signer is dead: from now on this booking's paper carries the outage mark."""
    assert booking.final is not None
    booking_id = booking.final.booking_id
    command = NoteOverdue(booking_id, gateway.clock())
    ask = Ask.of(f"overdue/{booking_id}", booking_id)
    await handle(gateway.store, BOOKING, booking_stream(booking_id), command, ask=ask)
    return await gateway.process(booking_id)
