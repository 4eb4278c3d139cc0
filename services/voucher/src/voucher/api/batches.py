"""Print runs, imports and exports over HTTP. Codes leave in one answer only: a run's file."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import datetime
from typing import IO, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import Field

from events import DomainError
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.idempotency import checked_key, streamed_ask
from kassenverbund.kit.routes import WRITE, Answer, Body, Office, as_json, chainwide, reads
from kassenverbund.kit.text import Identifier, SafeName
from money import Money
from voucher.api.catalogue import Value
from voucher.decider.batch import Batch
from voucher.handlers.batches import CARDS_MAX, Batches
from voucher.handlers.exports import Exports
from voucher.handlers.import_file import FILE_BYTES_MAX, ImportFile
from voucher.handlers.imports import Imports, Report

IMPORT_PATH = "/v1/imports"

STREAMED = {IMPORT_PATH: FILE_BYTES_MAX}
"""Routes that read their body as a stream."""

AMOUNT_MINOR_MAX = 10**12
SPOOLED_BYTES_MAX = 4 * 1024 * 1024
"""An export larger than this is built on disk."""

READ_BYTES = 64 * 1024

FED_BYTES = 8 * 1024
"""Some 200 rows of an import: what is read without a break."""

BackOffice = Annotated[Caller, Depends(reads("back_office"))]
BatchReader = Annotated[Caller, Depends(reads("back_office", "manager", "auditor"))]


class OrderBody(Body):
    cards: Annotated[int, Field(ge=1, le=CARDS_MAX)]
    template_id: Identifier
    legal_entity_id: Identifier
    value: Value | None = None
    """Fixed value of the cards. None: the template's, or chosen at the till."""


