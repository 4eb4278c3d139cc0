"""Cost centers over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from costcenter.api.office_bodies import (
    CardAnswer,
    CenterAnswer,
    CenterBody,
    CenterDone,
    CentersPage,
    CenterWithCards,
    LimitAnswer,
    ReasonBody,
)
from costcenter.api.office_kit import OfficeRooms, Position, Wanted, cursor_of, wanted
from costcenter.decider.structure.refusals import CenterUnknown
from costcenter.decider.structure_state import Center
from costcenter.handlers.structure_centers import CenterData, Centers
from kassenverbund.kit.routes import WRITE, Empty, Managers, Office, Reader, as_json, chainwide
from kassenverbund.kit.text import Identifier

CARDS_SHOWN = 500
"""Cards that stand beside their center; more are asked for page by page."""

LIMITS_SHOWN = 100

Asks = Annotated[Wanted, Depends(wanted)]


def routes(rooms: OfficeRooms) -> APIRouter:
    found = APIRouter()
    _writes(found, rooms.centers)
    _reads(found, rooms)
    return found


def _writes(routes: APIRouter, centers: Centers) -> None:
    @routes.put("/v1/centers/{center_id}", response_model=CenterDone, openapi_extra=WRITE)
    async def put(center_id: Identifier, body: CenterBody, asked: Office) -> Response:
        """Open a center (number and name are enough), or say what it is called from now on.

        Its number stays: slips carry it."""
        chainwide(asked.caller)
        data = CenterData(
            center_id=center_id,
            number=body.number,
            name=body.name,
            company_id=body.company_id,
            address=None if body.address is None else body.address.address(),
            contact_id=body.contact_id,
            valid_from=body.valid_from,
            valid_until=body.valid_until,
        )
        done = await centers.put(asked.ask, data)
        return as_json(_done(done.center, done.position, done.warnings))

    @routes.post("/v1/centers/{center_id}/block", response_model=CenterDone, openapi_extra=WRITE)
    async def block(center_id: Identifier, body: ReasonBody, asked: Managers) -> Response:
        """It cannot be charged until it is unblocked."""
        done = await centers.block(asked.ask, center_id=center_id, reason=body.reason)
        return as_json(_done(done.state, done.position))

    @routes.post("/v1/centers/{center_id}/unblock", response_model=CenterDone, openapi_extra=WRITE)
    async def unblock(center_id: Identifier, body: Empty, asked: Managers) -> Response:
        done = await centers.unblock(asked.ask, center_id=center_id)
        return as_json(_done(done.state, done.position))

    @routes.post("/v1/centers/{center_id}/close", response_model=CenterDone, openapi_extra=WRITE)
    async def close(center_id: Identifier, body: ReasonBody, asked: Office) -> Response:
        """For good. What was charged stays and is still invoiced."""
        chainwide(asked.caller)
        done = await centers.close(asked.ask, center_id=center_id, reason=body.reason)
        return as_json(_done(done.state, done.position))


def _done(center: Center, position: int, warnings: tuple[str, ...] = ()) -> CenterDone:
    assert center.center_id is not None  # It was written just now.
    return CenterDone(
        center_id=center.center_id,
        number=center.number,
        name=center.name,
        company_id=center.company_id,
        blocked=center.blocked,
        closed=center.closed,
        warnings=warnings,
        position=position,
    )


def _reads(routes: APIRouter, rooms: OfficeRooms) -> None:
    queries = rooms.queries

    @routes.get("/v1/centers", response_model=CentersPage)
    async def centers(
        caller: Reader, asked: Asks, company_id: Identifier | None = None
    ) -> Response:
        """Centers by number, with their state and how many cards book to each."""
        page = await queries.centers(
            company_id=company_id,
            today=rooms.today(),
            after=asked.after,
            limit=asked.limit,
            position=asked.position,
        )
        rows = tuple(CenterAnswer.model_validate(row) for row in page.rows)
        return as_json(CentersPage(rows=rows, next=cursor_of(page.next), complete=page.complete))

    @routes.get("/v1/centers/{center_id}", response_model=CenterWithCards)
    async def center(center_id: Identifier, caller: Reader, position: Position = 0) -> Response:
        """One center with its limits and the cards that book to it now."""
        today = rooms.today()
        found = await queries.center(center_id, today=today, position=position)
        if found is None:
            raise CenterUnknown(center_id)
        cards = await queries.cards(
            center_id=center_id, today=today, after="", limit=CARDS_SHOWN, position=0
        )
        limits = await queries.limits(
            level="center", scope_id=center_id, after="", limit=LIMITS_SHOWN, position=0
        )
        return as_json(
            CenterWithCards(
                center=CenterAnswer.model_validate(found),
                cards=tuple(CardAnswer.model_validate(row) for row in cards.rows),
                next=cursor_of(cards.next),
                limits=tuple(
                    LimitAnswer(limit=row["document"], set_at=row["set_at"]) for row in limits.rows
                ),
                complete=await queries.reached(position),
            )
        )
