"""From a request to bytes: what every adapter does before it takes the log's lock.

Checks that need no look at the log happen here, so that all adapters refuse the same things.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from asyncpg.pgproto import pgproto

from events.errors import EventTooLarge, TextRefused, UnknownEventType
from events.event import EVENT_BYTES_MAX, NO_METADATA, Event, Metadata, Registry, encode
from events.store.chain import hash_of_fields, instant
from events.store.contract import AppendRequest
from events.version import Any as AnyVersion
from events.version import Exact, Exists, ExpectedVersion

# PostgreSQL's json type stores an escaped U+0000 and fails later, whoever reads it. A backslash
# that is escaped itself is harmless: an even number of them may stand before the `u`.
_NUL_IN_JSON = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def utc_now() -> datetime:
    """The default clock of a store."""
    return datetime.now(UTC)


def new_event_id() -> UUID:
    """A UUID of version 7 (RFC 9562): it begins with the time in ms, so the unique index over
    event ids grows at one end and stays in memory."""
    raw = bytearray((time.time_ns() // 1_000_000).to_bytes(6, "big") + os.urandom(10))
    raw[6] = raw[6] & 0x0F | 0x70
    raw[8] = raw[8] & 0x3F | 0x80
    # The driver's own class, as every id that is read has it: made, shown and sent in C.
    made: UUID = pgproto.UUID(bytes(raw))
    return made


# Not frozen: freezing makes an object three times as slow to create, and these live in here only.
@dataclass(slots=True)
class NewEntry:
    """One event, encoded; its place in the log is not known yet."""

    stream: str
    event: Event
    event_id: UUID
    data: bytes
    content: bytes
    """`chain.content_hash`."""


@dataclass(slots=True)
class Prepared:
    """One decision, encoded."""

    request: AppendRequest
    recorded_at: datetime
    at: str
    """The same time as it is hashed (`chain.instant`)."""
    metadata: bytes
    entries: list[NewEntry]
    """In the order of the request's streams."""
    size: int
    """Bytes, roughly: what limits a batch."""


def encode_metadata(metadata: Metadata) -> bytes:
    """The stored bytes of the metadata."""
    if metadata is NO_METADATA:
        return b"{}"
    document = metadata.as_json()
    return json.dumps(document).encode() if document else b"{}"


def expected_as_int(expected: ExpectedVersion) -> int:
    """`Exact(n)` is n, `ANY` -1, `EXISTS` -2 (the form that SQL gets)."""
    match expected:
        case Exact(version):
            return version
        case AnyVersion():
            return -1
        case Exists():
            return -2


def prepare(
    request: AppendRequest,
    registry: Registry,
    *,
    now: datetime,
    new_id: Callable[[], UUID] = new_event_id,
) -> Prepared:
    """Encode a request.

    Raises `EventTooLarge`, `TextRefused` (U+0000), `UnknownEventType` for an event that the
    registry could not read back, and ValueError for a request that makes no sense (a defect).
    """
    if not request.key or len(request.input_hash) != 32:
        raise ValueError("a request needs a key and the sha-256 of its input")
    streams = request.streams
    if len(streams) > 1 and len({part.stream for part in streams}) != len(streams):
        raise ValueError("a request names each stream once")
    _refuse_nul(request)
    now = now.astimezone(UTC)
    metadata = encode_metadata(request.metadata)
    if b"\\u0000" in metadata and _NUL_IN_JSON.search(metadata):
        raise TextRefused
    entries: list[NewEntry] = []
    size = len(metadata)
    at = instant(now)
    key_bytes, at_bytes = request.key.encode(), at.encode()
    for part in streams:
        stream_bytes = part.stream.encode()
        for event in part.events:
            name = event.event_name
            if registry.classes.get(name) is not type(event):
                raise UnknownEventType(f"{name} is not registered with {type(event).__name__}")
            data = encode(event)
            if len(data) > EVENT_BYTES_MAX:
                raise EventTooLarge(f"{name} is larger than {EVENT_BYTES_MAX} bytes")
            if b"\\u0000" in data and _NUL_IN_JSON.search(data):
                raise TextRefused
            event_id = new_id()
            content = hash_of_fields(
                stream_bytes, event_id.bytes, name.encode(), b"%d" % event.event_version, data,
                metadata, key_bytes, at_bytes,
            )  # fmt: skip
            entries.append(NewEntry(part.stream, event, event_id, data, content))
            size += len(data)
    return Prepared(request, now, at, metadata, entries, size)


def _refuse_nul(request: AppendRequest) -> None:
    found = "\x00" in request.key
    for part in request.streams:
        found = found or "\x00" in part.stream
    for claim in request.claims:
        found = found or "\x00" in claim.key or "\x00" in claim.owner
    if found:
        raise TextRefused
