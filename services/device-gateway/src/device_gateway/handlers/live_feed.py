"""Tells the screens what the log says: also what another process of the same store has written."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.lines import Lines, Unsent
from device_gateway.handlers.live import LiveEvent
from events import Recorded, Transient

PAGE_MAX = 500
WAIT_S = 1.0
AWAY_S = 1.0

BOOKINGS_MAX = 10_000
"""Bookings whose till is remembered; parts of older ones are not told."""

LATE_S = 1.0
"""A verdict that is not here so long after `sign_by` is late."""

STATES: Mapping[str, str] = {
    "booking.started": "open",
    "booking.lines_added": "changed",
    "booking.line_voided": "changed",
    "booking.line_changed": "changed",
    "booking.line_prepared": "changed",
    "booking.line_refused": "changed",
    "payment.accepted": "changed",
    "payment.requested": "changed",
    "payment.held": "changed",
    "payment.refused": "changed",
    "payment.reopened": "changed",
    "booking.parked": "parked",
    "booking.resumed": "open",
    "booking.recorded": "recorded",
    "training.recorded": "recorded",
    "booking.aborted": "aborted",
}
"""What a page is told about a booking; it reads the booking itself."""

NUMBERED = frozenset(
    {"booking.recorded", "training.recorded", "booking.aborted", "booking.ordered", "cash.moved"}
)
"""What the signer owes a verdict for."""

NAMES = frozenset(STATES) | NUMBERED | {
    "booking.verdict_received",
    "store.tse_out",
    "store.tse_back",
    "cashier.signed_in",
    "cashier.signed_out",
}  # fmt: skip


@dataclass
class LiveFeed:
    """One per process, from the end of the log on."""

    gateway: Gateway
    lines: Lines | None = None
    _tills: OrderedDict[str, tuple[str, str]] = field(default_factory=OrderedDict)
    _owed: dict[str, datetime] = field(default_factory=dict)
    """Booking → `sign_by`, until its verdict is here."""

    async def run(self) -> None:
        """Tell until cancelled."""
        position: int | None = None
        while True:
            try:
                if position is None:
                    position = await self.gateway.store.head()
                position = await self.step(position)
                self._look_at_signer()
                await self.gateway.store.wait_for_append(after=position, wait_s=WAIT_S)
            except Transient as away:
                _log.warning("screens hear nothing: %s", away)
                await asyncio.sleep(AWAY_S)

    async def step(self, position: int) -> int:
        """Tell what was stored after `position`, as far as the log goes now."""
        while True:
            found = await self.gateway.store.read_named(NAMES, after=position, records_max=PAGE_MAX)
            for recorded in found.recorded:
                self._tell(recorded)
            position = found.position
            if found.at_end:
                return position

    def _tell(self, recorded: Recorded) -> None:
        event: Any = recorded.event
        name, at = recorded.name, recorded.recorded_at
        if name.startswith("store."):
            state = "out" if name == "store.tse_out" else "back"
            told = LiveEvent("tse", {"tse": event.tse_id, "state": state}, at)
            self.gateway.live.tell(event.store_id, None, told)
            return
        if name.startswith("cashier."):
            cashier = event.cashier_id if name == "cashier.signed_in" else ""
            told = LiveEvent("cashier", {"cashier_id": cashier}, at)
            self.gateway.live.tell(event.store_id, event.till_id, told)
            return
        self._tell_booking(name, event, at)

    def _tell_booking(self, name: str, event: Any, at: datetime) -> None:
        booking_id: str = event.booking_id
        if name in NUMBERED:
            self._owe(booking_id, event.sign_by)
        till = self._till_of(event)
        if name == "booking.verdict_received":
            self._heard(booking_id)
            told = LiveEvent("verdict", {"booking_id": booking_id, "verdict": event.verdict}, at)
        elif name in STATES:
            told = LiveEvent("booking", {"booking_id": booking_id, "state": STATES[name]}, at)
        else:
            return
        if till is not None:
            self.gateway.live.tell(*till, told)

    def _till_of(self, event: Any) -> tuple[str, str] | None:
        till_id: str | None = getattr(event, "till_id", None)
        if till_id is None:
            return self._tills.get(event.booking_id)
        self._tills[event.booking_id] = (event.store_id, till_id)
        while len(self._tills) > BOOKINGS_MAX:
            self._tills.popitem(last=False)
        return event.store_id, till_id

    def _owe(self, booking_id: str, sign_by: datetime) -> None:
        if len(self._owed) < BOOKINGS_MAX:
            self._owed[booking_id] = sign_by

    def _heard(self, booking_id: str) -> None:
        self._owed.pop(booking_id, None)
        if self.lines is not None:
            self.lines.saw("signer", not self._late())

    def _late(self) -> list[datetime]:
        now = self.gateway.clock()
        return [by for by in self._owed.values() if now > by + timedelta(seconds=LATE_S)]

    def _look_at_signer(self) -> None:
        """Nothing owed and nothing heard shows nothing: a shop that sells nothing is not told."""
        if self.lines is None:
            return
        late = self._late()
        self.lines.unsigned = Unsent(len(late), min(late, default=None))
        if late:
            self.lines.saw("signer", False)


_log = logging.getLogger("device_gateway.live")
