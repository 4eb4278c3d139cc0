"""Leases over HTTP: a store's share of the limits for the time without a line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import AwareDatetime, Field

from costcenter.api.office_kit import Position
from costcenter.decider.lease import Lease
from costcenter.decider.structure_state import Center, CenterCard
from costcenter.events import CardKind
from costcenter.handlers.lease_grounds import WantedLease
from costcenter.handlers.leases import Leases
from costcenter.queries.leases import LeaseQueries
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.routes import (
    PAGE_DEFAULT,
    WRITE,
    Answer,
    Asked,
    Body,
    Managers,
    PageSize,
    Positive,
    as_json,
    reads,
    within,
    writes,
)
from kassenverbund.kit.text import Identifier, SafeName
from money import Money

CHARGES_MAX = 10_000
"""Of one lease, or named in one return."""

Lessee = Annotated[Asked, Depends(writes("service", "manager", "back_office"))]
Viewer = Annotated[
    Caller, Depends(reads("service", "manager", "back_office", "auditor", "operator"))
]


class LeaseBody(Body):
    """What a store wants to be able to charge without a line."""

    store_id: Identifier
    center_id: Identifier
    card_id: Identifier | None = None
    """One card, with its own limits. Null: all cards of the center that have none of their own."""
    amount: Positive
    count: Annotated[int, Field(ge=1, le=CHARGES_MAX)]
    """How many charges."""
    hours: Annotated[int, Field(ge=1, le=720)]
    """How long it may be used; the chain may allow less (`cost_centers.lease_max_hours`)."""


class ReturnBody(Body):
    charges: Annotated[tuple[Identifier, ...], Field(max_length=CHARGES_MAX)] = ()
    """Every charge that the store has made against the lease: each has to have arrived."""


class WriteOffBody(Body):
    reason: SafeName


class CardAnswer(Answer):
    card_id: str
    number: str
    kind: CardKind


class CenterAnswer(Answer):
    center_id: str
    number: str
    name: str


class LeaseAnswer(Answer):
    lease_id: str
    store_id: str
    state: Literal["open", "reported", "written_off"]
    center: CenterAnswer
    cards: tuple[CardAnswer, ...]
    """What it covers now. Numbers only: a code or its hash never leaves the service."""
    amount: Money
    count: int
    left: Money
    left_count: int
    per_booking: Money | None
    """No booking may charge more."""
    exceeded: Money
    """What the store charged beyond it."""
    ends_at: AwareDatetime
    granted_at: AwareDatetime
    position: int


class LeaseRow(Answer):
    lease_id: str
    store_id: str
    center_id: str
    card_id: str | None
    state: Literal["open", "reported", "written_off"]
    amount: Money
    count: int
    left: Money
    left_count: int
    per_booking: Money | None
    exceeded: Money
    ends_at: AwareDatetime
    granted_at: AwareDatetime
    returned_at: AwareDatetime | None
    returned_by: str | None
    note: str | None


class LeasesAnswer(Answer):
    leases: tuple[LeaseRow, ...]
    next: str | None
    """Give this as `after` for the next page."""
    complete: bool
    """False: the effect of `position` does not show yet."""


def routes(leases: Leases, queries: LeaseQueries, clock: Callable[[], datetime]) -> APIRouter:
    """Routes of leases, below `/costcenter`."""
    found = APIRouter()
    _writing(found, leases)
    _reading(found, leases, queries, clock)
    return found


def _writing(routes: APIRouter, leases: Leases) -> None:
    @routes.post("/v1/leases", response_model=LeaseAnswer, openapi_extra=WRITE)
    async def grant(body: LeaseBody, asked: Lessee) -> Response:
        """Take a share of all limits that bind the center (or the card): all of it or nothing.
        409 `limit.exceeded` says how much would fit."""
        within(asked.caller, body.store_id)
        wanted = WantedLease(
            store_id=body.store_id,
            center_id=body.center_id,
            card_id=body.card_id,
            amount=body.amount,
            count=body.count,
            hours=body.hours,
        )
        done = await leases.grant(asked.ask, wanted)
        return as_json(_shown(done.lease, done.center, done.cards, done.position))

    @routes.post("/v1/leases/{lease_id}/return", response_model=LeaseAnswer, openapi_extra=WRITE)
    async def give_back(lease_id: Identifier, body: ReturnBody, asked: Lessee) -> Response:
        """The store has a line again and has reported everything: the rest goes back to the
        limits. 409 `lease.unreported` as long as a charge has not arrived."""
        lease, position = await leases.give_back(
            asked.ask,
            lease_id=lease_id,
            charges=body.charges,
            store_id=asked.caller.store_id,
            by=asked.caller.actor,
        )
        return await _answer(leases, lease, position)

    @routes.post("/v1/leases/{lease_id}/write-off", response_model=LeaseAnswer, openapi_extra=WRITE)
    async def write_off(lease_id: Identifier, body: WriteOffBody, asked: Managers) -> Response:
        """A store will never report what is left of a lease whose time is over."""
        lease, position = await leases.write_off(
            asked.ask,
            lease_id=lease_id,
            by=asked.caller.actor,
            reason=body.reason,
            store_id=asked.caller.store_id,
        )
        return await _answer(leases, lease, position)


def _reading(
    routes: APIRouter, leases: Leases, queries: LeaseQueries, clock: Callable[[], datetime]
) -> None:
    @routes.get("/v1/leases", response_model=LeasesAnswer)
    async def listed(
        caller: Viewer,
        store_id: Identifier | None = None,
        open: bool | None = None,
        overdue: bool = False,
        after: Identifier | None = None,
        limit: PageSize = PAGE_DEFAULT,
        position: Position = 0,
    ) -> Response:
        """Leases by id. `open`: not returned (or returned); `overdue`: open ones whose time is
        over."""
        wanted = store_id or caller.store_id
        if wanted is not None:
            within(caller, wanted)
        page = await queries.leases(
            store_id=wanted,
            open_only=open,
            overdue_at=clock() if overdue else None,
            after=after or "",
            limit=limit,
            position=position,
        )
        return as_json(
            LeasesAnswer(leases=tuple(map(_row, page.rows)), next=page.next, complete=page.complete)
        )

    @routes.get("/v1/leases/{lease_id}", response_model=LeaseAnswer)
    async def one(lease_id: Identifier, caller: Viewer) -> Response:
        """A lease as it is now, with the cards that it covers."""
        return await _answer(leases, await leases.one(lease_id, store_id=caller.store_id), 0)


async def _answer(leases: Leases, lease: Lease, position: int) -> Response:
    center, cards = await leases.cards(lease)
    return as_json(_shown(lease, center, cards, position))


def _shown(
    lease: Lease, center: Center, cards: tuple[CenterCard, ...], position: int
) -> LeaseAnswer:
    assert lease.lease_id is not None
    assert lease.ends_at is not None
    assert lease.granted_at is not None

    def money(minor: int) -> Money:
        return Money(amount=minor, currency=lease.currency)

    return LeaseAnswer(
        lease_id=lease.lease_id,
        store_id=lease.store_id,
        state=lease.returned or "open",
        center=CenterAnswer(center_id=lease.center_id, number=center.number, name=center.name),
        cards=tuple(
            CardAnswer(card_id=card.card_id, number=card.number, kind=card.kind) for card in cards
        ),
        amount=money(lease.amount),
        count=lease.count,
        left=money(lease.left),
        left_count=lease.left_count,
        per_booking=None if lease.per_booking is None else money(lease.per_booking),
        exceeded=money(lease.exceeded),
        ends_at=lease.ends_at,
        granted_at=lease.granted_at,
        position=position,
    )


def _row(row: Mapping[str, Any]) -> LeaseRow:
    def money(minor: int) -> Money:
        return Money(amount=minor, currency=row["currency"])

    per_booking = row["per_booking_minor"]
    return LeaseRow(
        lease_id=row["lease_id"],
        store_id=row["store_id"],
        center_id=row["center_id"],
        card_id=row["card_id"],
        state=row["returned"] or "open",
        amount=money(row["amount_minor"]),
        count=row["charges"],
        left=money(row["left_minor"]),
        left_count=row["charges_left"],
        per_booking=None if per_booking is None else money(per_booking),
        exceeded=money(row["exceeded_minor"]),
        ends_at=row["ends_at"],
        granted_at=row["granted_at"],
        returned_at=row["returned_at"],
        returned_by=row["returned_by"],
        note=row["note"],
    )
