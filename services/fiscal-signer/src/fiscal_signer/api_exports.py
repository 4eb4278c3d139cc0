"""HTTP: exports for inspections. Asked for, watched, fetched; auditors and operators alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid5

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import FileResponse
from pydantic import Field

from events import DomainError
from fiscal_signer.adapters.journal import PostgresJournal
from fiscal_signer.decider.exports import ExportUnknown, RequestExport
from fiscal_signer.events import ExportKind
from fiscal_signer.handlers.exports import Exports
from fiscal_signer.queries_exports import ExportQueries
from kassenverbund.kit.auth import Caller, Forbidden
from kassenverbund.kit.routes import WRITE, Answer, Asked, Body, Day, as_json, reads, writes
from kassenverbund.kit.text import Identifier

NAMED_MAX = 2_000
"""How many stores or tills a request may name; all are none."""

LISTED_MAX = 100
RETRY_S = 2

_IDS = UUID("b7a5e1c8-0d55-4c5b-8f0a-7a1f3c2d9e10")

MEDIA = {"dsfinvk": "application/zip", "tar": "application/zip", "report_146a": "application/zip"}

Inspector = Annotated[Caller, Depends(reads("auditor", "operator"))]
Asking = Annotated[Asked, Depends(writes("auditor", "operator"))]


class ExportKindUnsupported(DomainError):
    code = "export.kind_unsupported"
    status = 422
    title = "This kind of export is not made here"


class ExportPeriodEmpty(DomainError):
    code = "export.period_empty"
    status = 422
    title = "The period ends before it begins"


class ExportPeriodOpen(DomainError):
    code = "export.period_open"
    status = 422
    title = "The period is not over: what TSEs sign in it now would make another export"


class ExportUnfinished(DomainError):
    code = "export.unfinished"
    status = 409
    title = "The export is not there yet"


class ExportBody(Body):
    """`begin` and `end`: business dates of the closings, both included."""

    kind: ExportKind = "dsfinvk"
    store_ids: Annotated[tuple[Identifier, ...], Field(max_length=NAMED_MAX)] = ()
    till_ids: Annotated[tuple[Identifier, ...], Field(max_length=NAMED_MAX)] = ()
    begin: Day
    end: Day


class ExportAnswer(Answer):
    """`state`: `waiting`, `running`, `failed` or `done`."""

    export_id: str
    kind: str
    state: str
    store_ids: tuple[str, ...]
    till_ids: tuple[str, ...]
    begin: date
    end: date
    journal_position: int
    requested_by: str
    requested_at: datetime
    closings: int = 0
    closings_max: int = 0
    """How many there are to export; 0: not counted yet."""
    rows: int = 0
    """Written so far, in all tables."""
    differences: int | None = None
    sha256: str | None = None
    bytes: int | None = None
    failure: str | None = None
    detail: str | None = None


class ExportList(Answer):
    items: tuple[ExportAnswer, ...]


def routes(
    exports: Exports,
    queries: ExportQueries,
    journal: PostgresJournal,
    clock: Callable[[], datetime],
) -> APIRouter:
    """Below `/fiscal-signer/v1`."""
    found = APIRouter(prefix="/exports")
    _asking(found, exports, queries, journal, clock)
    _looking(found, exports, queries)
    return found


def _asking(
    found: APIRouter,
    exports: Exports,
    queries: ExportQueries,
    journal: PostgresJournal,
    clock: Callable[[], datetime],
) -> None:
    @found.post("", status_code=202, openapi_extra=WRITE, response_model=ExportAnswer)
    async def request_export(body: ExportBody, asked: Asking) -> Response:
        if body.kind not in exports.kinds:
            raise ExportKindUnsupported(body.kind)
        if body.end < body.begin:
            raise ExportPeriodEmpty
        if body.kind == "tar" and body.end >= clock().date():
            raise ExportPeriodOpen
        command = RequestExport(
            export_id=str(uuid5(_IDS, asked.ask.key)),
            kind=body.kind,
            store_ids=_stores(asked.caller, body.store_ids),
            till_ids=body.till_ids,
            begin=body.begin,
            end=body.end,
            journal_position=await journal.head(),
            requested_by=asked.caller.actor,
            now=clock(),
        )
        handled = await exports.request(command, asked.ask)
        await queries.wait(handled.position)
        return as_json(await _view(queries, exports, command.export_id, asked.caller), 202)


def _looking(found: APIRouter, exports: Exports, queries: ExportQueries) -> None:
    @found.get("")
    async def list_exports(
        caller: Inspector, limit: Annotated[int, Query(ge=1, le=LISTED_MAX)] = LISTED_MAX
    ) -> ExportList:
        rows = await queries.newest(limit, store_id=caller.store_id)
        return ExportList(items=tuple(_answer(row) for row in rows))

    @found.get("/{export_id}", response_model=ExportAnswer)
    async def show_export(export_id: Identifier, caller: Inspector) -> Response:
        return as_json(await _view(queries, exports, export_id, caller))

    @found.get(
        "/{export_id}/file",
        response_class=FileResponse,
        responses={200: {"content": {"application/zip": {}}}},
    )
    async def fetch_export(export_id: Identifier, caller: Inspector) -> Response:
        """The file. 409 with Retry-After: it is not made yet, or is made again by this process."""
        view = await _view(queries, exports, export_id, caller)
        path: Path | None = None
        if view.state == "done" and view.bytes is not None:
            path = exports.file(export_id, view.bytes)
        if path is None:
            raise ExportUnfinished(view.failure or view.state, retry_after_s=RETRY_S)
        return FileResponse(
            path,
            media_type=MEDIA[view.kind],
            filename=f"{view.kind}_{view.begin}_{view.end}.zip",
            headers={"x-content-sha256": view.sha256 or ""},
        )


def _stores(caller: Caller, wanted: tuple[str, ...]) -> tuple[str, ...]:
    if caller.store_id is None:
        return wanted
    if set(wanted) - {caller.store_id}:
        raise Forbidden("this caller belongs to another store")
    return (caller.store_id,)


async def _view(
    queries: ExportQueries, exports: Exports, export_id: str, caller: Caller
) -> ExportAnswer:
    """Raises `ExportUnknown`, also for another store's export."""
    row = await queries.export(export_id)
    if row is None:
        # Recorded, and not in the read model yet.
        request = (await exports.wanted(export_id)).model_dump(mode="json")
        row = {"request": request, "result": None, "state": "waiting"}
    if caller.store_id is not None and row["request"]["store_ids"] != [caller.store_id]:
        raise ExportUnknown
    return _answer(row)


def _answer(row: dict[str, Any]) -> ExportAnswer:
    request, result = row["request"], row["result"] or {}
    running = row["state"] == "waiting" and row.get("worked_on")
    return ExportAnswer(
        **request,
        state="running" if running else row["state"],
        closings=row.get("closings", 0),
        closings_max=row.get("closings_max", 0),
        rows=row.get("rows", 0),
        differences=result.get("differences"),
        sha256=result.get("sha256"),
        bytes=result.get("bytes"),
        failure=row.get("failure"),
        detail=row.get("detail"),
    )
