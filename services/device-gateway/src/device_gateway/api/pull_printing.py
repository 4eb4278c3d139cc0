"""Printers that fetch their jobs: Epson Server Direct Print and Star CloudPRNT.

`/stores/{store}/pull/{printer}`: one address per printer, for all that its maker's protocol asks.
Who asks is the printer: HTTP Digest or Basic with its `pull_id` and a password that a manager looks
up (`GET …/v1/printers/{printer}/pull`). A job is handed out once; if the printer never says what
came of it, it is `unknown`.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict

from device_gateway.adapters.pull import epson_sdp, star_cloudprnt
from device_gateway.adapters.pull.door import Door
from device_gateway.adapters.pull.papers import opens_drawer, papers_of
from device_gateway.api.callers import in_store
from device_gateway.events import StorePrinter
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.printers import NoSpool, PrinterUnknown, printer_of
from device_gateway.ports.printers import Printers
from device_gateway.printing.job import JobState
from device_gateway.printing.ports import PULLED, Taken
from events import DomainError
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.text import Identifier

FORM_FIELDS_MAX = 10
AGAIN_AFTER_S = 5.0
"""A job that a printer could not take is offered again after this long …"""
GIVE_UP_AFTER = timedelta(minutes=15)
"""… until it is as old as this."""

Manager = Annotated[Caller, Depends(in_store("manager"))]


class PullAnswer(BaseModel):
    """What is typed into the printer."""

    model_config = ConfigDict(frozen=True)

    protocol: str
    path: str
    user: str
    password: str


def router(gateway: Gateway) -> APIRouter:
    """Routes of printers, and the one of the manager who sets them up."""
    routes = APIRouter(prefix="/{store_id}", tags=["pull printing"])
    door = Door(gateway.secrets)

    @routes.get("/v1/printers/{printer_id}/pull")
    async def credentials(
        store_id: Identifier, printer_id: Identifier, caller: Manager
    ) -> PullAnswer:
        printer = await printer_of(gateway, store_id, printer_id)
        if printer.pull is None or printer.pull_id is None:
            raise PrinterUnknown
        return PullAnswer(
            protocol=printer.pull,
            path=f"/stores/{store_id}/pull/{printer_id}",
            user=printer.pull_id,
            password=door.password(store_id, printer_id, printer.pull_id),
        )

    @routes.api_route(
        "/pull/{printer_id}", methods=["POST", "GET", "DELETE"], include_in_schema=False
    )
    async def pull(store_id: str, printer_id: str, request: Request) -> Response:
        printer = await _known(gateway, door, store_id, printer_id, request)
        if printer is None:
            refused = Response(status_code=401)
            for challenge in door.challenges(gateway.clock()):
                refused.headers.append("WWW-Authenticate", challenge)
            return refused
        if gateway.printers is None:
            raise NoSpool
        visit = _Visit(gateway, gateway.printers, store_id, printer)
        if printer.pull == "epson_sdp":
            return await _epson(visit, request)
        return await _star(visit, request)

    return routes


async def _known(
    gateway: Gateway, door: Door, store_id: str, printer_id: str, request: Request
) -> StorePrinter | None:
    """The printer, if it is the one that it says. Strangers learn nothing of what there is."""
    header = request.headers.get("authorization", "")
    try:
        printer = await printer_of(gateway, store_id, printer_id)
    except DomainError:
        return None
    if printer.pull is None or printer.pull_id is None:
        return None
    query = request.url.query
    uri = request.url.path + (f"?{query}" if query else "")
    proven = door.opens(
        header,
        user=printer.pull_id,
        password=door.password(store_id, printer_id, printer.pull_id),
        method=request.method,
        uri=uri,
        now=gateway.clock(),
    )
    return printer if proven else None


class _Visit:
    """One request of one printer."""

    def __init__(
        self, gateway: Gateway, spool: Printers, store_id: str, printer: StorePrinter
    ) -> None:
        self.spool = spool
        self.store_id = store_id
        self.printer = printer
        self.now: datetime = gateway.clock()

    async def is_like(self, reason: str) -> None:
        """The printer told how it is."""
        await self.spool.found(self.store_id, self.printer.printer_id, reason)

    async def answered(self, taken: Taken, outcome: str, reason: str) -> None:
        """The printer told what came of its job."""
        job, due_at = taken.job, None
        state = JobState.UNKNOWN
        if outcome == "printed":
            state = JobState.CONFIRMED
        elif outcome == "refused" and taken.part == 0:
            state = JobState.FAILED
            if self.now - job.queued_at < GIVE_UP_AFTER:
                due_at = self.now + timedelta(seconds=AGAIN_AFTER_S)
        await self.spool.answered(job, state, reason, owner=PULLED, due_at=due_at)
        await self.is_like(reason if outcome != "refused" else "")

    async def next_job(self) -> Taken | None:
        """A job to hand out now; what is too late is not handed out any more."""
        while True:
            taken = await self.spool.hand_out(self.printer.printer_id)
            if taken is None or taken.job.give_up_at is None or self.now < taken.job.give_up_at:
                return taken
            await self.spool.answered(
                taken.job, JobState.FAILED, "too_late", owner=PULLED, due_at=None
            )

    async def has(self) -> Taken | None:
        """The job that the printer has and has not answered for."""
        return await self.spool.handed_out(self.printer.printer_id)


async def _form(request: Request) -> dict[str, str]:
    body = (await request.body()).decode("utf-8", errors="replace")
    try:
        fields = parse_qs(body, keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


async def _epson(visit: _Visit, request: Request) -> Response:
    form = await _form(request) if request.method == "POST" else {}
    answer = epson_sdp.EMPTY
    match form.get("ConnectionType"):
        case "GetRequest":
            taken = await visit.next_job()
            if taken is not None:
                answer = await asyncio.to_thread(_epson_job, taken, visit.printer)
        case "SetResponse":
            result = epson_sdp.result_of(form.get("ResponseFile", ""))
            taken = await visit.has()
            if taken is not None and result is not None and _concerns(result, taken):
                await visit.answered(taken, result.outcome, result.reason)
        case "SetStatus":
            reason = epson_sdp.status_of(form.get("Status", ""))
            if reason is not None:
                await visit.is_like(reason)
        case _:
            return Response(status_code=400)
    return Response(answer, media_type=epson_sdp.MEDIA_TYPE)


def _concerns(result: epson_sdp.Result, taken: Taken) -> bool:
    """A refusal of the whole answer names no job: the printer has only this one."""
    if result.token is None:
        return result.outcome == "refused"
    return result.token == epson_sdp.token_of(taken.job.job_id)


def _epson_job(taken: Taken, printer: StorePrinter) -> bytes:
    return epson_sdp.request_of(taken.job.job_id, taken.payload, papers_of(taken.payload, printer))


async def _star(visit: _Visit, request: Request) -> Response:
    match request.method:
        case "POST":
            return await _star_poll(visit, request)
        case "GET":
            return await _star_job(visit, request)
        case _:
            return await _star_done(visit, request)


async def _star_poll(visit: _Visit, request: Request) -> Response:
    said: Any = None
    try:
        said = await request.json()
    except ValueError:
        return Response(status_code=400)
    if not isinstance(said, dict):
        return Response(status_code=400)
    reason = star_cloudprnt.reason_of(str(said.get("statusCode") or "200"))
    await visit.is_like(reason)
    ready = reason in ("", "paper_near_end") and not said.get("printingInProgress")
    token = await _offered(visit) if ready else None
    if token is None:
        return JSONResponse({"jobReady": False})
    return JSONResponse(
        {
            "jobReady": True,
            "mediaTypes": [star_cloudprnt.MEDIA_TYPE],
            "jobToken": token,
            "deleteMethod": "DELETE",
        }
    )


async def _offered(visit: _Visit) -> str | None:
    """The token of the paper that the printer may fetch. A paper that it has fetched and not
    answered for is not offered again: it may hang in the printer."""
    taken = await visit.has()
    if taken is None:
        taken = await visit.next_job()
        return None if taken is None else star_cloudprnt.token_of(taken.job.job_id, taken.part)
    if taken.fetched:
        return None
    return star_cloudprnt.token_of(taken.job.job_id, taken.part)


async def _star_job(visit: _Visit, request: Request) -> Response:
    taken = await visit.has()
    if taken is None or not _is_meant(taken, request):
        return Response(status_code=404)
    if request.query_params.get("type", star_cloudprnt.MEDIA_TYPE) != star_cloudprnt.MEDIA_TYPE:
        return Response(status_code=415)
    if not await visit.spool.fetch(taken.job.job_id, taken.part):
        return Response(status_code=404)
    papers = await asyncio.to_thread(papers_of, taken.payload, visit.printer)
    picture = await asyncio.to_thread(star_cloudprnt.picture_of, papers, taken.part)
    headers = star_cloudprnt.headers_of(
        cut=visit.printer.cut,
        drawer=taken.part == 0 and opens_drawer(taken.payload),
        has_paper=bool(papers),
    )
    return Response(picture, media_type=star_cloudprnt.MEDIA_TYPE, headers=headers)


async def _star_done(visit: _Visit, request: Request) -> Response:
    """A repeated confirmation finds another paper, or none, and changes nothing."""
    taken = await visit.has()
    if taken is None or not _is_meant(taken, request):
        return Response(status_code=200)
    outcome, reason = star_cloudprnt.outcome_of(request.query_params.get("code", ""))
    if outcome == "printed":
        papers = await asyncio.to_thread(papers_of, taken.payload, visit.printer)
        if taken.part + 1 < len(papers):
            await visit.spool.next_part(taken.job.job_id, taken.part + 1)
            return Response(status_code=200)
    await visit.answered(taken, outcome, reason)
    return Response(status_code=200)


def _is_meant(taken: Taken, request: Request) -> bool:
    """Old firmware sends no token; then it can only mean the paper that it has."""
    token = request.query_params.get("token")
    return token is None or token == star_cloudprnt.token_of(taken.job.job_id, taken.part)
