"""What routes of services share: who may call, how bodies and answers look."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from fastapi.responses import Response
from pydantic import AfterValidator, BaseModel, ConfigDict

from events import Ask
from kassenverbund.kit.auth import Caller, Forbidden, caller_of
from kassenverbund.kit.idempotency import IDEMPOTENCY_KEY_MAX, ask_of
from money import Money

PAGE_MAX = 500
"""Entries of one page; `PAGE_DEFAULT` unless the caller says otherwise."""

PAGE_DEFAULT = 100

FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2199, 12, 31)


def _near(day: date) -> date:
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(f"a day between {FIRST_DAY} and {LAST_DAY}")
    return day


def _positive(amount: Money) -> Money:
    if amount.amount <= 0:
        raise ValueError("the amount must be positive")
    return amount


Day = Annotated[date, AfterValidator(_near)]
"""A day that somebody may mean: with one far off, adding a year would leave the calendar."""

Positive = Annotated[Money, AfterValidator(_positive)]

Position = Annotated[int, Query(ge=0, le=2**62)]
"""Wait for the effect of a write, at most one second."""

PageSize = Annotated[int, Query(ge=1, le=PAGE_MAX)]


class Body(BaseModel):
    """A request. Unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Empty(Body):
    """Nothing has to be said."""


class Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


@dataclass(frozen=True, slots=True)
class Asked:
    """Who writes, and under which idempotency key."""

    caller: Caller
    ask: Ask


def reads(*roles: str) -> Callable[..., Awaitable[Caller]]:
    """FastAPI dependency: a person or a service with one of `roles`. A till never: it asks its
    gateway."""
    wanted = frozenset(roles)

    async def check(request: Request) -> Caller:
        caller = await caller_of(request)
        if caller.kind == "till" or not wanted & caller.roles:
            raise Forbidden(f"needs one of: {', '.join(sorted(wanted))}")
        return caller

    return check


def writes(*roles: str) -> Callable[..., Awaitable[Asked]]:
    """As `reads`, with the idempotency key. One dependency, not four that hang together: FastAPI
    takes longer to resolve those than the service takes to redeem a voucher."""
    allowed = reads(*roles)

    async def check(request: Request) -> Asked:
        caller = await allowed(request)
        ask = await ask_of(request, caller, request.headers.get("idempotency-key"))
        return Asked(caller=caller, ask=ask)

    return check


WRITE: dict[str, Any] = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": True,
            "schema": {"type": "string", "minLength": 1, "maxLength": IDEMPOTENCY_KEY_MAX},
        }
    ]
}
"""What the OpenAPI document says about the header that `writes` reads."""


Gateway = Annotated[Asked, Depends(writes("service"))]
Office = Annotated[Asked, Depends(writes("back_office"))]
Managers = Annotated[Asked, Depends(writes("back_office", "manager"))]
Reader = Annotated[Caller, Depends(reads("back_office", "manager", "auditor"))]


def within(caller: Caller, store_id: str) -> None:
    """Raises `Forbidden` for a caller that belongs to another store."""
    if caller.store_id is not None and caller.store_id != store_id:
        raise Forbidden("this caller belongs to another store")


def chainwide(caller: Caller) -> None:
    """Raises `Forbidden` for a caller that belongs to one store."""
    if caller.store_id is not None:
        raise Forbidden("this caller belongs to one store")


def as_json(answer: Answer, status: int = 200) -> Response:
    """Encoded here, once: FastAPI would validate and encode the model again."""
    return Response(answer.model_dump_json(), media_type="application/json", status_code=status)
