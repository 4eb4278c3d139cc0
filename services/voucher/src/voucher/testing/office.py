"""The back office of the service over any event store: templates, presets, print runs, imports."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from events import Ask, Event, EventStore
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.secrets import Secrets
from money import Money, euro
from voucher.codes import RandomBytes
from voucher.decider.batch import Batch
from voucher.events import Article, ArticlePair, Terms, Validity
from voucher.handlers.batches import Batches
from voucher.handlers.catalogue import Catalogue, Defined
from voucher.handlers.exports import Exports, Sums
from voucher.handlers.import_file import ImportFile
from voucher.handlers.imports import Imports, Report
from voucher.handlers.names import Rules
from voucher.ports import BatchParts, BatchWork, VoucherStreams
from voucher.service_office import build_back_office

PAGE_STREAMS = 7

FEED_BYTES = 1_000
"""Files come in pieces of this size, so that lines are cut."""


class MemoryBatchParts:
    """`voucher.ports.BatchParts` without encryption: the adapter has tests of its own."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, int], tuple[bytes, datetime]] = {}

    async def keep(self, batch_id: str, part: int, content: bytes, *, until: datetime) -> bytes:
        return self.rows.setdefault((batch_id, part), (content, until))[0]

    async def read(self, batch_id: str, part: int) -> bytes | None:
        row = self.rows.get((batch_id, part))
        return row[0] if row else None

    async def wipe(self, batch_id: str, part: int | None = None) -> None:
        for key in list(self.rows):
            if key == (batch_id, part) or (part is None and key[0] == batch_id):
                del self.rows[key]

    async def purge(self, now: datetime) -> int:
        late = [key for key, (_, until) in self.rows.items() if until <= now]
        for key in late:
            del self.rows[key]
        return len(late)


class MemoryBatchWork:
    """`voucher.ports.BatchWork` of one process."""

    def __init__(self) -> None:
        self.rows: dict[str, datetime] = {}

    async def add(self, batch_id: str, now: datetime) -> None:
        self.rows.setdefault(batch_id, now)

    async def open(self) -> Sequence[tuple[str, datetime]]:
        return list(self.rows.items())

    async def done(self, batch_id: str) -> None:
        self.rows.pop(batch_id, None)

    @asynccontextmanager
    async def turn(self, batch_id: str) -> AsyncIterator[bool]:
        yield True


class MemoryVoucherStreams:
    """`voucher.ports.VoucherStreams` by reading the log from its beginning."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def pages(self, *, head: int) -> AsyncIterator[Sequence[Sequence[Event]]]:
        found: dict[str, list[Event]] = {}
        for entry in await self._store.read(after=0, records_max=head):
            if entry.stream.startswith("voucher-"):
                found.setdefault(entry.stream, []).append(entry.event)
        streams = [found[stream] for stream in sorted(found)]
        for start in range(0, len(streams), PAGE_STREAMS):
            yield streams[start : start + PAGE_STREAMS]


@dataclass
class Office:
    """Requests of back office, and the background work behind them."""

    store: EventStore
    catalogue: Catalogue
    batches: Batches
    imports: Imports
    exports: Exports
    parts: BatchParts
    work: BatchWork
    secrets: Secrets

    def ask(self, key: str | None = None, value: str = "") -> Ask:
        return Ask.of(key or uuid4().hex, value)

    async def template(
        self,
        template_id: str = "gift",
        *,
        terms: Terms | None = None,
        validity: Validity | None = None,
        value: str | None = None,
        price: str | None = None,
        pair: tuple[str | None, str | None] | None = None,
        active: bool = True,
    ) -> Defined:
        """Define a template. `pair`: the VAT of its sale article and of its redeem article."""
        articles = None
        if pair is not None:
            sale, redeem = Article(sku="GV", vat=pair[0]), Article(sku="GE", vat=pair[1])
            articles = ArticlePair(sale=sale, redeem=redeem)
        return await self.catalogue.define(
            self.ask(),
            template_id=template_id,
            name="Geschenkgutschein",
            terms=terms or Terms(),
            validity=validity or Validity(),
            value=None if value is None else euro(value),
            price=None if price is None else euro(price),
            articles=articles,
            active=active,
        )

    async def order(
        self,
        batch_id: str,
        cards: int,
        *,
        value: str | None = None,
        ask: Ask | None = None,
        template_id: str = "gift",
    ) -> Batch:
        return await self.batches.order(
            ask or self.ask(),
            batch_id=batch_id,
            cards=cards,
            template_id=template_id,
            value=None if value is None else euro(value),
            legal_entity_id="kette",
        )

    def read(self, content: bytes, *, legal_entity_id: str | None = "kette") -> ImportFile:
        """A file fed in pieces."""
        file = self.imports.open_file(legal_entity_id)
        for start in range(0, len(content), FEED_BYTES):
            file.feed(content[start : start + FEED_BYTES])
        file.close()
        return file

    async def check(self, content: bytes, *, count: int, total: str) -> Report:
        return await self.imports.check(self.read(content), count=count, total=euro(total))

    async def export(self) -> tuple[bytes, Sums]:
        """The file of all vouchers, and what it says about itself."""
        sums = await self.exports.begin()
        return b"".join([page async for page in self.exports.lines(sums)]), sums

    async def take(
        self, content: bytes, *, count: int, total: str | Money, key: str | None = None
    ) -> Batch:
        """As the HTTP route does it: read, check, order."""
        digest = hashlib.sha256(content).hexdigest()
        wanted = euro(total) if isinstance(total, str) else total
        return await self.imports.take(
            self.ask(key, digest), self.read(content), count=count, total=wanted
        )


def build_office(
    store: EventStore,
    *,
    chain: Chain,
    secrets: Secrets,
    clock: Callable[[], datetime],
    random_bytes: RandomBytes,
    parts: BatchParts | None = None,
    work: BatchWork | None = None,
    streams: VoucherStreams | None = None,
) -> Office:
    """Everything put together as the service does it."""
    parts, work = parts or MemoryBatchParts(), work or MemoryBatchWork()
    made = build_back_office(
        store,
        chain=chain,
        secrets=secrets,
        parts=parts,
        work=work,
        streams=streams or MemoryVoucherStreams(store),
        clock=clock,
        random_bytes=random_bytes,
        rules=Rules(foreign_codes=True),
    )
    return Office(
        store, made.catalogue, made.batches, made.imports, made.exports, parts, work, secrets
    )
