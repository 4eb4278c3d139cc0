"""Imports and exports over HTTP. Files are streamed, never held whole."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response, StreamingResponse

from costcenter.handlers.import_file import FILE_BYTES_MAX, ImportFile
from costcenter.handlers.import_rows import KINDS, Kind
from costcenter.handlers.imports import ImportDesk, ImportRefused
from costcenter.queries.exports import Exports
from costcenter.structure_ports import Import, ImportState
from events import DomainError
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.idempotency import checked_key, streamed_ask
from kassenverbund.kit.routes import WRITE, Answer, Reader, as_json, chainwide, reads
from kassenverbund.kit.text import Identifier

STREAMED = {f"/v1/imports/{kind}": FILE_BYTES_MAX for kind in KINDS}
FED_BYTES = 16 * 1024

CHECKED_S = 20.0
"""How long a request waits for its file to be checked."""

BackOffice = Annotated[Caller, Depends(reads("back_office"))]


class MediaTypeWrong(DomainError):
    code = "request.media_type"
    status = 415
    title = "The body must be text/csv"


class RefusedRow(Answer):
    line: int
    column: str | None
    code: str
    message: str
    other_line: int | None


class ImportAnswer(Answer):
    import_id: str
    kind: str
    state: ImportState
    """`checking` and `running` go on; `completed`, `refused` and (dry run) `checked` are ends."""
    dry_run: bool
    rows: int
    done: int
    """Of the rows: checked or stored."""
    facts: int
    """That are recorded, or (dry run) would be. 0: everything is so already."""
    since: datetime
    refused: tuple[RefusedRow, ...]
    refused_count: int


def routes(imports: ImportDesk, exports: Exports) -> APIRouter:
    """Routes below `/costcenter`."""
    found = APIRouter()
    _take(found, imports)

    @found.get("/v1/imports/{import_id}", response_model=ImportAnswer)
    async def state(import_id: Identifier, caller: Reader) -> Response:
        """How far an import is."""
        chainwide(caller)
        return as_json(_shown(await imports.get(import_id)))

    @found.get(
        "/v1/exports/{kind}",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/csv": {}}}},
    )
    async def export(kind: Kind, caller: BackOffice) -> StreamingResponse:
        """All of one kind that is not closed, as an import takes it. No code leaves."""
        chainwide(caller)
        lines = exports.lines(kind)
        first = await anext(lines)
        return StreamingResponse(
            _all(first, lines),
            media_type="text/csv; charset=utf-8",
            headers={"content-disposition": f'attachment; filename="{kind}.csv"'},
        )

    return found


def _take(routes: APIRouter, imports: ImportDesk) -> None:
    @routes.post(
        "/v1/imports/{kind}",
        response_model=None,
        status_code=202,
        responses={200: {"model": ImportAnswer}, 202: {"model": ImportAnswer}},
        openapi_extra={
            **WRITE,
            "requestBody": {
                "required": True,
                "content": {"text/csv": {"schema": {"type": "string"}}},
            },
        },
    )
    async def take(
        kind: Kind, request: Request, caller: BackOffice, dry_run: bool = False
    ) -> Response:
        """Take a CSV file over: all of its rows, or none. The columns are described in the
        documentation. 422 `import.refused` lists the rows that cannot be; `dry_run` gives the
        list alone (200). The rows are stored in the background, and those of a large file are
        checked there too (202): ask the import how far it is."""
        chainwide(caller)
        checked_key(request.headers.get("idempotency-key"))
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "text/csv":
            raise MediaTypeWrong
        file = imports.open_file(kind)
        ask = streamed_ask(request, caller, await _fed(request, file))
        entry = await imports.take(ask, file, dry_run=dry_run)
        entry = await imports.checked(entry, wait_s=CHECKED_S)
        if entry.state == "refused" and not dry_run:
            raise ImportRefused(**entry.report, rows=entry.rows, import_id=entry.import_id)
        return as_json(_shown(entry), 200 if dry_run and entry.state != "checking" else 202)


async def _fed(request: Request, file: ImportFile) -> bytes:
    """Read the body into `file`; answers its SHA-256."""
    digest = hashlib.sha256()
    async for piece in request.stream():
        digest.update(piece)
        for start in range(0, len(piece), FED_BYTES):
            file.feed(piece[start : start + FED_BYTES])
            await asyncio.sleep(0)  # A till that asks meanwhile is answered first.
    file.close()
    return digest.digest()


async def _all(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for page in rest:
        yield page


def _shown(entry: Import) -> ImportAnswer:
    return ImportAnswer(
        import_id=entry.import_id,
        kind=entry.kind,
        state=entry.state,
        dry_run=entry.dry_run,
        rows=entry.rows,
        done=entry.done,
        facts=entry.facts,
        since=entry.since,
        refused=tuple(RefusedRow(**refusal) for refusal in entry.report["refused"]),
        refused_count=entry.report["refused_count"],
    )
