"""What the program takes from PostgreSQL and the machine, small enough to be read in a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from events import EventStore
from events.store.pool import pool_for
from kassenverbund.kit.secrets import Secrets
from money import Money, euro
from voucher import codes
from voucher.decider import VOUCHER, Issued
from voucher.decider.catalogue import TemplateUnknown
from voucher.events import Effect, Restrictions, Terms

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

    async def keep_until(self, voucher_id: str, until: datetime) -> bool:
        if voucher_id not in self.rows:
            return False
        code, kept = self.rows[voucher_id]
        self.rows[voucher_id] = (code, max(kept, until))
        return True

    async def printed(self, voucher_id: str) -> None:
        await self.wipe(voucher_id)

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


@dataclass(frozen=True, slots=True)
class SomeTemplate:
    """`voucher.ports.Offered`."""

    terms: Terms
    value: Money | None = None
    price: Money | None = None
    years: int = 3

    def terms_on(self, rates: Mapping[str, tuple[int, int]]) -> Terms:
        if self.terms.vat is None:
            return self.terms
        rate, dsfinvk_key = rates[self.terms.vat]
        return self.terms.model_copy(update={"rate": rate, "dsfinvk_key": dsfinvk_key})

    def valid_until(self, day: date) -> date:
        return date(day.year + self.years, 12, 31)


TEMPLATES = {
    "rest": SomeTemplate(Terms(payout="below_minimum", payout_below=euro("5.00"))),
    "kulanz": SomeTemplate(Terms(payout="goodwill")),
    "buecher": SomeTemplate(Terms(restrictions=Restrictions(article_groups=("books",)))),
    "buecher-geschenk": SomeTemplate(
        Terms(
            funding="donated",
            reason="Foerderverein",
            restrictions=Restrictions(article_groups=("books",)),
        )
    ),
    "nur-berlin": SomeTemplate(Terms(restrictions=Restrictions(stores=("berlin",)))),
    "beide": SomeTemplate(Terms(restrictions=Restrictions(legal_entities=("hafen",)))),
    "kurz": SomeTemplate(Terms(), years=1),
    "winter-50": SomeTemplate(Terms(), value=euro("50.00"), price=euro("45.00")),
    "ausweis": SomeTemplate(
        Terms(
            funding="donated",
            reason="Foerderverein",
            effect=Effect(entitlement="library_card", months=12),
        ),
        value=euro("0.00"),
    ),
}


class SomeTemplates:
    """`voucher.ports.Templates` with one template per rule that a test may need."""

    async def find(self, template_id: str) -> SomeTemplate:
        if template_id not in TEMPLATES:
            raise TemplateUnknown(template_id)
        return TEMPLATES[template_id]

    async def known(self, template_id: str) -> SomeTemplate:
        return await self.find(template_id)


def pool_of(engine: AsyncEngine) -> asyncpg.Pool[Any]:
    """What a `Runtime` has to have. Opens nothing by itself, and this service uses none."""
    return pool_for(engine.url.render_as_string(hide_password=False), schema="voucher")
