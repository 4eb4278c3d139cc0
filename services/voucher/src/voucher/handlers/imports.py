"""Taking vouchers over from another system: all of a file, or nothing of it.

1. The file is read and checked whole, against itself and against the log.
2. Its rows are kept, sealed and without codes, and the import is ordered (`batch.ordered`).
3. In the background all codes and serials are claimed, part by part. If somebody was faster with
   one of them, the import is voided and what it had claimed is given back.
4. Only then the vouchers are appended, part by part. Nothing can refuse them any more. The batch's
   progress follows: never more than what is there.

A process that dies anywhere leaves an import that goes on where it was.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from events import (
    Appended,
    AppendRequest,
    Ask,
    Claim,
    ClaimTaken,
    DomainError,
    EventStore,
    GiveBack,
    NewEvents,
    Take,
    handle,
    input_hash,
    state_of,
)
from events.version import NO_STREAM
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.secrets import Secrets
from money import Money
from voucher.decider.batch import (
    BATCH,
    Batch,
    FillBatch,
    OrderBatch,
    TakeOver,
    VoidBatch,
    take_over,
)
from voucher.events import MULTI_PURPOSE, Terms
from voucher.handlers.batch_names import batch_stream, parts_of, zone_of
from voucher.handlers.catalogue import Catalogue
from voucher.handlers.import_file import ImportFile, Known, Refusal, Row
from voucher.handlers.names import LegalEntityUnknown, Rules, last_day, serial_of, stream_of
from voucher.ports import BatchParts, BatchWork

PART_ROWS = 250
"""Vouchers of one append."""

PROGRESS_PARTS = 8
"""Parts between two facts about the progress."""

IN_FLIGHT_MAX = 2
"""Appends at once: more would make the log's batches longer, and tills wait for a batch."""

LOOKED_UP_ROWS = 500
"""Rows whose code and serial one look at the log asks for."""

KEPT = timedelta(days=30)
"""How long the rows of an import wait. It takes seconds; this is for a database that was away."""


class ImportRefused(DomainError):
    """Nothing was taken over. `extra`: `refused` (line, column, reason), `refused_count`, and what
    was found beside what was expected (`rows`, `total`)."""

    code = "import.refused"
    status = 422
    title = "The file is not taken over: some lines cannot be, or the sums differ"


@dataclass(frozen=True, slots=True)
class Report:
    """What a file holds, and whether it can be taken over."""

    rows: int
    total: Money
    weak: int
    refused: tuple[Refusal, ...]
    refused_count: int
    sums_match: bool

    @property
    def acceptable(self) -> bool:
        return self.sums_match and not self.refused_count


