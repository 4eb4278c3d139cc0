"""The events of the store's contract, and how its tests make and read a log."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from events.event import Event, Recorded, Registry, event_type
from events.handle import input_hash
from events.store.chain import GENESIS, content_hash, entry_hash
from events.store.contract import (
    AppendRequest,
    Claim,
    EventStore,
    NewEvents,
)
from events.store.prepare import encode_metadata
from events.version import ANY, ExpectedVersion

DEADLINE_S = 30.0


@event_type("counter.counted")
class Counted(Event):
    """The event of the suite."""

    n: int
    text: str = ""


@event_type("counter.closed")
class Closed(Event):
    """Nothing counts after it."""


@event_type("counter.unregistered")
class Unregistered(Event):
    """No registry knows it."""


REGISTRY = Registry(Counted, Closed)


def counted(
    stream: str,
    *numbers: int,
    expected: ExpectedVersion = ANY,
    key: str = "",
    value: str = "",
    claims: Sequence[Claim] = (),
    text: str = "",
) -> AppendRequest:
    """A request that counts `numbers` on one stream."""
    return AppendRequest(
        key=key or str(uuid4()),
        input_hash=input_hash(value or "the input"),
        streams=(NewEvents(stream, expected, [Counted(n=n, text=text) for n in numbers]),),
        claims=claims,
    )


def closed(stream: str) -> AppendRequest:
    """A request that ends one stream."""
    parts = (NewEvents(stream, ANY, [Closed()]),)
    return AppendRequest(key=str(uuid4()), input_hash=input_hash("the end"), streams=parts)


def numbers_of(entries: Sequence[Recorded]) -> list[int]:
    return [entry.event.n for entry in entries if isinstance(entry.event, Counted)]


async def whole_log(store: EventStore) -> list[Recorded]:
    """The log, read in pages; its gaplessness and hash chain are asserted on the way."""
    log: list[Recorded] = []
    while page := await store.read(after=len(log), records_max=500):
        log.extend(page)
    previous, versions = GENESIS, dict[str, int]()
    for place, entry in enumerate(log, start=1):
        assert entry.position == place
        assert entry.version == versions.get(entry.stream, 0) + 1
        versions[entry.stream] = entry.version
        content = content_hash(
            stream=entry.stream,
            event_id=entry.event_id,
            name=entry.name,
            schema_version=entry.schema_version,
            data=entry.data,
            metadata=encode_metadata(entry.metadata),
            idempotency_key=entry.idempotency_key,
            recorded_at=entry.recorded_at,
        )
        assert entry.previous_hash == previous
        previous = entry_hash(
            previous=previous, position=place, version=entry.version, content=content
        )
        assert entry.hash == previous
    return log
