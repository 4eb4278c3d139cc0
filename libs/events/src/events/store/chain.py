"""The hash chain over a log: each entry's hash covers its content, its place and the one before.

`content_hash` is computed by the writer before the log's lock is taken; the entry's place is only
known under the lock, so `entry_hash` adds it there (in SQL for PostgreSQL, with the same bytes).
"""

from __future__ import annotations

import hashlib
import struct
from datetime import datetime, timedelta
from uuid import UUID

_LENGTHS = struct.Struct(">8i")
_UTC = timedelta(0)
_PLACE = struct.Struct(">qi")

GENESIS = bytes(32)
"""The `previous_hash` of the first entry."""


def content_hash(
    *,
    stream: str,
    event_id: UUID,
    name: str,
    schema_version: int,
    data: bytes,
    metadata: bytes,
    idempotency_key: str,
    recorded_at: datetime,
) -> bytes:
    """SHA-256 over the lengths of the eight fields (int32, big-endian) and then the fields, so that
    no two sets of fields can be confused. `recorded_at` is in UTC, in its ISO 8601 form with
    microseconds (`2026-11-22T06:12:43.000001+00:00`)."""
    return hash_of_fields(
        stream.encode(), event_id.bytes, name.encode(), b"%d" % schema_version, data, metadata,
        idempotency_key.encode(), instant(recorded_at).encode(),
    )  # fmt: skip


def hash_of_fields(*fields: bytes) -> bytes:
    """`content_hash` of fields that are encoded already, in its order."""
    return hashlib.sha256(_LENGTHS.pack(*map(len, fields)) + b"".join(fields)).digest()


def instant(recorded_at: datetime) -> str:
    """A time in UTC as it is hashed."""
    assert recorded_at.utcoffset() == _UTC
    return recorded_at.isoformat("T", "microseconds")


def entry_hash(*, previous: bytes, position: int, version: int, content: bytes) -> bytes:
    """SHA-256(previous ‖ position as int64 ‖ version as int32 ‖ content), big-endian."""
    return hashlib.sha256(previous + _PLACE.pack(position, version) + content).digest()