class Imports:
    """`open_file`, feed it, then `check` or `take`. `takes_over` is the work behind it."""

    def __init__(
        self,
        store: EventStore,
        *,
        chain: Chain,
        secrets: Secrets,
        catalogue: Catalogue,
        parts: BatchParts,
        work: BatchWork,
        clock: Callable[[], datetime],
        rules: Rules,
    ) -> None:
        self._store = store
        self._chain = chain
        self._secrets = secrets
        self._catalogue = catalogue
        self._parts = parts
        self._work = work
        self._clock = clock
        self._rules = rules

    def open_file(self, legal_entity_id: str | None) -> ImportFile:
        """An empty file to feed. `legal_entity_id` is for rows that name none.

        Raises `LegalEntityUnknown`.
        """
        entities = frozenset(entity.id for entity in self._chain.legal_entities)
        if legal_entity_id is not None and legal_entity_id not in entities:
            raise LegalEntityUnknown(legal_entity_id)
        return ImportFile(
            Known(
                entities=entities,
                legal_entity_id=legal_entity_id,
                today=self._catalogue.today(),
                rates_on=self._catalogue.rates_on,
                secrets=self._secrets,
                currency=self._chain.currency,
                foreign_codes=self._rules.foreign_codes,
            )
        )

    async def check(self, file: ImportFile, *, count: int, total: Money) -> Report:
        """What would be refused. Changes nothing."""
        await self._look_up(file)
        found = Money.model_construct(amount=file.total, currency=self._chain.currency)
        return Report(
            rows=len(file.rows),
            total=found,
            weak=file.weak,
            refused=tuple(sorted(file.refused, key=lambda refusal: refusal.line)),
            refused_count=file.refused_count,
            sums_match=(len(file.rows), found) == (count, total),
        )

    async def take(self, ask: Ask, file: ImportFile, *, count: int, total: Money) -> Batch:
        """Order the import; it is carried out in the background. A repeat answers how far it is.

        Raises `ImportRefused`.
        """
        batch_id = _batch_id(ask)
        stream = batch_stream(batch_id)
        if await self._store.outcome(ask.key, ask.input_hash) is None:
            report = await self.check(file, count=count, total=total)
            if not report.acceptable or not file.rows:
                raise _refusal(report, count, total)
            now = self._clock()
            await self._work.add(batch_id, now)
            for part, numbers in parts_of(len(file.rows), PART_ROWS):
                content = _sealed_rows(batch_id, file.rows[numbers.start : numbers.stop])
                await self._parts.keep(batch_id, part, content, until=now + KEPT)
            command = OrderBatch(
                batch_id=batch_id,
                kind="import",
                legal_entity_id=file.rows[0].legal_entity_id,
                cards=len(file.rows),
                terms=MULTI_PURPOSE,
                value=None,
                total=total,
                now=now,
            )
            await handle(self._store, BATCH, stream, command, ask=ask)
        _, batch = await state_of(self._store, BATCH, stream)
        assert isinstance(batch, Batch)
        return batch

    async def takes_over(self, batch: Batch) -> None:
        """Go on with an ordered import until it is complete, or voided and undone."""
        stream = batch_stream(batch.batch_id)
        if batch.state == "running" and not batch.done:
            taken = await self._claim_all(batch)
            if taken is not None:
                command = VoidBatch(reason=taken, now=self._clock())
                ask = Ask.of(f"import/{batch.batch_id}/void", batch.batch_id)
                await handle(self._store, BATCH, stream, command, ask=ask)
        while True:
            _, state = await state_of(self._store, BATCH, stream)
            assert isinstance(state, Batch)
            if state.state != "running":
                break
            done = await self._append_some(state)
            filled = FillBatch(done=done, now=self._clock())
            ask = Ask.of(f"import/{batch.batch_id}/done/{done}", batch.batch_id)
            await handle(self._store, BATCH, stream, filled, ask=ask)
        if state.state == "voided":
            await self._append(self._claims_of(batch, "give-back", GiveBack))
        await self._parts.wipe(batch.batch_id)
        await self._work.done(batch.batch_id)

    async def _look_up(self, file: ImportFile) -> None:
        """Refuse rows whose code or serial is taken in the log."""
        for start in range(0, len(file.rows), LOOKED_UP_ROWS):
            rows = file.rows[start : start + LOOKED_UP_ROWS]
            claims = {f"code:{row.code_hash}": (row, "code") for row in rows}
            claims |= {f"serial:{row.serial}": (row, "serial") for row in rows if row.serial}
            for claim in await self._store.owners_of(list(claims)):
                row, column = claims[claim]
                file.refuse(row.line, column, f"{column}.taken")

    async def _claim_all(self, batch: Batch) -> str | None:
        """Claim every code and serial. Answers why it cannot be done."""
        try:
            await self._append(self._claims_of(batch, "claim", Take))
        except ClaimTaken as taken:
            return f"a {taken.key.partition(':')[0]} of the file was taken meanwhile"
        return None

    async def _claims_of(
        self, batch: Batch, step: str, act: type[Take] | type[GiveBack]
    ) -> AsyncIterator[AppendRequest]:
        for part, _ in parts_of(batch.cards, PART_ROWS):
            claims = _claims_in(await self._part(batch, part), act)
            key = f"import/{batch.batch_id}/{step}/{part}"
            yield AppendRequest(key=key, input_hash=input_hash(key), claims=claims)

    async def _append_some(self, batch: Batch) -> int:
        """The vouchers of the next parts; answers how many of the batch are in the log now."""
        todo = [
            (part, numbers)
            for part, numbers in parts_of(batch.cards, PART_ROWS)
            if numbers[-1] >= batch.done
        ][:PROGRESS_PARTS]
        await self._append(self._vouchers_of(batch, [part for part, _ in todo]))
        return todo[-1][1][-1] + 1

    async def _vouchers_of(
        self, batch: Batch, parts: Sequence[int]
    ) -> AsyncIterator[AppendRequest]:
        for part in parts:
            now, key = self._clock(), f"import/{batch.batch_id}/{part}"
            streams = [
                NewEvents(
                    stream_of(row.voucher_id),
                    NO_STREAM,
                    take_over(self._command(row, now), batch.batch_id),
                )
                for row in _opened_rows(await self._part(batch, part))
            ]
            yield AppendRequest(key=key, input_hash=input_hash(key), streams=streams)

    async def _append(self, requests: AsyncIterator[AppendRequest]) -> None:
        """All of them, in order: one is being stored while the next one is being made."""
        flying: deque[asyncio.Task[Appended]] = deque()
        try:
            async for request in requests:
                flying.append(asyncio.create_task(self._store.append(request)))
                if len(flying) >= IN_FLIGHT_MAX:
                    await flying.popleft()
            while flying:
                await flying.popleft()
        finally:
            # What is still under way may or may not be stored; its repeat finds out.
            for task in flying:
                task.cancel()
            await asyncio.gather(*flying, return_exceptions=True)

    def _command(self, row: _Kept, now: datetime) -> TakeOver:
        kept = row.row
        valid_until = kept.valid_until
        if valid_until is None and not kept.inactive:
            valid_until = last_day(kept.issued_on, self._rules)
        currency = self._chain.currency
        return TakeOver(
            voucher_id=row.voucher_id,
            serial=row.serial,
            code_hash=kept.code_hash,
            hash_key_id=kept.hash_key_id,
            weak=kept.weak,
            terms=kept.terms,
            value=_money(kept.value, currency),
            consideration=_money(kept.consideration, currency),
            legal_entity_id=kept.legal_entity_id,
            inactive=kept.inactive,
            blocked=kept.blocked,
            valid_until=valid_until,
            time_zone=zone_of(self._chain, kept.legal_entity_id),
            opened=kept.issued_on,
            now=now,
        )

    async def _part(self, batch: Batch, part: int) -> bytes:
        content = await self._parts.read(batch.batch_id, part)
        if content is None:
            raise RuntimeError(f"import {batch.batch_id}: part {part} is gone")
        return content


