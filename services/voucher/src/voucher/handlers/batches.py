"""Print runs of blank cards: ordered, printed part by part in the background, handed out once.

A part's codes are drawn and kept, sealed, before their vouchers are appended, and each part is one
append under one key together with the batch's progress. So a process that dies anywhere leaves a
batch that goes on with the same codes: none is lost, none is doubled.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from events import (
    AppendRequest,
    Ask,
    ClaimTaken,
    Decision,
    EventStore,
    Exact,
    NewEvents,
    Take,
    Transient,
    WrongExpectedVersion,
    handle,
    handle_together,
    input_hash,
    state_of,
)
from events.version import NO_STREAM
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.secrets import Secrets
from money import Money
from voucher import codes
from voucher.decider.batch import (
    BATCH,
    Batch,
    BatchUnknown,
    ExportBatch,
    NotCards,
    OrderBatch,
    PrintCard,
    Unordered,
    VoidBatch,
    exportable,
    print_card,
)
from voucher.handlers.batch_names import (
    CodeFile,
    CodesGone,
    DigestDiffers,
    ExportTaken,
    ValueMissing,
    batch_stream,
    card_id,
    fill,
    issue_claims,
    parts_of,
    voided,
    zone_of,
)
from voucher.handlers.catalogue import Catalogue
from voucher.handlers.names import serial_of, stream_of
from voucher.ports import BatchParts, BatchWork

CARDS_MAX = 100_000
"""Cards of one run."""

PART_CARDS = 250
"""Vouchers of one append. The log's lock is held for some ten milliseconds: no till notices."""

EXPORTED_WITHIN = timedelta(days=90)
"""How long the codes of a run wait for the print shop. Then they are gone, and the run is void."""

ORDERED_WITHIN = timedelta(hours=1)
"""What was prepared for an order that never came is forgotten after this."""

PUT_OFF = timedelta(minutes=1)
"""A batch that failed is tried again after this."""

TURNS_MAX = 10_000
"""More parts than any batch has: a worker that counts higher is a defect."""

COLUMNS = ("serial", "code", "qr")

_log = logging.getLogger("voucher.batches")


