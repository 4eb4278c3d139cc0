"""The bus: what both adapters promise, and nothing that only one of them offers.

At least once; order per key; every group gets every record; members of a group share the keys and
never hold the same key at the same time; a new group starts at the beginning; what was not
acknowledged comes back after a restart or a take-over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from events.errors import RecordTooLarge

RECORD_BYTES_MAX = 512 * 1024
"""Key, headers and value together. An event has at most half of it (`EVENT_BYTES_MAX`)."""


@dataclass(frozen=True, slots=True)
class Record:
    """What travels: an ordering key, CloudEvents attributes as headers, the event's bytes."""

    key: str
    headers: Mapping[str, str]
    value: bytes

    @property
    def size(self) -> int:
        headers = sum(len(name) + len(value.encode()) for name, value in self.headers.items())
        return len(self.key.encode()) + headers + len(self.value)


def check_size(record: Record) -> None:
    """Raises `RecordTooLarge`. Every adapter asks before it sends anything."""
    if record.size > RECORD_BYTES_MAX:
        raise RecordTooLarge(
            f"{record.headers.get('ce_id', record.key)}: {record.size} bytes,"
            f" at most {RECORD_BYTES_MAX}"
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """Records in order per key. `mark` is the adapter's own note of how far they reach."""

    records: Sequence[Record]
    mark: object

    def __bool__(self) -> bool:
        return bool(self.records)


class KeysLost(Exception):
    """The batch belongs to keys that another member holds now; its effects were repeated there.

    Harmless for a receiver: it fetches on, and the inbox answers what comes twice.
    """


class Subscription(Protocol):
    """One member of a group, reading one topic.

    Batches are acknowledged in the order in which they were fetched. Keys that another member waits
    for are given up when nothing that was fetched is left unacknowledged, or after a bounded time.
    """

    async def fetch(self, *, records_max: int, wait_s: float) -> Batch:
        """The next records after the ones fetched before; empty after `wait_s` or on close."""
        ...

    async def acknowledge(self, batch: Batch) -> None:
        """Never deliver these records to this group again.

        Raises `KeysLost` where some of them belong to another member now (which ones it does not
        say), `Transient` where the backend is away: ask again.
        """
        ...

    async def rewind(self) -> None:
        """Start again at the beginning of the topic (only sensible with one member)."""
        ...


class Bus(Protocol):
    """Raises `Transient` when the backend is away, `RecordTooLarge` before anything is sent."""

    async def publish(self, topic: str, records: Sequence[Record]) -> None:
        """Store all records durably, in order per key, before returning."""
        ...

    def subscribe(self, topic: str, *, group: str) -> AbstractAsyncContextManager[Subscription]:
        """Join the group. Leaving the context gives the keys back to the others."""
        ...

    async def ensure_topics(self, topics: Sequence[str]) -> None:
        """Create what is missing. Safe to call from every process."""
        ...

    async def healthy(self) -> bool:
        """Whether the backend answers now."""
        ...

    async def close(self) -> None:
        """Twice is fine."""
        ...
