"""The store and the bus in memory. Real adapters of the contracts, for tests and simulations."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

from events.errors import (
    ClaimTaken,
    EventTooLarge,
    IdempotencyKeyReused,
    Transient,
    WrongExpectedVersion,
)
from events.event import EVENT_BYTES_MAX, Recorded, Registry, encode
from events.store.chain import GENESIS, content_hash, entry_hash
from events.store.contract import Appended, AppendRequest, Take
from events.store.streams import Streams
from events.testing.memory_bus import MemoryBus, MemorySubscription
from events.version import holds

__all__ = ["MemoryBus", "MemoryEventStore", "MemorySubscription"]


def _now() -> datetime:
    return datetime.now(UTC)


class MemoryEventStore:
    """One service's log as a list. `crash_before`/`lose_answer` let a test break an append."""

    def __init__(
        self,
        service: str,
        registry: Registry,
        *,
        clock: Callable[[], datetime] = _now,
        new_id: Callable[[], UUID] = uuid4,
    ) -> None:
        self.service = service
        self.registry = registry
        self.streams = Streams()
        self.log: list[Recorded] = []
        self._clock = clock
        self._new_id = new_id
        self._versions: dict[str, int] = {}
        self._decided: dict[str, tuple[bytes, Appended]] = {}
        self._claims: dict[str, str] = {}
        self._grown = asyncio.Condition()
        self.lose_answer = False
        """The next append is stored, then raises `Transient`: the answer to COMMIT was lost."""
        self.fail_before = False
        """The next append raises `Transient` before anything is stored."""

    async def append(self, request: AppendRequest) -> Appended:
        if self.fail_before:
            self.fail_before = False
            raise Transient("the store is away")
        stored = await self.outcome(request.key, request.input_hash)
        if stored is not None:
            return stored
        self._check(request)
        recorded = self._record(request)
        self.log.extend(recorded)
        for entry in recorded:
            self._versions[entry.stream] = entry.version
        for claim in request.claims:
            if isinstance(claim, Take):
                self._claims[claim.key] = claim.owner
            elif self._claims.get(claim.key) == claim.owner:
                del self._claims[claim.key]
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

    def _check(self, request: AppendRequest) -> None:
        for part in request.streams:
            actual = self._versions.get(part.stream, 0)
            if not holds(part.expected, actual):
                raise WrongExpectedVersion(part.stream, part.expected, actual)
            for event in part.events:
                if len(encode(event)) > EVENT_BYTES_MAX:
                    raise EventTooLarge(
                        f"{event.event_name} is larger than {EVENT_BYTES_MAX} bytes"
                    )
        for claim in request.claims:
            owner = self._claims.get(claim.key)
            if isinstance(claim, Take) and owner not in (None, claim.owner):
                raise ClaimTaken(claim.key, owner or "")

    def _record(self, request: AppendRequest) -> list[Recorded]:
        now = self._clock()
        metadata = json.dumps(request.metadata.as_json()).encode()
        recorded: list[Recorded] = []
        previous = self.log[-1].hash if self.log else GENESIS
        position = len(self.log)
        for part in request.streams:
            version = self._versions.get(part.stream, 0)
            for event in part.events:
                position, version = position + 1, version + 1
                data, event_id = encode(event), self._new_id()
                content = content_hash(
                    stream=part.stream,
                    event_id=event_id,
                    name=event.event_name,
                    schema_version=event.event_version,
                    data=data,
                    metadata=metadata,
                    idempotency_key=request.key,
                    recorded_at=now,
                )
                hashed = entry_hash(
                    previous=previous, position=position, version=version, content=content
                )
                recorded.append(
                    Recorded(
                        position=position,
                        stream=part.stream,
                        version=version,
                        event_id=event_id,
                        event=self.registry.decode(event.event_name, event.event_version, data),
                        name=event.event_name,
                        schema_version=event.event_version,
                        data=data,
                        metadata=request.metadata,
                        idempotency_key=request.key,
                        recorded_at=now,
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
        return [entry for entry in self.log if entry.stream == stream and entry.version > after]

    async def read(self, *, after: int, records_max: int) -> list[Recorded]:
        return self.log[after : after + records_max]

    async def owner_of(self, claim: str) -> str | None:
        return self._claims.get(claim)

    async def head(self) -> int:
        return len(self.log)

    async def wait_for_append(self, *, after: int, wait_s: float) -> None:
        try:
            async with asyncio.timeout(wait_s), self._grown:
                await self._grown.wait_for(lambda: len(self.log) > after)
        except TimeoutError:
            return
