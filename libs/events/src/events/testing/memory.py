"""The store and the bus in memory. Real adapters of the contracts, for tests and simulations."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Sequence, Set
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

from events.errors import (
    ClaimTaken,
    IdempotencyKeyReused,
    LogBroken,
    Transient,
    WrongExpectedVersion,
)
from events.event import Recorded, Registry
from events.store.chain import GENESIS, entry_hash
from events.store.checkpoints import Advance, verdict
from events.store.contract import Appended, AppendRequest, Stretch, Take
from events.store.prepare import Prepared, prepare, utc_now
from events.store.recent import stretch
from events.store.streams import Streams
from events.testing.memory_bus import MemoryBus, MemorySubscription
from events.version import holds

__all__ = ["MemoryBus", "MemoryCheckpoints", "MemoryEventStore", "MemorySubscription"]


class MemoryEventStore:
    """One service's log as a list. `fail_before`/`lose_answer` let a test break an append."""

    def __init__(
        self,
        service: str,
        registry: Registry,
        *,
        clock: Callable[[], datetime] = utc_now,
        new_id: Callable[[], UUID] = uuid4,
    ) -> None:
        self.service = service
        self.registry = registry
        self.streams = Streams()
        self.log: list[Recorded] = []
        self._clock = clock
        self._new_id = new_id
        self._by_stream: dict[str, list[Recorded]] = {}
        self._decided: dict[str, tuple[bytes, Appended]] = {}
        self._claims: dict[str, str] = {}
        self._grown = asyncio.Condition()
        self.lose_answer = False
        """The next append is stored, then raises `Transient`: the answer to COMMIT was lost."""
        self.fail_before = False
        """The next append raises `Transient` before anything is stored."""

    def another_process(self) -> MemoryEventStore:
        """The same log as another process sees it: nothing cached, nothing broken."""
        other = copy.copy(self)
        other.streams = Streams()
        other.lose_answer = other.fail_before = False
        return other

    async def append(self, request: AppendRequest) -> Appended:
        if self.fail_before:
            self.fail_before = False
            raise Transient("the store is away")
        prepared = prepare(request, self.registry, now=self._clock(), new_id=self._new_id)
        stored = await self.outcome(request.key, request.input_hash)
        if stored is not None:
            return stored
        self._check_versions(request)
        claimed = self._claimed(request)
        recorded = self._record(prepared)
        for key, owner in claimed.items():
            if owner is None:
                self._claims.pop(key, None)
            else:
                self._claims[key] = owner
        self.log.extend(recorded)
        for entry in recorded:
            self._by_stream.setdefault(entry.stream, []).append(entry)
        appended = Appended(
            key=request.key,
            repeated=False,
            first_position=recorded[0].position if recorded else 0,
            last_position=recorded[-1].position if recorded else 0,
            recorded=tuple(recorded),
        )
        self._decided[request.key] = (request.input_hash, appended)
        async with self._grown:
            self._grown.notify_all()
        if self.lose_answer:
            self.lose_answer = False
            raise Transient("the answer was lost")
        return appended

    def _check_versions(self, request: AppendRequest) -> None:
        for part in request.streams:
            actual = len(self._by_stream.get(part.stream, ()))
            if not holds(part.expected, actual):
                raise WrongExpectedVersion(part.stream, part.expected, actual)

    def _claimed(self, request: AppendRequest) -> dict[str, str | None]:
        """What the request's claims change. Raises `ClaimTaken`."""
        changed: dict[str, str | None] = {}
        for claim in request.claims:
            owner = changed.get(claim.key, self._claims.get(claim.key))
            if isinstance(claim, Take):
                if owner not in (None, claim.owner):
                    raise ClaimTaken(claim.key, owner or "")
                changed[claim.key] = claim.owner
            elif owner == claim.owner:
                changed[claim.key] = None
        return changed

    def _record(self, prepared: Prepared) -> list[Recorded]:
        recorded: list[Recorded] = []
        previous = self.log[-1].hash if self.log else GENESIS
        position = len(self.log)
        versions: dict[str, int] = {}
        for entry in prepared.entries:
            position += 1
            version = versions.get(entry.stream, len(self._by_stream.get(entry.stream, ()))) + 1
            versions[entry.stream] = version
            hashed = entry_hash(
                previous=previous, position=position, version=version, content=entry.content
            )
            name, schema_version = entry.event.event_name, entry.event.event_version
            recorded.append(
                Recorded(
                    position=position,
                    stream=entry.stream,
                    version=version,
                    event_id=entry.event_id,
                    event=self.registry.decode(name, schema_version, entry.data),
                    name=name,
                    schema_version=schema_version,
                    data=entry.data,
                    metadata=prepared.request.metadata,
                    idempotency_key=prepared.request.key,
                    recorded_at=prepared.recorded_at,
                    previous_hash=previous,
                    hash=hashed,
                )
            )
            previous = hashed
        return recorded

    async def outcome(self, key: str, input_hash: bytes) -> Appended | None:
        found = self._decided.get(key)
        if found is None:
            return None
        if found[0] != input_hash:
            raise IdempotencyKeyReused
        return replace(found[1], repeated=True)

    async def load(self, stream: str, *, after: int = 0) -> list[Recorded]:
        return self._by_stream.get(stream, [])[after:]

    async def read(self, *, after: int, records_max: int) -> list[Recorded]:
        return self.log[after : after + records_max]

    async def read_named(self, names: Set[str], *, after: int, records_max: int) -> Stretch:
        entries = self.log[after:]
        for position, entry in enumerate(entries, start=after + 1):
            if entry.position != position:
                raise LogBroken(f"{self.service}: {position} is missing")
        if not entries:
            return Stretch([], after, at_end=True)
        return stretch(entries, names, records_max=records_max)

    async def owner_of(self, claim: str) -> str | None:
        return self._claims.get(claim)

    async def owners_of(self, claims: Sequence[str]) -> dict[str, str]:
        return {claim: self._claims[claim] for claim in claims if claim in self._claims}

    async def head(self) -> int:
        return len(self.log)

    async def wait_for_append(self, *, after: int, wait_s: float) -> None:
        try:
            async with asyncio.timeout(wait_s), self._grown:
                await self._grown.wait_for(lambda: len(self.log) > after)
        except TimeoutError:
            return


class MemoryCheckpoints:
    """See `events.store.checkpoints.Checkpoints`."""

    def __init__(self) -> None:
        self.positions: dict[str, int] = {}

    async def load(self, name: str) -> int:
        return self.positions.get(name, 0)

    async def advance(self, name: str, expected: int, to: int) -> Advance:
        outcome = verdict(self.positions.get(name, 0), expected, to)
        if outcome is Advance.MOVED:
            self.positions[name] = to
        return outcome