class Batches:
    """Orders, prints and hands out. `takes_over` goes on with an import (`handlers.imports`)."""

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
        random_bytes: codes.RandomBytes,
        takes_over: Callable[[Batch], Awaitable[None]] | None = None,
    ) -> None:
        self._store = store
        self._chain = chain
        self._secrets = secrets
        self._catalogue = catalogue
        self._parts = parts
        self._work = work
        self._clock = clock
        self._random_bytes = random_bytes
        self._takes_over = takes_over
        self._put_off: dict[str, datetime] = {}

    async def order(
        self,
        ask: Ask,
        *,
        batch_id: str,
        cards: int,
        template_id: str,
        value: Money | None,
        legal_entity_id: str,
    ) -> Batch:
        """Order a print run; it is printed in the background.

        Raises `BatchReused`, `ValueMissing`, `LegalEntityUnknown`, `TemplateUnknown`,
        `TemplateWithdrawn`.
        """
        zone_of(self._chain, legal_entity_id)
        template = await self._catalogue.find(template_id)
        foreign = value is not None and value.currency != self._chain.currency
        if foreign or (template.value is not None and value not in (None, template.value)):
            raise ValueMissing
        rates = self._catalogue.rates_on(self._catalogue.today())
        command = OrderBatch(
            batch_id=batch_id,
            kind="cards",
            legal_entity_id=legal_entity_id,
            cards=cards,
            terms=template.terms_on(rates),
            value=value or template.value,
            total=None,
            now=self._clock(),
        )
        await self._work.add(batch_id, command.now)
        done = await handle(self._store, BATCH, batch_stream(batch_id), command, ask=ask)
        assert isinstance(done.state, Batch)
        return done.state

    async def batch(self, batch_id: str) -> Batch:
        """As the log has it now. Raises `BatchUnknown`."""
        _, batch = await state_of(self._store, BATCH, batch_stream(batch_id))
        if isinstance(batch, Unordered):
            raise BatchUnknown(batch_id)
        return batch

    async def voided(self, batch_id: str) -> bool:
        """Whether cards of this batch that were never sold may not be sold any more."""
        return await voided(self._store, batch_id)

    async def export(self, ask: Ask, *, batch_id: str) -> CodeFile:
        """The codes of a complete run, for the request that asks first and its repeats.

        Raises `ExportTaken`, `CodesGone`, and what `exportable` says.
        """
        stream, claim = batch_stream(batch_id), f"export:{batch_id}"

        def decide(states: object) -> Decision:
            assert isinstance(states, dict)
            exportable(states[stream])
            return Decision(events={}, claims=(Take(claim, ask.key),))

        try:
            done = await handle_together(self._store, {stream: BATCH}, decide, ask=ask)
        except ClaimTaken as taken:
            raise ExportTaken from taken
        # A repeat after the acknowledgement finds the codes wiped.
        return await self._file(exportable(done.states[stream]))

    async def exported(self, ask: Ask, *, batch_id: str, digest: str) -> Batch:
        """The file arrived whole: the codes are wiped. Raises `DigestDiffers`, or as `export`."""
        batch = await self.batch(batch_id)
        if batch.state != "exported" and (await self._file(exportable(batch))).digest != digest:
            raise DigestDiffers
        now = self._clock()
        await self._work.add(batch_id, now)
        command = ExportBatch(digest=digest, now=now)
        done = await handle(self._store, BATCH, batch_stream(batch_id), command, ask=ask)
        await self._clear(batch_id)
        assert isinstance(done.state, Batch)
        return done.state

    async def void(self, ask: Ask, *, batch_id: str, reason: str) -> Batch:
        """Cards of the run that were never sold open nothing any more. Raises `NotCards`."""
        if (await self.batch(batch_id)).kind != "cards":
            raise NotCards
        now = self._clock()
        await self._work.add(batch_id, now)
        command = VoidBatch(reason=reason, now=now)
        done = await handle(self._store, BATCH, batch_stream(batch_id), command, ask=ask)
        await self._clear(batch_id)
        assert isinstance(done.state, Batch)
        return done.state

    async def work(self) -> int:
        """Go on with what is open; answers with how many batches. One that fails stays open, and
        does not stop the others."""
        waiting = await self._work.open()
        for batch_id, since in waiting:
            if self._clock() < self._put_off.get(batch_id, since):
                continue
            async with self._work.turn(batch_id) as ours:
                if not ours:
                    continue
                try:
                    await self._advance(batch_id, since)
                except Transient:
                    raise
                except Exception:
                    # A defect: it is shown, and must neither stop the others nor fill the log.
                    self._put_off[batch_id] = self._clock() + PUT_OFF
                    _log.exception("batch %s is put off", batch_id)
        return len(waiting)

    async def _advance(self, batch_id: str, since: datetime) -> None:
        for _ in range(TURNS_MAX):
            version, batch = await state_of(self._store, BATCH, batch_stream(batch_id))
            if isinstance(batch, Unordered):
                if self._clock() - since > ORDERED_WITHIN:
                    await self._clear(batch_id)
                return
            if batch.kind == "import" and self._takes_over is not None:
                await self._takes_over(batch)
                return
            if batch.state != "running":
                await self._finish(batch)
                return
            try:
                await self._print(batch, version)
            except WrongExpectedVersion:
                continue  # Somebody voided it, or another process was faster.
        raise AssertionError("a batch without an end")

    async def _finish(self, batch: Batch) -> None:
        if batch.state == "completed":
            await self._work.done(batch.batch_id)
        else:
            await self._clear(batch.batch_id)

    async def _clear(self, batch_id: str) -> None:
        await self._parts.wipe(batch_id)
        await self._work.done(batch_id)

    async def _print(self, batch: Batch, version: int) -> None:
        part, numbers = next(
            (part, numbers)
            for part, numbers in parts_of(batch.cards, PART_CARDS)
            if numbers[-1] >= batch.done
        )
        now = self._clock()
        fresh = [codes.generate(codes.Kind.VOUCHER, self._random_bytes) for _ in numbers]
        kept: list[str] = json.loads(
            await self._parts.keep(
                batch.batch_id, part, json.dumps(fresh).encode(), until=now + EXPORTED_WITHIN
            )
        )
        try:
            await self._store.append(self._part(batch, version, part, numbers, kept, now))
        except ClaimTaken:
            # One of the codes was drawn before, somewhere in the chain: draw this part anew.
            await self._parts.wipe(batch.batch_id, part)

    def _part(
        self,
        batch: Batch,
        version: int,
        part: int,
        numbers: range,
        kept: list[str],
        now: datetime,
    ) -> AppendRequest:
        zone = zone_of(self._chain, batch.legal_entity_id)
        opened = now.astimezone(ZoneInfo(zone)).date()
        value = batch.value or Money(amount=0, currency=self._chain.currency)
        streams: list[NewEvents] = []
        claims: list[Take] = []
        for number, code in zip(numbers, kept, strict=True):
            voucher_id = card_id(batch.batch_id, number)
            hashed = codes.hashed(code, self._secrets)
            card = PrintCard(
                voucher_id=voucher_id,
                serial=serial_of(voucher_id),
                code_hash=hashed.value,
                hash_key_id=hashed.key_id,
                consideration=value if batch.terms.funding == "purchased" else value.zero,
                valid_until=None,
                time_zone=zone,
                opened=opened,
                now=now,
            )
            issued = print_card(card, batch, value)
            streams.append(NewEvents(stream_of(voucher_id), NO_STREAM, (issued,)))
            claims += issue_claims(issued, stream_of(voucher_id))
        progress = fill(batch, numbers[-1] + 1, now)
        streams.append(NewEvents(batch_stream(batch.batch_id), Exact(version), progress))
        return AppendRequest(
            key=f"batch/{batch.batch_id}/{part}",
            input_hash=input_hash(f"{batch.batch_id}/{part}"),
            streams=streams,
            claims=claims,
        )

    async def _file(self, batch: Batch) -> CodeFile:
        out = io.StringIO()
        rows = csv.writer(out, lineterminator="\r\n")
        rows.writerow(COLUMNS)
        for part, numbers in parts_of(batch.cards, PART_CARDS):
            kept = await self._parts.read(batch.batch_id, part)
            if kept is None:
                raise CodesGone
            for number, code in zip(numbers, json.loads(kept), strict=True):
                serial = serial_of(card_id(batch.batch_id, number))
                rows.writerow((serial, codes.shown(code), code))
        content = out.getvalue().encode()
        digest = hashlib.sha256(content).hexdigest()
        return CodeFile(content=content, digest=digest, cards=batch.cards)
