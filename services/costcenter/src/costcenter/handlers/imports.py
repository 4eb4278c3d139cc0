"""Companies, groups, centers and cards from CSV files: all of a file, or nothing of it.

1. The file is read whole and checked against itself.
2. The import claims the structure: nothing else changes it until the import has ended.
3. All rows are checked against the log. One that cannot be ends the import with a report.
4. The rows are kept, and the background stores them part by part. Nothing can refuse them any
   more. Till and charges go on meanwhile.

A process that dies anywhere leaves an import that goes on, or one that never began.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, cast
from uuid import NAMESPACE_URL, uuid4, uuid5

from costcenter.decider.structure import CARD, CENTER
from costcenter.handlers.import_file import ImportFile, Numbered, Refusal, unpacked
from costcenter.handlers.import_plans import PLANS, Draft, Streams, card_of
from costcenter.handlers.import_rows import CardRow, Kind
from costcenter.handlers.structure import IMPORTING, ImportRunning, Writer
from costcenter.handlers.structure_centers import Centers
from costcenter.names import center_stream
from costcenter.structure_ports import Import, Imports
from events import (
    AppendRequest,
    Ask,
    Claim,
    ClaimTaken,
    Decision,
    DomainError,
    GiveBack,
    Take,
    handle_together,
    input_hash,
    state_of,
)
from kassenverbund.kit.secrets import Secrets

_log = logging.getLogger("costcenter")


class ImportRefused(DomainError):
    """Nothing was taken over. `extra`: `refused` (line, column, code, message), `refused_count`,
    `rows`."""

    code = "import.refused"
    status = 422
    title = "The file is not taken over: some rows cannot be"


class ImportUnknown(DomainError):
    code = "import.unknown"
    status = 404
    title = "There is no such import"


@dataclass(frozen=True, slots=True)
class Report:
    """What a file would do."""

    rows: int
    facts: int
    """That would be recorded. 0: everything is so already."""
    refused: tuple[Refusal, ...]
    refused_count: int


class ImportDesk:
    """`open_file`, feed it, then `check` or `take`. `work` is what follows in the background."""

    def __init__(
        self,
        writer: Writer,
        *,
        centers: Centers,
        secrets: Secrets,
        imports: Imports,
        clock: Callable[[], datetime],
    ) -> None:
        self._writer = writer
        self._store = writer.store
        self._centers = centers
        self._secrets = secrets
        self._imports = imports
        self._clock = clock

    def open_file(self, kind: Kind) -> ImportFile:
        """An empty file to feed."""
        return ImportFile(kind, self._secrets)

    async def check(self, file: ImportFile) -> Report:
        """What would be refused, as things are now. Changes nothing."""
        facts = 0
        async for numbered in _parts(file):
            streams, owners = await self._needs(file.kind, numbered)
            states = {
                stream: (await state_of(self._store, decider, stream))[1]
                for stream, decider in streams.items()
            }
            draft = Draft(states, owners, self._writer, self._centers)
            for one in numbered:
                try:
                    PLANS[file.kind].decide(one.row, draft)
                except DomainError as refusal:
                    _refuse(file, one.line, refusal)
            facts += sum(map(len, draft.events.values()))
        refused = tuple(sorted(file.refused, key=lambda refusal: refusal.line))
        return Report(file.rows, facts, refused, file.refused_count)

    async def take(self, ask: Ask, file: ImportFile) -> Import:
        """Take a file over; it is stored in the background. A repeat answers how far it is.

        Raises `ImportRefused`, `ImportRunning`.
        """
        name = f"kassenverbund:import:{ask.key}:{ask.input_hash.hex()}"
        entry = Import(
            import_id=str(uuid5(NAMESPACE_URL, name)),
            kind=file.kind,
            state="checking",
            rows=file.rows,
            done=0,
            changed=0,
            since=self._clock(),
        )
        async with self._imports.turn(entry.import_id) as ours:
            found = await self._imports.get(entry.import_id)
            if found is not None and found.state in ("running", "completed"):
                return found
            if not ours:
                raise ImportRunning
            if file.refused_count:
                raise _refused(await self.check(file))
            await self._imports.add(entry)
            await self._imports.set(entry)
            await self._begin(entry)
            report = await self.check(file)
            if report.refused_count:
                await self._end(replace(entry, state="refused"))
                raise _refused(report)
            for part, content in enumerate(file.parts):
                await self._imports.keep(entry.import_id, part, content)
            running = replace(entry, state="running")
            await self._imports.set(running)
        return running

    async def get(self, import_id: str) -> Import:
        """How far an import is. Raises `ImportUnknown`."""
        found = await self._imports.get(import_id)
        if found is None:
            raise ImportUnknown(import_id)
        return found

    async def work(self) -> int:
        """Go on with what is open; answers how many imports it looked after."""
        looked = 0
        for entry in await self._imports.open():
            async with self._imports.turn(entry.import_id) as ours:
                current = await self._imports.get(entry.import_id) if ours else None
                if current is None or current.state not in ("checking", "running"):
                    continue
                looked += 1
                if current.state == "checking":
                    # Its process died while it was being checked: nothing of it was stored.
                    _log.warning("import %s was interrupted before it began", entry.import_id)
                    interrupted = {"code": "import.interrupted"}
                    await self._end(replace(current, state="refused", report=interrupted))
                else:
                    await self._store_all(current)
        return looked

    async def _store_all(self, entry: Import) -> None:
        part, current = 0, replace(entry, done=0, changed=0)
        while (content := await self._imports.read(entry.import_id, part)) is not None:
            numbered = unpacked(cast("Kind", entry.kind), content)
            facts = await self._store_part(entry, part, numbered)
            current = current.at(done=current.done + len(numbered), changed=current.changed + facts)
            await self._imports.set(current)
            part += 1
        await self._end(replace(current, state="completed"))

    async def _store_part(self, entry: Import, part: int, numbered: Sequence[Numbered]) -> int:
        """One append. A part that was stored before is found under its key."""
        kind = cast("Kind", entry.kind)
        key = f"import/{entry.import_id}/{part}"
        streams, owners = await self._needs(kind, numbered)

        def decide(states: Mapping[str, Any]) -> Decision:
            draft = Draft(dict(states), owners, self._writer, self._centers)
            for one in numbered:
                PLANS[kind].decide(one.row, draft)
            return Decision(draft.events, tuple(draft.claims))

        done = await handle_together(self._store, streams, decide, ask=Ask.of(key, key))
        return len(done.appended.recorded)

    async def _needs(
        self, kind: Kind, numbered: Sequence[Numbered]
    ) -> tuple[Streams, Mapping[str, str]]:
        """The streams that rows write or read, and who holds the unique keys they name."""
        plan = PLANS[kind]
        claims = {claim for one in numbered for claim in plan.claims(one.row)}
        owners = await self._store.owners_of(sorted(claims)) if claims else {}
        streams: Streams = {}
        for one in numbered:
            streams |= plan.streams(one.row, owners)
            if isinstance(one.row, CardRow):
                _, card = await state_of(self._store, CARD, card_of(one.row, owners))
                if card.center_id is not None:
                    streams[center_stream(card.center_id)] = CENTER
        return streams, owners

    async def _begin(self, entry: Import) -> None:
        """Keep everybody else away from the structure. Raises `ImportRunning`."""
        try:
            await self._claim(entry, Take(IMPORTING, f"import/{entry.import_id}"))
        except ClaimTaken:
            await self._imports.set(replace(entry, state="refused"))
            raise ImportRunning from None

    async def _end(self, entry: Import) -> None:
        await self._claim(entry, GiveBack(IMPORTING, f"import/{entry.import_id}"))
        await self._imports.set(entry)
        await self._imports.wipe(entry.import_id)

    async def _claim(self, entry: Import, claim: Claim) -> None:
        # A file may be offered again after it was refused: each time is decided anew.
        key = f"import/{entry.import_id}/claim/{uuid4().hex}"
        await self._store.append(
            AppendRequest(key=key, input_hash=input_hash(key), claims=(claim,))
        )


async def _parts(file: ImportFile) -> AsyncIterator[Sequence[Numbered]]:
    for content in file.parts:
        yield unpacked(file.kind, content)


def _refuse(file: ImportFile, line: int, refusal: DomainError) -> None:
    column = refusal.extra.get("column")
    reason = str(refusal.extra.get("reason", refusal.code))
    file.refuse(line, None if column is None else str(column), reason, refusal.detail)


def _refused(report: Report) -> ImportRefused:
    return ImportRefused(
        refused=[asdict(refusal) for refusal in report.refused],
        refused_count=report.refused_count,
        rows=report.rows,
    )
