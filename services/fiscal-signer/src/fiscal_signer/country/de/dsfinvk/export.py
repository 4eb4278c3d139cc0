"""The export of many closings: from the journal to tables, one page of processes at a time.

Closings stand by store, till and number, processes by their number: the same request over the same
journal makes the same rows. A closing is in an export once its own signature's verdict is in the
journal: the signer works in order, so everything before it has its verdict too.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

from fiscal_signer.country.de.dsfinvk import proof, report
from fiscal_signer.country.de.dsfinvk.closing import (
    Chainwide,
    Closing,
    Found,
    Process,
)
from fiscal_signer.country.de.dsfinvk.proof import Device, Outage
from fiscal_signer.country.de.dsfinvk.tables import TABLES, index_xml, table_of_tses

PROCESSES_PAGE = 1_000
"""How many processes of a closing are in memory at once."""

EXPLAINED = "tse_erlaeuterungen.csv"
REPORT = "pruefbericht.txt"

ALL_OR_NONE = ("businesscases", "payment", "cash_per_currency")


@dataclass(frozen=True, slots=True)
class Scope:
    """What is exported: closings whose business date is from `begin` to `end`, both included.
    Empty: all stores, all tills."""

    begin: date
    end: date
    store_ids: tuple[str, ...] = ()
    till_ids: tuple[str, ...] = ()
    position: int = 0
    """Of the journal: nothing that was kept later counts."""


@dataclass(frozen=True, slots=True)
class ClosingRow:
    """A closing of the journal: `complete` once its own verdict is there."""

    store_id: str
    till_id: str
    shift: int
    data: Mapping[str, Any]
    complete: bool


class Source(Protocol):
    """The journal up to a position. Every method raises what its database raises."""

    async def stores(self) -> Sequence[str]:
        """With closings in the scope, by id."""
        ...

    def closings(self, store_id: str) -> AsyncIterator[ClosingRow]:
        """Those in the scope, by till and number."""
        ...

    async def opening(self, store_id: str, till_id: str, shift: int) -> Mapping[str, Any] | None:
        """`till.opened`."""
        ...

    async def master(self, store_id: str, version: int) -> Mapping[str, Any] | None:
        """`master_data.changed`: with this version, or the n-th where they have none."""
        ...

    async def rare(self, name: str) -> Sequence[Mapping[str, Any]]:
        """All events of a name (TSEs, outages), in order."""
        ...

    async def processes(
        self, store_id: str, till_id: str, shift: int, *, after: int, limit: int
    ) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """(event name, event) by number, above `after`."""
        ...

    async def proofs(
        self, booking_ids: Sequence[str]
    ) -> Mapping[str, Sequence[tuple[str, Mapping[str, Any]]]]:
        """Verdicts, and what else was signed for these."""
        ...

    async def found(self, booking_ids: Sequence[str]) -> Mapping[str, Found]:
        """Where these were recorded."""
        ...

    def beside(self, store_id: str) -> AsyncIterator[tuple[str, Mapping[str, Any]]]:
        """What TSEs signed in the scope's time for no process at all: (event name, event)."""
        ...

    async def outside(self, store_id: str) -> Sequence[str]:
        """What of the store is in no closing, for people: open shifts, older bookings."""
        ...


class Spool(Protocol):
    """Where rows go until all are there."""

    def write(self, file: str, text: str) -> None:
        """Add to a file. Raises OSError."""
        ...

    def rows(self, file: str) -> int:
        """How many lines it has."""
        ...


@dataclass(slots=True)
class Progress:
    """How far an export is."""

    closings: int = 0
    processes: int = 0
    lines: int = 0
    rows: int = 0
    differences: int = 0


@dataclass(slots=True)
class Made:
    """What an export came to. `files`: small ones that are only known at the end."""

    progress: Progress
    files: dict[str, bytes] = field(default_factory=dict)
    tables: list[str] = field(default_factory=list)


class NothingToExport(Exception):
    """There is no closing in the scope."""


