"""What a till may know about the line to the voucher service."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends

from device_gateway.api.callers import store_or_reader
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.lines import Lines
from device_gateway.handlers.offline import limits_of
from device_gateway.queries import Answer
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.text import Identifier
from money import Money


class ServiceAnswer(Answer):
    """`up` from the start on until a call has shown otherwise."""

    state: Literal["up", "down"]
    since: datetime


class OfflineVouchersAnswer(Answer):
    """What may be paid by voucher while the line is down. `takes` false: nothing; the caps are null
    then."""

    takes: bool
    cap: Money | None = None
    per_day: Money | None = None
    per_till_day: Money | None = None
    sold_here: bool | None = None
    """Only vouchers that this store sold."""
    heard_at: datetime | None = None
    """When the voucher service said so; null: it never has."""


class WatchedAnswer(Answer):
    """One line, as it is shown: steady, a moment behind what calls see. `service`: `voucher`,
    `costcenter`, `bus` (is what was recorded on its way?), `signer` (do verdicts come in time?)."""

    service: str
    state: Literal["online", "offline"]
    since: datetime
    checked_at: datetime | None = None
    """Null: not seen yet."""
    waiting: int = 0
    """Facts that are not on the bus yet, bookings whose verdict is late."""
    oldest_at: datetime | None = None
    """Since when the oldest of them waits."""


class LineAnswer(Answer):
    voucher: ServiceAnswer | None
    """Null: this gateway does not watch it."""
    vouchers_offline: OfflineVouchersAnswer
    lines: tuple[WatchedAnswer, ...] = ()
    """All lines that this gateway watches."""


Looker = Annotated[Caller, Depends(store_or_reader)]


def router(gateway: Gateway) -> APIRouter:
    routes = APIRouter(tags=["line"])

    @routes.get("/{store_id}/v1/line", response_model=LineAnswer)
    async def line(store_id: Identifier, caller: Looker) -> LineAnswer:
        await gateway.master_data(store_id)  # An unknown store has no line.
        state = None if gateway.voucher_line is None else gateway.voucher_line.state
        return LineAnswer(
            voucher=None
            if state is None
            else ServiceAnswer(state="up" if state.up else "down", since=state.since),
            vouchers_offline=await _offline(gateway, store_id),
            lines=_watched(gateway.lines),
        )

    return routes


def _watched(lines: Lines | None) -> tuple[WatchedAnswer, ...]:
    if lines is None:
        return ()
    waiting = {"bus": lines.unsent, "signer": lines.unsigned}
    return tuple(
        WatchedAnswer(
            service=name,
            state=line.state,
            since=line.since,
            checked_at=line.checked_at,
            waiting=waiting[name].count if name in waiting else 0,
            oldest_at=waiting[name].oldest_at if name in waiting else None,
        )
        for name, line in lines.shown.items()
    )


async def _offline(gateway: Gateway, store_id: str) -> OfflineVouchersAnswer:
    rules = None if gateway.offline is None else await gateway.offline.of(store_id)
    limits = limits_of(rules, gateway.clock())
    heard_at = None if rules is None else rules.heard_at
    if limits is None:
        return OfflineVouchersAnswer(takes=False, heard_at=heard_at)
    return OfflineVouchersAnswer(
        takes=True,
        cap=limits.cap,
        per_day=limits.per_day,
        per_till_day=limits.per_till_day,
        sold_here=limits.sold_here,
        heard_at=heard_at,
    )
