"""Looks after the line to the voucher service, and after what was taken while it was down."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from device_gateway.decider.offline import OFFLINE, SettleOffline
from device_gateway.events import OfflineAccepted
from device_gateway.handlers.gateway import Gateway, offline_stream
from device_gateway.handlers.offline import given_back
from device_gateway.ports import (
    OfflineRules,
    VoucherDesk,
    VoucherRefused,
    VoucherUnavailable,
    VoucherUnreachable,
)
from events import Ask, Transient, handle, state_of

LOOK_EVERY_S = 1.0
REFRESH_EVERY = timedelta(minutes=5)
"""How often a store's rules are heard while the line is up."""

RETRY_AFTER = timedelta(seconds=30)
"""After an answer that told no rules."""

ASK_AGAIN_FIRST = timedelta(seconds=2)
ASK_AGAIN_MAX = timedelta(minutes=5)
"""How long what was taken waits for the next question whether it is booked."""

_log = logging.getLogger("device_gateway.offline")


@dataclass
class OfflineWatch:
    """One per process; several do the same work twice and no harm."""

    gateway: Gateway
    desk: VoucherDesk
    stores: Sequence[str]
    """Whose rules are worth hearing: the chain file lets them take vouchers without a line."""
    any_store: str
    """Of whom to ask where the only question is whether somebody answers."""
    _heard: dict[str, datetime] = field(default_factory=dict)
    _idle: set[str] = field(default_factory=set)
    """Stores of which nothing is open, as far as this process knows."""
    _again: dict[str, tuple[datetime, timedelta]] = field(default_factory=dict)

    async def run(self) -> None:
        """Look around until cancelled."""
        while True:
            try:
                await self.look()
            except Transient as away:
                _log.warning("the look at the line waits: %s", away)
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Hear what rules are due, and follow up what was taken. Raises `Transient` where the own
        database is away."""
        try:
            await self._hear()
            for store_id in self.stores:
                await self._follow_up(store_id)
        except VoucherUnreachable as away:
            _log.debug("nobody to ask: %s", away.detail)
        except VoucherUnavailable as away:
            _log.warning("what was taken without a line stays open: %s", away.detail)

    async def _hear(self) -> None:
        now, line = self.gateway.clock(), self.gateway.voucher_line
        due = [
            store_id
            for store_id in self.stores
            if store_id not in self._heard or now - self._heard[store_id] >= REFRESH_EVERY
        ]
        if not due and line is not None and not line.state.up:
            await self._rules(self.any_store)
        for store_id in due:
            rules = await self._rules(store_id)
            if rules is None:
                # The rules that are kept grow too old, and then nothing is taken any more.
                self._heard[store_id] = now - REFRESH_EVERY + RETRY_AFTER
                continue
            if self.gateway.offline is not None:
                await self.gateway.offline.keep(rules)
            self._heard[store_id] = now

    async def _rules(self, store_id: str) -> OfflineRules | None:
        """None: somebody answered, and told none. Raises `VoucherUnreachable`."""
        try:
            return await self.desk.offline_rules(store_id)
        except VoucherUnreachable:
            raise
        except (VoucherRefused, VoucherUnavailable) as no:
            _log.warning("no offline rules for store %s: %s", store_id, no.detail or no.code)
            return None

    async def _follow_up(self, store_id: str) -> None:
        stream = offline_stream(store_id)
        known = self.gateway.store.streams.cached(stream)
        if known is None and store_id in self._idle:
            return
        if known is None:
            known = await state_of(self.gateway.store, OFFLINE, stream)
        _, book = known
        if not book.open:
            self._idle.add(store_id)
            return
        self._idle.discard(store_id)
        for taken in tuple(book.open.values()):
            await self._ask_about(taken)

    async def _ask_about(self, taken: OfflineAccepted) -> None:
        now = self.gateway.clock()
        due_at, wait = self._again.get(taken.hold_id, (now, ASK_AGAIN_FIRST))
        if now < due_at:
            return
        self._again[taken.hold_id] = (now + wait, min(2 * wait, ASK_AGAIN_MAX))
        if await self._ended(taken):
            del self._again[taken.hold_id]

    async def _ended(self, taken: OfflineAccepted) -> bool:
        booking = await self.gateway.booking(taken.booking_id)
        if booking.aborted is not None:
            # The process that aborted it died before it said so here.
            await given_back(self.gateway, booking)
            return True
        if booking.recorded is None:
            return False
        try:
            captured = await self.desk.captured(taken.hold_id, taken.amount.currency)
        except VoucherRefused as no:
            _log.warning("what became of hold %s is not told: %s", taken.hold_id, no.code)
            return False
        if captured is None:
            return False
        command = SettleOffline(taken.hold_id, captured, self.gateway.clock())
        ask = Ask.of(f"offline/settled/{taken.hold_id}", taken.hold_id)
        stream = offline_stream(taken.store_id)
        await handle(self.gateway.store, OFFLINE, stream, command, ask=ask)
        return True
