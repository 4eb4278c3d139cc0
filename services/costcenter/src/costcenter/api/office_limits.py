"""Limits on every level over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import Response
from pydantic import ValidationError

from costcenter.api.office_bodies import Done, LimitAnswer, LimitBody, LimitDone, LimitsPage
from costcenter.api.office_kit import GroupNumber, OfficeRooms, Wanted, cursor_of, wanted
from costcenter.decider.structure.refusals import LimitImpossible
from costcenter.events import Level, Scope
from costcenter.handlers.structure import Groups
from kassenverbund.kit.routes import WRITE, Asked, Office, Reader, as_json, chainwide
from kassenverbund.kit.text import Identifier

Asks = Annotated[Wanted, Depends(wanted)]
LimitId = Annotated[Identifier, Path()]


def routes(rooms: OfficeRooms) -> APIRouter:
    found = APIRouter()
    _by_id(found, rooms.groups)
    _of_groups(found, rooms.groups)

    @found.get("/v1/limits", response_model=LimitsPage)
    async def limits(
        caller: Reader,
        asked: Asks,
        level: Level | None = None,
        scope: Annotated[str | None, Query(max_length=64)] = None,
    ) -> Response:
        """Limits in force, by id. `scope`: the id of what they limit (`1-4` for a user group)."""
        page = await rooms.queries.limits(
            level=level,
            scope_id=scope,
            after=asked.after,
            limit=asked.limit,
            position=asked.position,
        )
        rows = tuple(LimitAnswer(limit=row["document"], set_at=row["set_at"]) for row in page.rows)
        return as_json(LimitsPage(rows=rows, next=cursor_of(page.next), complete=page.complete))

    return found


def _by_id(routes: APIRouter, groups: Groups) -> None:
    """The levels whose scope is an id in the path."""
    levels: tuple[tuple[str, Level], ...] = (
        ("companies", "company"),
        ("centers", "center"),
        ("cards", "card"),
    )
    for folder, level in levels:
        _one(routes, groups, folder, level)


def _one(routes: APIRouter, groups: Groups, folder: str, level: Level) -> None:
    path = f"/v1/{folder}/{{scope_id}}/limits/{{limit_id}}"

    @routes.put(path, response_model=LimitDone, openapi_extra=WRITE, name=f"put_{level}_limit")
    async def put(
        scope_id: Identifier, limit_id: LimitId, body: LimitBody, asked: Office
    ) -> Response:
        """Set a limit, or another value of it. Its window and its goods stay."""
        return await _set(groups, asked, limit_id, Scope(level=level, id=scope_id), body)

    @routes.delete(path, response_model=Done, openapi_extra=WRITE, name=f"lift_{level}_limit")
    async def lift(scope_id: Identifier, limit_id: LimitId, asked: Office) -> Response:
        """It binds nothing any more."""
        return await _lift(groups, asked, limit_id, Scope(level=level, id=scope_id))


def _of_groups(routes: APIRouter, groups: Groups) -> None:
    main = "/v1/main-groups/{main_group}/limits/{limit_id}"
    user = "/v1/main-groups/{main_group}/user-groups/{number}/limits/{limit_id}"

    @routes.put(main, response_model=LimitDone, openapi_extra=WRITE)
    async def put_main(
        main_group: GroupNumber, limit_id: LimitId, body: LimitBody, asked: Office
    ) -> Response:
        """Set a limit on a main group, or another value of it."""
        scope = Scope(level="main_group", id=str(main_group))
        return await _set(groups, asked, limit_id, scope, body)

    @routes.delete(main, response_model=Done, openapi_extra=WRITE)
    async def lift_main(main_group: GroupNumber, limit_id: LimitId, asked: Office) -> Response:
        scope = Scope(level="main_group", id=str(main_group))
        return await _lift(groups, asked, limit_id, scope)

    @routes.put(user, response_model=LimitDone, openapi_extra=WRITE)
    async def put_user(
        main_group: GroupNumber,
        number: GroupNumber,
        limit_id: LimitId,
        body: LimitBody,
        asked: Office,
    ) -> Response:
        """Set a limit on a user group, or another value of it."""
        scope = Scope(level="user_group", id=f"{main_group}-{number}")
        return await _set(groups, asked, limit_id, scope, body)

    @routes.delete(user, response_model=Done, openapi_extra=WRITE)
    async def lift_user(
        main_group: GroupNumber, number: GroupNumber, limit_id: LimitId, asked: Office
    ) -> Response:
        scope = Scope(level="user_group", id=f"{main_group}-{number}")
        return await _lift(groups, asked, limit_id, scope)


async def _set(
    groups: Groups, asked: Asked, limit_id: str, scope: Scope, body: LimitBody
) -> Response:
    chainwide(asked.caller)
    try:
        limit = body.limit(limit_id, scope)
    except ValidationError as refused:
        raise LimitImpossible(refused.errors()[0]["msg"]) from None
    done = await groups.set_limit(
        asked.ask,
        limit=limit,
        opening_used=body.opening_used,
        opening_count=body.opening_count,
        opening_day=body.opening_day,
    )
    return as_json(LimitDone(limit=limit, position=done.position))


async def _lift(groups: Groups, asked: Asked, limit_id: str, scope: Scope) -> Response:
    chainwide(asked.caller)
    done = await groups.lift_limit(asked.ask, limit_id=limit_id, scope=scope)
    return as_json(Done(position=done.position))
