"""Everything of one kind as CSV, for an import here or in another installation. Importing an export
changes nothing. Codes stay here: their keyed hashes open the cards wherever the root key is."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import date
from typing import Any

from costcenter.handlers.import_rows import Kind, columns_of
from costcenter.queries.structure import Page, StructureQueries
from events import EventStore, Transient

PAGE_ROWS = 2_000
DELIMITER = ";"


class Exports:
    def __init__(
        self, store: EventStore, queries: StructureQueries, today: Callable[[], date]
    ) -> None:
        self._store = store
        self._queries = queries
        self._today = today

    async def lines(self, kind: Kind) -> AsyncIterator[bytes]:
        """The file, page by page. What is closed or ended is left out.

        Raises `Transient` before the first page where the lists lag behind the log.
        """
        if not await self._queries.reached(await self._store.head()):
            raise Transient("the lists have not caught up with the log; ask again")
        columns = columns_of(kind)
        yield _csv([columns])
        after = ""
        while True:
            page = await self._page(kind, after)
            rows = [row for found in page.rows for row in _rows(kind, found)]
            if rows:
                yield _csv([[_cell(row.get(name)) for name in columns] for row in rows])
            if page.next is None:
                return
            after = page.next

    async def _page(self, kind: Kind, after: str) -> Page:
        queries, today = self._queries, self._today()
        match kind:
            case "companies":
                return await queries.companies(after=after, limit=PAGE_ROWS, position=0)
            case "main-groups" | "user-groups":
                return await queries.groups(after=after, limit=PAGE_ROWS, position=0)
            case "centers":
                return await queries.centers(
                    company_id=None, today=today, after=after, limit=PAGE_ROWS, position=0
                )
            case "cards":
                return await queries.cards(
                    ended=False, today=today, after=after, limit=PAGE_ROWS, position=0
                )


def _rows(kind: Kind, found: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    if kind == "user-groups":
        groups = found["groups"]
        listed = json.loads(groups) if isinstance(groups, str) else groups
        return [
            {**group, "main_group": found["main_group"], "user_group": group["number"]}
            for group in listed
        ]
    if found.get("closed"):
        return ()
    return ({**found, **_address(found.get("address"))},)


def _address(found: Any) -> Mapping[str, Any]:
    if found is None:
        return {}
    address = json.loads(found) if isinstance(found, str) else found
    lines = {f"address_{n}": line for n, line in enumerate(address["lines"], 1)}
    told = {name: address[name] for name in ("postal_code", "city", "country")}
    return {"address_name": address["name"], **lines, **told}


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=DELIMITER, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode()