@lru_cache(maxsize=4096)
def _money(minor: int, currency: str) -> Money:
    # Most vouchers of a file are worth the same few amounts.
    return Money(amount=minor, currency=currency)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A row with the names that it gets here."""

    voucher_id: str
    serial: str
    row: Row


def _batch_id(ask: Ask) -> str:
    """One import per request: key and content together."""
    return str(uuid5(NAMESPACE_URL, f"kassenverbund:import:{ask.key}:{ask.input_hash.hex()}"))


def _refusal(report: Report, count: int, total: Money) -> ImportRefused:
    return ImportRefused(
        refused=[asdict(refusal) for refusal in report.refused],
        refused_count=report.refused_count,
        rows=report.rows,
        total=report.total.model_dump(),
        expected_rows=count,
        expected_total=total.model_dump(),
    )


_FIELDS = tuple(name for name in Row.__slots__ if name != "terms")
assert Row.__slots__ == (*_FIELDS, "terms")  # The terms come last: `_opened_rows` relies on it.
_DATES = tuple(_FIELDS.index(name) for name in ("valid_until", "issued_on"))
_CODE_HASH = _FIELDS.index("code_hash")


def _sealed_rows(batch_id: str, rows: Sequence[Row]) -> bytes:
    """Rows as kept: their new names, their terms (once for all that share them), their cells."""
    shapes: dict[int, int] = {}
    terms: list[Any] = []
    documents = []
    cells_of = attrgetter(*_FIELDS)
    for row in rows:
        place = shapes.get(id(row.terms))
        if place is None:
            place = shapes[id(row.terms)] = len(terms)
            terms.append(row.terms.model_dump(mode="json"))
        voucher_id = str(uuid5(NAMESPACE_URL, f"kassenverbund:import:{batch_id}:{row.line}"))
        serial = row.serial or serial_of(voucher_id)
        documents.append((voucher_id, serial, place, cells_of(row)))
    return json.dumps({"terms": terms, "rows": documents}, default=date.isoformat).encode()


def _opened_rows(content: bytes) -> list[_Kept]:
    kept = json.loads(content)
    terms = [Terms.model_validate(document) for document in kept["terms"]]
    rows = []
    for voucher_id, serial, place, cells in kept["rows"]:
        for at in _DATES:
            if cells[at] is not None:
                cells[at] = date.fromisoformat(cells[at])
        cells.append(terms[place])
        rows.append(_Kept(voucher_id, serial, Row(*cells)))
    return rows


def _claims_in(content: bytes, act: type[Take] | type[GiveBack]) -> list[Claim]:
    """Code and serial of each row, for its voucher."""
    claims: list[Claim] = []
    for voucher_id, serial, _, cells in json.loads(content)["rows"]:
        stream = stream_of(voucher_id)
        claims += act(f"code:{cells[_CODE_HASH]}", stream), act(f"serial:{serial}", stream)
    return claims
