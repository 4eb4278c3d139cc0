"""Shifts that nobody closed are closed once their business day is over, without a count."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from device_gateway.decider.store import STORE
from device_gateway.handlers.closings import close_till
from device_gateway.handlers.ending import abort
from device_gateway.handlers.gateway import Gateway, store_stream
from device_gateway.handlers.shifts import newest_shift
from device_gateway.handlers.vouchers import sub_ask
from events import Ask, DomainError, Metadata, Transient, state_of

LOOK_EVERY_S = 60.0

_log = logging.getLogger("device_gateway.closings")


UNATTENDED_AT = time(0, 0)
"""When an unattended till closes where its store has no time of day: nobody else does it."""


async def run_closings(
    gateway: Gateway, times: Mapping[str, time], unattended: Mapping[str, Sequence[str]]
) -> None:
    """Look until cancelled. `times`: store → its time of day; a store that is not named closes by
    hand alone, its `unattended` tills apart."""
    while True:
        try:
            await close_due(gateway, times)
            await close_unattended(gateway, times, unattended)
        except Transient as away:
            _log.warning("closings wait: %s", away)
        await asyncio.sleep(LOOK_EVERY_S)


async def close_due(gateway: Gateway, times: Mapping[str, time]) -> int:
    """Close what is due. Answers how many shifts were closed."""
    closed = 0
    for store_id, at in times.items():
        _, store = await state_of(gateway.store, STORE, store_stream(store_id))
        if store.master_data is None:
            continue
        end = last_end(gateway.clock(), at, ZoneInfo(store.master_data.time_zone))
        for till_id in store.tills:
            closed += await _close(gateway, store_id, till_id, end)
    return closed


async def close_unattended(
    gateway: Gateway, times: Mapping[str, time], unattended: Mapping[str, Sequence[str]]
) -> int:
    """The same for unattended tills of stores without a time of day."""
    closed, now = 0, gateway.clock()
    for store_id, tills in unattended.items():
        if store_id in times:
            continue
        _, store = await state_of(gateway.store, STORE, store_stream(store_id))
        if store.master_data is None:
            continue
        end = last_end(now, UNATTENDED_AT, ZoneInfo(store.master_data.time_zone))
        for till_id in tills:
            closed += await _close(gateway, store_id, till_id, end)
    return closed


def last_end(now: datetime, at: time, zone: ZoneInfo) -> datetime:
    """When the last business day ended: the newest `at` in the store's time zone."""
    local = now.astimezone(zone)
    end = datetime.combine(local.date(), at, zone)
    return end if end <= local else datetime.combine(local.date() - timedelta(days=1), at, zone)


async def _close(gateway: Gateway, store_id: str, till_id: str, end: datetime) -> int:
    _, shift = await newest_shift(gateway, till_id)
    if not shift.open or shift.opened is None or shift.opened.opened_at >= end:
        return 0
    name = f"automatic/{till_id}/{shift.opened.shift}"
    ask = Ask.of(name, name, metadata=Metadata(actor="policy:automatic_closing"))
    try:
        await _end_parked(gateway, shift.begun, ask)
        await close_till(
            gateway,
            store_id=store_id,
            till_id=till_id,
            counted=None,
            skim=None,
            abort_open=False,
            cashier_id=None,
            ask=ask,
            automatic=True,
        )
    except DomainError as open_:
        # A booking that nobody touches is aborted after half an hour; the next look closes.
        _log.info("till %s stays open: %s", till_id, open_.code)
        return 0
    return 1


async def _end_parked(gateway: Gateway, begun: Sequence[str], ask: Ask) -> None:
    """What was set aside waits no longer than its shift."""
    for booking_id in begun:
        booking = await gateway.booking(booking_id)
        if booking.open and booking.parked is not None:
            step = sub_ask(ask, f"abort/{booking_id}")
            await abort(gateway, booking, reason="closing", ask=step)
