"""What the program takes from PostgreSQL and the machine, small enough to be read in a test."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from events import EventStore
from kassenverbund.kit.secrets import Secrets
from voucher import codes
from voucher.decider import VOUCHER, Issued

SECRETS = Secrets(root=b"r" * 32, key_id="test")


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


class MemoryDeliveries:
    """`voucher.ports.Deliveries` without encryption: the adapter has tests of its own."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[str, datetime]] = {}

    async def keep(self, voucher_id: str, code: str, *, until: datetime) -> str:
        return self.rows.setdefault(voucher_id, (code, until))[0]

    async def read(self, voucher_id: str) -> str | None:
        row = self.rows.get(voucher_id)
        return row[0] if row else None

    async def wipe(self, voucher_id: str) -> None:
        self.rows.pop(voucher_id, None)

    async def purge(self, now: datetime) -> int:
        late = [key for key, (_, until) in self.rows.items() if until <= now]
        for key in late:
            del self.rows[key]
        return len(late)


class MemoryAttempts:
    """`voucher.ports.Attempts` that counts and never locks."""

    def __init__(self) -> None:
        self.wrongs: list[str] = []

    async def locked_s(self, source: str, now: datetime) -> int:
        return 0

    async def wrong(self, source: str, now: datetime) -> int:
        self.wrongs.append(source)
        return 0

    async def purge(self, now: datetime) -> int:
        return 0


class LoggedPast:
    """`voucher.ports.PastVouchers`, read from the log."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def past(
        self, legal_entity_id: str, day: date, *, after: str, vouchers_max: int
    ) -> Sequence[str]:
        states: dict[str, Any] = {}
        for entry in await self._store.read(after=0, records_max=100_000):
            if entry.stream.startswith("voucher-"):
                before = states.get(entry.stream, VOUCHER.initial)
                states[entry.stream] = VOUCHER.evolve(before, entry.event)
        found = sorted(
            voucher.voucher_id
            for voucher in states.values()
            if isinstance(voucher, Issued)
            and voucher.legal_entity_id == legal_entity_id
            and voucher.status == "active"
            and any(part.left and part.valid_until < day for part in voucher.lots)
        )
        return [voucher_id for voucher_id in found if voucher_id > after][:vouchers_max]


def random_bytes_from(seed: str) -> codes.RandomBytes:
    """Different bytes at each call, the same in each run."""
    calls = 0

    def draw(size: int) -> bytes:
        nonlocal calls
        calls += 1
        raw = b"".join(uuid5(NAMESPACE_URL, f"{seed}/{calls}/{part}").bytes for part in range(2))
        return raw[:size]

    return draw