class Export:
    """Write a scope's tables: `await Export(…).make()`."""

    def __init__(
        self,
        scope: Scope,
        source: Source,
        spool: Spool,
        *,
        moved: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        self._scope = scope
        self._source = source
        self._spool = spool
        self._moved = moved
        self._progress = Progress()
        self._longest_data = 0
        self._supplier: tuple[str, str] = ("", "")
        self._chain = Chainwide({}, {})

    async def make(self) -> Made:
        """Raises `NothingToExport`; KeyError, TypeError, ValueError for an event that is not what
        its name says; what source and spool raise."""
        self._chain = Chainwide(await _devices(self._source), await _outages(self._source))
        self._spool.write(REPORT, report.head(self._scope, self._chain))
        for store_id in await self._source.stores():
            await self._store(store_id)
        if not self._progress.closings:
            raise NothingToExport
        self._spool.write(REPORT, report.end(self._progress))
        return self._made()

    async def _store(self, store_id: str) -> None:
        async for row in self._source.closings(store_id):
            if row.complete:
                await self._closing(row)
            else:
                self._spool.write(REPORT, report.incomplete(row))
        async for name, event in self._source.beside(store_id):
            device = self._chain.devices.get(event.get("tse_id", ""))
            self._write("explained", proof.explanation(name, event, device))
        for text in await self._source.outside(store_id):
            self._spool.write(REPORT, report.note(f"{store_id}: {text}"))

    async def _closing(self, row: ClosingRow) -> None:
        source = self._source
        opened = await source.opening(row.store_id, row.till_id, row.shift)
        master = await source.master(row.store_id, row.data["master_data"])
        if master is None:
            raise ValueError(
                f"{row.store_id}: master data {row.data['master_data']} are not in the journal"
            )
        entity = master["legal_entity"]
        self._supplier = self._supplier if self._supplier[0] else (
            entity["name"], f"{entity['address']['postal_code']} {entity['address']['city']}"
        )  # fmt: skip
        closing = Closing(row.data, opened, master, self._chain, self._write)
        async for page in self._pages(row):
            closing.add(page, await source.found(_unnamed(page)))
            self._progress.processes += len(page)
            self._tell()
        closing.end()
        self._longest_data = max(self._longest_data, closing.longest_data)
        self._progress.closings += 1
        self._progress.lines += closing.lines
        self._progress.differences += len(closing.differences)
        self._spool.write(REPORT, report.closing(closing))
        self._tell()

    async def _pages(self, row: ClosingRow) -> AsyncIterator[list[Process]]:
        """The next page is on its way while one is written."""
        key = (row.store_id, row.till_id, row.shift)
        coming = asyncio.create_task(self._page(key, after=0))
        try:
            while page := await coming:
                if len(page) == PROCESSES_PAGE:
                    last: int = page[-1].data["number"]
                    coming = asyncio.create_task(self._page(key, after=last))
                    await asyncio.sleep(0)  # let it ask before this page takes the processor
                else:
                    coming = asyncio.create_task(_none())
                yield page
        finally:
            coming.cancel()

    async def _page(self, key: tuple[str, str, int], *, after: int) -> list[Process]:
        found = await self._source.processes(*key, after=after, limit=PROCESSES_PAGE)
        proofs = await self._source.proofs([data["booking_id"] for _, data in found])
        return [Process(name, data, proofs.get(data["booking_id"], ())) for name, data in found]

    def _write(self, table: str, rows: str) -> None:
        if table == "explained":
            if not self._spool.rows(EXPLAINED):
                self._spool.write(EXPLAINED, proof.EXPLAINED_HEADER)
            self._spool.write(EXPLAINED, rows)
            return
        file = TABLES[table].file
        if not self._spool.rows(file):
            self._header(table)
        self._spool.write(file, rows)
        self._progress.rows += rows.count("\r\n")

    def _header(self, table: str) -> None:
        described = TABLES[table]
        if table == "tse":
            described = table_of_tses(self._chain.certificate_parts)
        self._spool.write(described.file, described.header)

    def _tell(self) -> None:
        self._moved(self._progress)

    def _made(self) -> Made:
        if any(self._spool.rows(TABLES[name].file) for name in ALL_OR_NONE):
            for name in ALL_OR_NONE:
                if not self._spool.rows(TABLES[name].file):
                    self._header(name)
        used = [name for name, table in TABLES.items() if self._spool.rows(table.file)]
        tables = [
            table_of_tses(self._chain.certificate_parts) if name == "tse" else TABLES[name]
            for name in used
        ]
        comment = report.comment(self._scope)
        supplier, location = self._supplier
        longer = {proof.DATA: self._longest_data}
        index = index_xml(
            tables, supplier=supplier, location=location, comment=comment, longer=longer
        )
        return Made(self._progress, {"index.xml": index}, [table.file for table in tables])


async def _none() -> list[Process]:
    return []


def _unnamed(page: Sequence[Process]) -> list[str]:
    """Processes of ours that are referred to without saying where they are."""
    wanted = []
    for process in page:
        data = process.data
        given = [*data.get("references", ())]
        given += [line["reference"] for line in data.get("lines", ()) if "reference" in line]
        given += [one["reference"] for one in data.get("payments", ()) if "reference" in one]
        if "reference" in data:
            given.append(data["reference"])
        if data.get("order_of"):
            wanted.append(data["order_of"])
        wanted += [one["id"] for one in given if one["type"] == "Transaktion"]
    return wanted


async def _devices(source: Source) -> dict[str, Device]:
    """All TSEs of the chain, numbered in the order in which they came into use."""
    devices: dict[str, Device] = {}
    for event in await source.rare("tse.initialized"):
        if event["tse_id"] not in devices:
            devices[event["tse_id"]] = Device(
                number=len(devices) + 1,
                tse_id=event["tse_id"],
                serial=event["serial"],
                algorithm=event["algorithm"],
                time_format=event["time_format"],
                public_key=event["public_key"],
                certificate=event.get("certificate") or "",
                certified=event["certified"],
            )
    return devices


async def _outages(source: Source) -> dict[str, Outage]:
    ended = {event["outage_id"]: event["ended_at"] for event in await source.rare("outage.ended")}
    return {
        event["outage_id"]: Outage(
            event["reason"], event["began_at"], ended.get(event["outage_id"])
        )
        for event in await source.rare("outage.began")
    }
