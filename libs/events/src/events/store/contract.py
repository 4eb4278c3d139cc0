"""What an event store promises, and the words of the one append primitive (design.md §4.4)."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from events.event import NO_METADATA, Event, Metadata, Recorded, Registry
from events.store.streams import Streams
from events.values import value
from events.version import ExpectedVersion


@value
class NewEvents:
    """Events for one stream, and the version that the decision was based on.

    Without events: the stream must still have this version when the rest is stored."""

    stream: str
    expected: ExpectedVersion
    events: Sequence[Event]


@dataclass(frozen=True, slots=True)
class Take:
    """Take the unique key `key` for `owner`. The same owner may take it again without effect."""

    key: str
    owner: str


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Give the unique key back. A key that nobody or somebody else holds is left alone.

    Claims act in the order of the request: give back and take in one request hands a key over."""

    key: str
    owner: str


Claim = Take | GiveBack


@value
class AppendRequest:
    """One decision: all of it is stored, or none. Each stream is named once.

    `key` is mandatory. Without it an append whose answer was lost could not be asked again.
    `input_hash` (sha-256 of the canonical input) tells a repeat from a key used twice.
    An append without events is allowed: it stores that the key was decided, and nothing else.
    """

    key: str
    input_hash: bytes
    streams: Sequence[NewEvents] = ()
    claims: Sequence[Claim] = ()
    metadata: Metadata = NO_METADATA


@dataclass(frozen=True, slots=True)
class Appended:
    """The stored outcome of an append."""

    key: str
    repeated: bool
    """True: the key had been decided before with the same input; nothing was stored now."""
    first_position: int
    """Position of the first event; 0 where the append held no event."""
    last_position: int
    recorded: tuple[Recorded, ...] = ()
    """The events as stored, also on a repeat."""


SPAN_PER_RECORD = 10
"""`read_named` looks at so many positions for each fact it may answer with: facts that nobody reads
are passed by quickly, and one look at the log stays short."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of the log, and those of its facts that were asked for."""

    recorded: list[Recorded]
    position: int
    """Where it ends. Nothing that was asked for is missing up to here."""
    at_end: bool
    """The log held no more at that moment."""


class EventStore(Protocol):
    """One service's log.

    Promises: an append is all or nothing and durable before it returns; positions are gapless and
    become visible in order; `(stream, version)` is unique; each entry's hash covers the one
    before it; an event is never changed.
    """

    service: str
    registry: Registry
    streams: Streams
    """The queues and cached states of this process; used by `events.handle` alone."""

    async def append(self, request: AppendRequest) -> Appended:
        """Store one decision.

        Raises `WrongExpectedVersion`, `ClaimTaken`, `IdempotencyKeyReused`, `EventTooLarge`,
        `TextRefused`, `UnknownEventType` (nothing stored); `Transient` where the outcome is
        unknown: ask again with the same key.
        """
        ...

    async def outcome(self, key: str, input_hash: bytes) -> Appended | None:
        """What was decided under `key`, or None. Raises `IdempotencyKeyReused`."""
        ...

    async def load(self, stream: str, *, after: int = 0) -> list[Recorded]:
        """The events of one stream with a version above `after`, in order."""
        ...

    async def read(self, *, after: int, records_max: int) -> list[Recorded]:
        """Up to `records_max` events of the log with a position above `after`, in order."""
        ...

    async def read_named(self, names: Set[str], *, after: int, records_max: int) -> Stretch:
        """The next stretch of the log above `after`, with up to `records_max` events of `names`.
        The others are neither fetched nor decoded.

        Raises `LogBroken` where a position is missing.
        """
        ...

    async def owner_of(self, claim: str) -> str | None:
        """Who holds a unique key now."""
        ...

    async def owners_of(self, claims: Sequence[str]) -> dict[str, str]:
        """Those of `claims` that are held now, with their owners. For many at once (an import)."""
        ...

    async def head(self) -> int:
        """Position of the newest event, 0 for an empty log."""
        ...

    async def wait_for_append(self, *, after: int, wait_s: float) -> None:
        """Return when the log has grown past `after` (soon after it did), or after `wait_s`."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found in one log."""

    service: str
    events: int
    head: int
    faults: tuple[str, ...]
    """Empty: the log is whole. Otherwise one sentence per fault, at most `FAULTS_MAX`."""
    head_hash: bytes = b""
    """Hash of the newest entry. Kept outside the database, it proves that nothing was cut off the
    end later: a log that was whole at this head still has this hash at this position."""

    @property
    def whole(self) -> bool:
        return not self.faults


@dataclass(frozen=True, slots=True)
class StoredRow:
    """The columns of one log entry, for `verify`, which trusts no object."""

    position: int
    stream: str
    version: int
    event_id: UUID
    name: str
    schema_version: int
    data: bytes
    metadata: bytes
    idempotency_key: str
    recorded_at: datetime
    previous_hash: bytes
    hash: bytes
