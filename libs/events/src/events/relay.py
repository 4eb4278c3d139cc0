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
    relay = _Relay(store, bus, publication, checkpoints, page_max)
    attempt = 0
    while True:
        try:
            if lease is None:
                await relay.run(None)
            else:
                async with lease.held() as held:
                    await relay.run(held)
        except Transient as fault:
            attempt = 0 if relay.moved else attempt + 1
            relay.moved = False
            _log.warning("%s: the relay waits: %s", store.service, fault)
            await asyncio.sleep(backoff_s(attempt))


class _Relay:
    def __init__(
        self,
        store: EventStore,
        bus: Bus,
        publication: Publication,
        checkpoints: Checkpoints,
        page_max: int,
    ) -> None:
        self.moved = False
        self._store = store
        self._bus = bus
        self._publication = publication
        self._checkpoints = checkpoints
        self._page_max = page_max
        self._names = frozenset(cls.event_name for cls in publication.events)

    async def run(self, lease: LeaseHeld | None) -> None:
        await self._bus.ensure_topics([self._publication.topic])
        position = await self._checkpoints.load(CHECKPOINT)
        while True:
            page = await self._store.read(after=position, records_max=self._page_max)
            if lease is not None:
                await lease.check()
            if page:
                position = await self._publish(position, page)
            if len(page) == self._page_max:
                telemetry.relay_lag(self._store.service, await self._store.head() - position)
            if len(page) < self._page_max:
                telemetry.relay_lag(self._store.service, 0)
                await self._store.wait_for_append(after=position, wait_s=WAIT_S)

    async def _publish(self, position: int, page: list[Recorded]) -> int:
        for number, recorded in enumerate(page, start=position + 1):
            if recorded.position != number:
                raise LogBroken(f"{self._store.service}: {number} is missing in the log")
        records = [self._record(entry) for entry in page if entry.name in self._names]
        with telemetry.publishing(self._store.service, len(records)):
            await self._bus.publish(self._publication.topic, records)
        # Only now, when the bus has said that it has them.
        outcome = await self._checkpoints.advance(CHECKPOINT, position, page[-1].position)
        self.moved = True
        if outcome is Advance.MOVED:
            return page[-1].position
        # Another relay was here: go on from where it stands.
        return await self._checkpoints.load(CHECKPOINT)

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
