"""The relay: a service's own log, in order, onto the bus. The log is the outbox.

A page is published, the bus says that it has it, the checkpoint moves. A crash in between publishes
the page again: duplicates, never a loss, and never an order in which a later event comes first.
Two relays of one log would be safe for the same reason; a lease keeps the second one idle.
"""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from events import telemetry
from events.bus.contract import Bus, Record
from events.cloudevents import to_record
from events.errors import LogBroken, Transient
from events.event import Recorded
from events.publication import Publication
from events.schema import schema_id
from events.store.checkpoints import Advance, Checkpoints
from events.store.contract import EventStore

PAGE_MAX = 500
"""How many log entries are read and published at once."""

UNSAVED_MAX = 1_000
"""Entries that are not published may be read so far past the checkpoint."""

WAIT_S = 5.0
"""How long the relay waits for an append before it looks and measures its lag anyway."""

BACKOFF_FIRST_S = 0.05
BACKOFF_MAX_S = 5.0

CHECKPOINT = "relay"

_log = logging.getLogger(__name__)


class Lease(Protocol):
    """At most one holder at a time; the others wait."""

    def held(self) -> AbstractAsyncContextManager[LeaseHeld]:
        """Wait for the lease and hold it. Raises `Transient` where it can't be asked for."""
        ...


class LeaseHeld(Protocol):
    async def check(self) -> None:
        """Raises `Transient` when the lease was lost."""
        ...


async def run_relay(
    store: EventStore,
    bus: Bus,
    publication: Publication,
    checkpoints: Checkpoints,
    *,
    lease: Lease | None = None,
    page_max: int = PAGE_MAX,
) -> None:
    """Publish what `publication` names, for ever. Waits out `Transient`.

    Ends with an exception only for a defect: `LogBroken` (a gap), `RecordTooLarge`, a faulty key.
    """
    relay = Relay(store, bus, publication, checkpoints, page_max=page_max)
    attempt = 0
    while True:
        try:
            if lease is None:
                await _serve(relay, None)
            else:
                async with lease.held() as held:
                    await _serve(relay, held)
        except Transient as fault:
            attempt = 0 if relay.moved else attempt + 1
            relay.moved = False
            relay.forget()
            _log.warning("%s: the relay waits: %s", store.service, fault)
            await asyncio.sleep(backoff_s(attempt))


async def _serve(relay: Relay, lease: LeaseHeld | None) -> None:
    """Page after page, until the lease or the bus is lost (`Transient`)."""
    while True:
        if await relay.step(lease) < relay.page_max:
            await relay.wait()


class Relay:
    """A relay that is driven page by page; `run_relay` drives it for ever.

    `moved` turns True with every page that is through, for whoever counts failures in a row.
    """

    def __init__(
        self,
        store: EventStore,
        bus: Bus,
        publication: Publication,
        checkpoints: Checkpoints,
        *,
        page_max: int = PAGE_MAX,
    ) -> None:
        self.moved = False
        self.page_max = page_max
        self._store = store
        self._bus = bus
        self._publication = publication
        self._checkpoints = checkpoints
        self._names = frozenset(cls.event_name for cls in publication.events)
        self._position: int | None = None
        """How far the log is read; None: not asked yet, or not since a fault."""
        self._saved = 0
        """Where the checkpoint stands."""

    async def step(self, lease: LeaseHeld | None = None) -> int:
        """Publish the next page of the log, at most `page_max` entries; answers how many there
        were. Nothing was lost by a fault in between: the next step asks where to go on.

        Raises `Transient`; `LogBroken`, `RecordTooLarge` and a faulty key's error for a defect.
        """
        before, self._position = self._position, None
        if before is None:
            await self._bus.ensure_topics([self._publication.topic])
            before = self._saved = await self._checkpoints.load(CHECKPOINT)
        page = await self._store.read(after=before, records_max=self.page_max)
        if lease is not None:
            await lease.check()
        self._position = await self._publish(before, page) if page else before
        if len(page) == self.page_max:
            telemetry.relay_lag(self._store.service, await self._store.head() - self._position)
        return len(page)

    def forget(self) -> None:
        """Ask for the checkpoint before the next step: another relay may have worked meanwhile."""
        self._position = None

    async def wait(self) -> None:
        """At the end of the log: return when it has grown, or after `WAIT_S`."""
        telemetry.relay_lag(self._store.service, 0)
        await self._store.wait_for_append(after=self._position or 0, wait_s=WAIT_S)

    async def _publish(self, position: int, page: list[Recorded]) -> int:
        for number, recorded in enumerate(page, start=position + 1):
            if recorded.position != number:
                raise LogBroken(f"{self._store.service}: {number} is missing in the log")
        records = [self._record(entry) for entry in page if entry.name in self._names]
        end = page[-1].position
        if not records and end - self._saved < UNSAVED_MAX:
            # Nothing went out, so nothing has to be remembered: after a crash it is skipped again.
            return end
        with telemetry.publishing(self._store.service, len(records)):
            await self._bus.publish(self._publication.topic, records)
        # Only now, when the bus has said that it has them.
        outcome = await self._checkpoints.advance(CHECKPOINT, self._saved, end)
        self.moved = True
        if outcome is not Advance.MOVED:
            # Another relay was here: go on from where it stands.
            end = await self._checkpoints.load(CHECKPOINT)
        self._saved = end
        return end

    def _record(self, recorded: Recorded) -> Record:
        return to_record(
            recorded,
            source=self._store.service,
            key=self._publication.ordering_key(recorded),
            dataschema=schema_id(self._publication.topic, recorded.name, recorded.schema_version),
        )


def backoff_s(attempt: int) -> float:
    """Growing, capped and jittered, so that many who wait do not come back together."""
    ceiling = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** min(attempt, 16))
    return random.uniform(ceiling / 2, ceiling)  # noqa: S311  (jitter, not a secret)
