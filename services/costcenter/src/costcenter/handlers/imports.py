"""Companies, groups, centers and cards from CSV files: all of a file, or nothing of it.

1. The file is read whole, checked against itself, and its rows are kept.
2. In the background the import claims the structure: nothing else changes it until it has ended.
3. All rows are checked against the log. One that cannot be ends the import with a report.
4. The rows are stored, part by part. Nothing can refuse them any more. Tills go on meanwhile.

A process that dies anywhere leaves an import that goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from operator import itemgetter
from typing import Any, cast
from uuid import NAMESPACE_URL, uuid4, uuid5

from costcenter.decider.structure import CARD, CENTER
from costcenter.handlers.import_file import (
    REFUSED_MAX,
    ImportFile,
    Numbered,
    Refusal,
    unpacked,
)
from costcenter.handlers.import_plans import PLANS, Draft, Streams, card_of
from costcenter.handlers.import_rows import CardRow, Kind
from costcenter.handlers.structure import IMPORTING, Writer
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

POLL_S = 0.05
"""How soon a caller hears that its file was checked."""


class ImportRefused(DomainError):
    """Nothing was taken over. `extra`: `refused` (line, column, code, message), `refused_count`,
    `rows`."""

    code = "import.refused"
    status = 422
    title = "The file is not taken over: some rows cannot be"


class ImportIncomplete(DomainError):
    """The process died while it received the file."""

    code = "import.incomplete"
    title = "The file did not arrive whole; send it again"


class ImportUnknown(DomainError):
    code = "import.unknown"
    status = 404
    title = "There is no such import"


@dataclass(slots=True)
class _Checked:
    """What checking has found so far."""

    done: int = 0
    facts: int = 0
    refused: list[dict[str, Any]] = field(default_factory=list)
    refused_count: int = 0

    def refuse(self, line: int, refusal: DomainError) -> None:
        self.refused_count += 1
        if len(self.refused) < REFUSED_MAX:
            column = refusal.extra.get("column")
            reason = str(refusal.extra.get("reason", refusal.code))
            named = None if column is None else str(column)
            self.refused.append(asdict(Refusal(line, named, reason, refusal.detail)))


class ImportDesk:
    """`open_file`, feed it, then `take`. `work` is what follows in the background."""

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

    async def take(self, ask: Ask, file: ImportFile, *, dry_run: bool) -> Import:
        """Keep a file's rows; the background does the rest. A repeat answers how far it is."""
        name = f"kassenverbund:import:{ask.key}:{ask.input_hash.hex()}"
        entry = Import(
            import_id=str(uuid5(NAMESPACE_URL, name)),
            kind=file.kind,
            state="checking",
            dry_run=dry_run,
            rows=file.rows,
            done=0,
            facts=0,
            since=self._clock(),
            report={
                "refused": [asdict(refusal) for refusal in file.refused],
                "refused_count": file.refused_count,
            },
        )
        async with self._imports.turn(entry.import_id) as ours:
            found = await self._imports.get(entry.import_id)
            if found is not None or not ours:
                return found or entry
            await self._imports.add(entry)
            for part, content in enumerate(file.parts):
                await self._imports.keep(entry.import_id, part, content)
        return entry

    async def get(self, import_id: str) -> Import:
        """How far an import is. Raises `ImportUnknown`."""
        found = await self._imports.get(import_id)
        if found is None:
            raise ImportUnknown(import_id)
        return found

    async def checked(self, entry: Import, *, wait_s: float) -> Import:
        """The import when it is past its checking, or after `wait_s`."""
        deadline = asyncio.get_running_loop().time() + wait_s
        while entry.state == "checking" and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(POLL_S)
            entry = await self.get(entry.import_id)
        return entry

    async def work(self) -> int:
        """Go on with what is open; answers how many imports it looked after."""
        looked = 0
        for entry in await self._imports.open():
            async with self._imports.turn(entry.import_id) as ours:
                current = await self._imports.get(entry.import_id) if ours else None
                if current is None:
                    continue
                looked += 1
                if current.state == "checking":
                    current = await self._check(current)
                if current.state == "running":
                    try:
                        await self._store_all(current)
                    except DomainError as refusal:
                        # It was checked, and nobody else could change anything. It is tried again,
                        # and the structure waits: half an import would be worse.
                        _log.error("import %s cannot go on: %s", entry.import_id, refusal)
        return looked

    async def _check(self, entry: Import) -> Import:
        """To its end where it is refused or a dry run; else it is `running` now."""
        if not await self._begin(entry):
            return entry  # Another import is at work; this one's turn comes.
        told = _Checked(
            refused=list(entry.report["refused"]), refused_count=entry.report["refused_count"]
        )
        unchanged: dict[int, int] = {}
        for part in await self._imports.parts(entry.import_id):
            numbered = await self._rows(entry, part)
            facts = await self._check_part(entry, numbered, told)
            told.done += len(numbered)
            told.facts += facts
            if not facts:
                unchanged[part] = len(numbered)
            await self._imports.set(replace(entry, done=told.done, facts=told.facts))
        if told.done != entry.rows:
            told.refuse(0, ImportIncomplete())
        told.refused.sort(key=itemgetter("line"))
        report = {"refused": told.refused, "refused_count": told.refused_count}
        done = replace(entry, done=told.done, facts=told.facts, report=report)
        if told.refused_count or entry.dry_run:
            done = replace(done, state="refused" if told.refused_count else "checked")
            await self._end(done)
            return done
        done = replace(done, state="running", done=sum(unchanged.values()), facts=0)
        await self._imports.set(done)
        for part in unchanged:
            await self._imports.wipe(entry.import_id, part)
        return done

    async def _check_part(self, entry: Import, numbered: Sequence[Numbered], told: _Checked) -> int:
        """The facts that rows would lead to."""
        kind = cast("Kind", entry.kind)
        needs = await self._needs(kind, numbered)
        for stream, decider in needs.streams.items():
            if stream not in needs.states:
                needs.states[stream] = (await state_of(self._store, decider, stream))[1]
        draft = Draft(needs.states, needs.owners, self._writer, self._centers)
        for one in numbered:
            try:
                PLANS[kind].decide(one.row, draft)
            except DomainError as refusal:
                told.refuse(one.line, refusal)
        return sum(map(len, draft.events.values()))

    async def _store_all(self, entry: Import) -> None:
        current = entry
        for part in await self._imports.parts(entry.import_id):
            numbered = await self._rows(entry, part)
            facts = await self._store_part(entry, part, numbered)
            done = min(current.done + len(numbered), entry.rows)
            current = replace(current, done=done, facts=current.facts + facts)
            await self._imports.set(current)
            await self._imports.wipe(entry.import_id, part)
        await self._end(replace(current, state="completed"))

    async def _rows(self, entry: Import, part: int) -> Sequence[Numbered]:
        content = await self._imports.read(entry.import_id, part)
        return unpacked(cast("Kind", entry.kind), content) if content is not None else ()

    async def _store_part(self, entry: Import, part: int, numbered: Sequence[Numbered]) -> int:
        """One append. A part that was stored before is found under its key."""
        kind = cast("Kind", entry.kind)
        key = f"import/{entry.import_id}/{part}"
        needs = await self._needs(kind, numbered)

        def decide(states: Mapping[str, Any]) -> Decision:
            draft = Draft(dict(states), needs.owners, self._writer, self._centers)
            for one in numbered:
                PLANS[kind].decide(one.row, draft)
            return Decision(draft.events, tuple(draft.claims))

        done = await handle_together(self._store, needs.streams, decide, ask=Ask.of(key, key))
        return len(done.appended.recorded)

    async def _needs(self, kind: Kind, numbered: Sequence[Numbered]) -> _Needs:
        """The streams that rows write or read, and who holds the unique keys they name."""
        plan = PLANS[kind]
        claims = {claim for one in numbered for claim in plan.claims(one.row)}
        owners = await self._store.owners_of(sorted(claims)) if claims else {}
        needs = _Needs(owners)
        for one in numbered:
            needs.streams |= plan.streams(one.row, owners)
            if not isinstance(one.row, CardRow):
                continue
            stream = card_of(one.row, owners)
            if one.row.card_id is None and stream not in owners.values():
                # Every card holds its number: without an owner there is none to load.
                needs.states[stream] = CARD.initial
                continue
            _, card = await state_of(self._store, CARD, stream)
            needs.states[stream] = card
            if card.center_id is not None:
                needs.streams[center_stream(card.center_id)] = CENTER
        return needs

    async def _begin(self, entry: Import) -> bool:
        """Keep everybody else away from the structure. False: another import does."""
        if entry.dry_run:
            return True
        try:
            await self._claim(entry, Take(IMPORTING, f"import/{entry.import_id}"))
        except ClaimTaken:
            return False
        return True

    async def _end(self, entry: Import) -> None:
        await self._claim(entry, GiveBack(IMPORTING, f"import/{entry.import_id}"))
        await self._imports.set(entry)
        await self._imports.wipe(entry.import_id)

    async def _claim(self, entry: Import, claim: Claim) -> None:
        # After a crash it is taken again: each time is decided anew.
        key = f"import/{entry.import_id}/claim/{uuid4().hex}"
        await self._store.append(
            AppendRequest(key=key, input_hash=input_hash(key), claims=(claim,))
        )


@dataclass(slots=True)
class _Needs:
    """What a part of a file rests on."""

    owners: Mapping[str, str]
    streams: Streams = field(default_factory=dict)
    states: dict[str, Any] = field(default_factory=dict)
    """Those that had to be loaded to find the streams."""