class ExportedBody(Body):
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of the file as it arrived."""


class VoidBody(Body):
    reason: SafeName


class BatchAnswer(Answer):
    batch_id: str
    kind: str
    state: str
    """`running`, `completed`, `exported` or `voided`."""
    cards: int
    done: int
    legal_entity_id: str
    template_id: str | None
    value: Money | None
    total: Money | None
    """An import: the sum of its balances."""
    ordered_at: datetime
    completed_at: datetime | None
    sha256: str | None
    """Of the file that was handed out."""
    reason: str | None
    """Why it was voided."""


class RefusalAnswer(Answer):
    line: int
    column: str | None
    reason: str
    other_line: int | None


class ReportAnswer(Answer):
    """What a dry run found."""

    acceptable: bool
    rows: int
    total: Money
    weak: int
    """Short codes of other systems: they are guessed at more narrowly."""
    sums_match: bool
    refused: tuple[RefusalAnswer, ...]
    refused_count: int


class MediaTypeWrong(DomainError):
    code = "request.media_type"
    status = 415
    title = "The body must be text/csv in UTF-8"


def routes(batches: Batches, imports: Imports, exports: Exports) -> APIRouter:
    """Routes of batches, below `/voucher`."""
    found = APIRouter()
    _runs(found, batches)
    _files(found, batches)
    _imports(found, imports)
    _exports(found, exports)
    return found


def _runs(routes: APIRouter, batches: Batches) -> None:
    @routes.put(
        "/v1/batches/{batch_id}",
        response_model=BatchAnswer,
        status_code=202,
        openapi_extra=WRITE,
    )
    async def order(batch_id: Identifier, body: OrderBody, asked: Office) -> Response:
        """Order a run of blank cards. They are made in the background: ask for the batch."""
        chainwide(asked.caller)
        done = await batches.order(
            asked.ask,
            batch_id=batch_id,
            cards=body.cards,
            template_id=body.template_id,
            value=body.value,
            legal_entity_id=body.legal_entity_id,
        )
        return as_json(_shown(done), 202)

    @routes.get("/v1/batches/{batch_id}", response_model=BatchAnswer)
    async def batch(batch_id: Identifier, caller: BatchReader) -> Response:
        """How far a run or an import is."""
        return as_json(_shown(await batches.batch(batch_id)))

    @routes.post("/v1/batches/{batch_id}/void", response_model=BatchAnswer, openapi_extra=WRITE)
    async def void(batch_id: Identifier, body: VoidBody, asked: Office) -> Response:
        """Cards of the run that were never sold open nothing any more."""
        chainwide(asked.caller)
        done = await batches.void(asked.ask, batch_id=batch_id, reason=body.reason)
        return as_json(_shown(done))


def _files(routes: APIRouter, batches: Batches) -> None:
    @routes.post(
        "/v1/batches/{batch_id}/export",
        response_class=Response,
        responses={200: {"content": {"text/csv": {}}}},
        openapi_extra=WRITE,
    )
    async def export(batch_id: Identifier, asked: Office) -> Response:
        """The codes for the print shop: serial, code, QR text. One request gets them; its repeat
        gets the same file, until it is acknowledged."""
        chainwide(asked.caller)
        file = await batches.export(asked.ask, batch_id=batch_id)
        return Response(
            file.content,
            media_type="text/csv; charset=utf-8",
            headers={
                "content-disposition": f'attachment; filename="{batch_id}.csv"',
                "x-content-sha256": file.digest,
            },
        )

    @routes.post("/v1/batches/{batch_id}/exported", response_model=BatchAnswer, openapi_extra=WRITE)
    async def exported(batch_id: Identifier, body: ExportedBody, asked: Office) -> Response:
        """The file arrived whole: the codes are wiped here."""
        chainwide(asked.caller)
        done = await batches.exported(asked.ask, batch_id=batch_id, digest=body.sha256)
        return as_json(_shown(done))


def _imports(routes: APIRouter, imports: Imports) -> None:
    @routes.post(
        IMPORT_PATH,
        response_model=None,
        status_code=202,
        responses={200: {"model": ReportAnswer}, 202: {"model": BatchAnswer}},
        openapi_extra={
            **WRITE,
            "requestBody": {
                "required": True,
                "content": {"text/csv": {"schema": {"type": "string"}}},
            },
        },
    )
    async def take(
        request: Request,
        caller: BackOffice,
        count: Annotated[int, Query(ge=0, le=10**9)],
        total: Annotated[int, Query(ge=0, le=AMOUNT_MINOR_MAX)],
        currency: Annotated[str, Query(pattern=r"^[A-Z]{3}$")] = "EUR",
        legal_entity_id: Identifier | None = None,
        dry_run: bool = False,
    ) -> Response:
        """Take vouchers over from a CSV file: all of them, or none. `count` and `total` (minor
        units) must be what the file holds. The columns are described in the documentation.

        422 `import.refused` lists the lines that cannot be taken over; `dry_run` gives the list
        alone."""
        chainwide(caller)
        checked_key(request.headers.get("idempotency-key"))
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "text/csv":
            raise MediaTypeWrong
        file = imports.open_file(legal_entity_id)
        digest = await _fed(request, file)
        wanted = Money(amount=total, currency=currency)
        if dry_run:
            return as_json(_report(await imports.check(file, count=count, total=wanted)))
        ask = streamed_ask(request, caller, digest)
        return as_json(_shown(await imports.take(ask, file, count=count, total=wanted)), 202)


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


def _exports(routes: APIRouter, exports: Exports) -> None:
    @routes.get(
        "/v1/exports/vouchers",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/csv": {}}}},
    )
    async def vouchers(caller: BackOffice) -> StreamingResponse:
        """All vouchers that are worth something, and blank cards, with hashes instead of codes: for
        an import into another installation with the same root key. Headers tell what the import
        asks for: `x-vouchers-count`, `x-vouchers-total` (minor units)."""
        chainwide(caller)
        sums = await exports.begin()
        # Counted before it is sent, so the file is built first: headers cannot follow.
        built: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=SPOOLED_BYTES_MAX)  # noqa: SIM115  (`_pieces` closes it)
        digest = hashlib.sha256()
        try:
            async for page in exports.lines(sums):
                digest.update(page)
                built.write(page)
        except BaseException:
            built.close()
            raise
        return StreamingResponse(
            _pieces(built),
            media_type="text/csv; charset=utf-8",
            headers={
                "content-disposition": 'attachment; filename="vouchers.csv"',
                "x-vouchers-count": str(sums.count),
                "x-vouchers-total": str(sums.total),
                "x-vouchers-held": str(sums.held),
                "x-vouchers-pending": str(sums.pending),
                "x-position": str(sums.position),
                "x-content-sha256": digest.hexdigest(),
            },
        )


async def _pieces(built: IO[bytes]) -> AsyncIterator[bytes]:
    with built:
        built.seek(0)
        while piece := built.read(READ_BYTES):
            yield piece


def _shown(batch: Batch) -> BatchAnswer:
    return BatchAnswer(
        batch_id=batch.batch_id,
        kind=batch.kind,
        state=batch.state,
        cards=batch.cards,
        done=batch.done,
        legal_entity_id=batch.legal_entity_id,
        template_id=batch.terms.template_id,
        value=batch.value,
        total=batch.total,
        ordered_at=batch.ordered_at,
        completed_at=batch.completed_at,
        sha256=batch.digest,
        reason=batch.void_reason,
    )


def _report(report: Report) -> ReportAnswer:
    refused: tuple[Any, ...] = tuple(asdict(refusal) for refusal in report.refused)
    return ReportAnswer(
        acceptable=report.acceptable,
        rows=report.rows,
        total=report.total,
        weak=report.weak,
        sums_match=report.sums_match,
        refused=tuple(RefusalAnswer(**refusal) for refusal in refused),
        refused_count=report.refused_count,
    )
