"""The hash chain over a log: each entry's hash covers its content, its place and the one before.

`content_hash` is computed by the writer before the log's lock is taken; the entry's place is only
known under the lock, so `entry_hash` adds it there (in SQL for PostgreSQL, with the same bytes).
"""

from __future__ import annotations

import hashlib
import struct
from datetime import datetime
from uuid import UUID

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
    """SHA-256 over the fields, each with its length in front, so that no two can be confused."""
    parts = (
        stream.encode(),
        event_id.bytes,
        name.encode(),
        str(schema_version).encode(),
        data,
        metadata,
        idempotency_key.encode(),
        recorded_at.isoformat(timespec="microseconds").encode(),
    )
    return hashlib.sha256(
        b"".join([len(part).to_bytes(4, "big") + part for part in parts])
    ).digest()


def entry_hash(*, previous: bytes, position: int, version: int, content: bytes) -> bytes:
    """SHA-256(previous ‖ position as int64 ‖ version as int32 ‖ content), big-endian."""
    return hashlib.sha256(previous + struct.pack(">qi", position, version) + content).digest()
