"""Everything the service is made of, put together. Nothing happens at import."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, assert_never

from costcenter import api
from costcenter.adapters.busy import PostgresBusyMonths
from costcenter.adapters.lapsed import OpenCharges, PostgresLapsedCharges, PostgresOpenMonths
from costcenter.commands import BookCharge, FromBookings, ReleaseCharge, ReverseCharge
from costcenter.events import EVENTS
from costcenter.handlers.booking import Bookings
from costcenter.handlers.charging import Charges
from costcenter.handlers.desk import Desk, Rules
from costcenter.handlers.months import Months
from costcenter.handlers.warming import warm
from costcenter.policies import HEARD, TOPIC, lane, policies
from costcenter.ports import LapsedCharges
from costcenter.public import PUBLICATION
from costcenter.service_office import IMPORTS_EVERY_S, STREAMED, open_office
from costcenter.service_reports import open_reports
from costcenter.service_shares import open_shares
from events import Ask, Registry, Transient
from events.reaction import Reaction, by_policies
from kassenverbund.kit.service import Opened, Runtime, Service

SWEEP_EVERY_S = 5.0
"""How soon after its end an expired hold shows as released, unless a till needs the room first."""

SWEPT_MAX = 200
"""Holds that one sweep writes down; the rest wait for the next."""

MONTHS_EVERY_S = 300.0

_log = logging.getLogger("costcenter")

REGISTRY = Registry(*EVENTS)


async def sweep(charges: Charges, lapsed: LapsedCharges, now: datetime) -> int:
    """Write down which holds have run out; answers how many it looked at."""
    found = await lapsed.lapsed(now, holds_max=SWEPT_MAX)
    for stream, charge_id in found:
        await charges.expire(stream, charge_id)
    return len(found)


async def _every(seconds: float, work: Callable[[], Awaitable[object]]) -> None:
    """Run `work` again and again. A fault that may pass waits for the next round."""
    while True:
        try:
            await work()
        except Transient as fault:
            _log.warning("put off: %s", fault)
        await asyncio.sleep(seconds)


def executes(charges: Charges, bookings: Bookings) -> Callable[[Any, Ask], Awaitable[None]]:
    """What the policies lead to."""

    async def execute(command: FromBookings, ask: Ask) -> None:
        match command:
            case BookCharge():
                await bookings.book(command, ask)
            case ReverseCharge():
                await bookings.reverse(command, ask)
            case ReleaseCharge():
                await charges.release(command, ask)
            case _:
                assert_never(command)

    return execute


async def _open(runtime: Runtime) -> Opened:
    engine, clock = runtime.engine, runtime.clock
    desk = Desk(
        runtime.store,
        chain=runtime.chain,
        secrets=runtime.secrets,
        clock=clock,
        rules=Rules.of(runtime.chain),
    )
    lapsed = PostgresLapsedCharges(engine)
    charges = Charges(desk, lapsed)
    shares = open_shares(runtime, desk, charges, schema=SERVICE.schema)
    bookings = Bookings(desk, shares.leases)
    months = Months(desk, charges, PostgresOpenMonths(engine))
    office = open_office(runtime)
    reports = open_reports(runtime, desk, REGISTRY)

    async def startup() -> None:
        await warm(desk, PostgresBusyMonths(engine))

    return Opened(
        startup=startup,
        router=api.router(
            api.Rooms(
                charges=charges,
                months=months,
                more=(*shares.routers, office.router, reports.router),
            )
        ),
        projections=(
            OpenCharges(),
            *shares.projections,
            *office.projections,
            *reports.projections,
        ),
        reactions=(
            Reaction(
                name="bookings",
                topic=TOPIC,
                events=HEARD,
                lane=lane,
                handle=by_policies(policies(clock), executes(charges, bookings)),
            ),
        ),
        tasks=(
            lambda: _every(SWEEP_EVERY_S, lambda: sweep(charges, lapsed, clock())),
            lambda: _every(MONTHS_EVERY_S, months.close_due),
            lambda: _every(IMPORTS_EVERY_S, office.import_work),
        ),
        streamed=STREAMED,
    )


SERVICE = Service(
    name="costcenter",
    registry=REGISTRY,
    publication=PUBLICATION,
    migrations=Path(__file__).parents[2] / "migrations",
    open=_open,
)
