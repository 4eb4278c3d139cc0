"""What is left of limits, live: for the back office and for the company that pays."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from costcenter.api.reports import CenterId, Reader, check_own
from costcenter.events import Level, OnExceed, Window
from costcenter.handlers.remaining import (
    Balances,
    Place,
    Remaining,
    of_card,
    of_center,
    of_company,
    of_group,
)
from costcenter.queries import statement_centers
from costcenter.queries.reading import Reading
from costcenter.queries.statements import OFFICE
from kassenverbund.kit.auth import Caller, Forbidden
from kassenverbund.kit.text import Identifier
from money import Money

CENTERS_MAX = 200
"""Centers of a company that one page tells about."""

StoreId = Annotated[Identifier | None, Query()]


class LimitLeft(BaseModel):
    model_config = ConfigDict(frozen=True)

    level: Level
    id: str
    """Of what is limited: company id, `1`, `1-4`, center id or card id."""
    limit_id: str
    name: str
    window: Window
    first: date | None
    """Of the present window; None: each booking by itself."""
    last: date | None
    on_exceed: OnExceed
    value: Money | None
    used: Money | None
    left: Money | None
    count: int | None
    used_count: int
    left_count: int | None


class RemainingAnswer(BaseModel):
    model_config = ConfigDict(frozen=True)

    as_of: datetime
    position: int
    """Of the log: everything up to here is counted."""
    limits: tuple[LimitLeft, ...]
    next: str | None = None
    """There are more centers: ask again with it as `after`."""


def routes(balances: Balances, reading: Reading) -> APIRouter:
    found = APIRouter()
    _company(found, balances, reading)
    _others(found, balances, reading)
    return found


def _company(routes: APIRouter, balances: Balances, reading: Reading) -> None:
    @routes.get("/v1/companies/{company_id}/remaining", response_model=RemainingAnswer)
    async def company(
        caller: Reader,
        company_id: Annotated[Identifier, Path()],
        store: StoreId = None,
        after: Annotated[Identifier | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=CENTERS_MAX)] = CENTERS_MAX,
    ) -> Response:
        """Of the company, its main groups and user groups, and its centers. Which they are comes
        from the read model, what they have left from the accounts."""
        check_own(caller, company_id, company_id)
        async with reading.snapshot() as (connection, _, _):
            groups, centers = await statement_centers.of_company(
                connection, company_id, after=after or "", centers_max=limit + 1
            )
        places: list[Place] = []
        if after is None:
            places = [of_company(company_id), *map(of_group, groups)]
        places += map(of_center, centers[:limit])
        more = centers[limit - 1] if len(centers) > limit else None
        return _answer(await balances.of(places, store_id=store), more)


def _others(routes: APIRouter, balances: Balances, reading: Reading) -> None:
    @routes.get("/v1/centers/{center_id}/remaining", response_model=RemainingAnswer)
    async def center(caller: Reader, center_id: CenterId, store: StoreId = None) -> Response:
        if _outside(caller):
            async with reading.snapshot() as (connection, _, _):
                header = await statement_centers.header(connection, center_id)
            check_own(caller, header.company_id, center_id)
        return _answer(await balances.of([of_center(center_id)], store_id=store))

    @routes.get("/v1/main-groups/{main_group}/remaining", response_model=RemainingAnswer)
    async def group(
        caller: Reader,
        main_group: Annotated[int, Path(ge=1, le=1_000_000)],
        store: StoreId = None,
    ) -> Response:
        """With its user groups."""
        _inside(caller)
        return _answer(await balances.of([of_group(main_group)], store_id=store))

    @routes.get("/v1/cards/{card_id}/remaining", response_model=RemainingAnswer)
    async def card(
        caller: Reader, card_id: Annotated[Identifier, Path()], store: StoreId = None
    ) -> Response:
        _inside(caller)
        return _answer(await balances.of([of_card(card_id)], store_id=store))


def _outside(caller: Caller) -> bool:
    return not caller.roles & OFFICE


def _inside(caller: Caller) -> None:
    """Raises `Forbidden` for a company's own person: it asks for the company."""
    if _outside(caller):
        raise Forbidden("a company asks for itself or for one of its centers")


def _answer(found: Remaining, more: str | None = None) -> Response:
    limits = tuple(
        LimitLeft.model_construct(
            level=each.limit.scope.level,
            id=each.limit.scope.id,
            limit_id=each.limit.limit_id,
            name=each.limit.name,
            window=each.limit.window,
            first=each.first,
            last=each.last,
            on_exceed=each.limit.on_exceed,
            value=each.limit.amount,
            used=_money(each.used, each.limit.amount),
            left=_money(each.left, each.limit.amount),
            count=each.limit.count,
            used_count=each.used_count,
            left_count=each.left_count,
        )
        for each in found.limits
    )
    answer = RemainingAnswer.model_construct(
        as_of=found.as_of, position=found.position, limits=limits, next=more
    )
    return Response(answer.model_dump_json(), media_type="application/json")


def _money(minor: int | None, like: Money | None) -> Money | None:
    if minor is None or like is None:
        return None
    return Money.model_construct(amount=minor, currency=like.currency)
