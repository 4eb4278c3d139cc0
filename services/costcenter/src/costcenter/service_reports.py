"""Statements, reports and what limits leave, put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter

from costcenter.api import remaining, reports
from costcenter.handlers.desk import Desk
from costcenter.handlers.remaining import Balances
from costcenter.projections.statements import Statements
from costcenter.queries.month_slips import MonthSlips
from costcenter.queries.reading import Reading
from events import Registry
from events.projection import Projection
from kassenverbund.kit.service import Runtime


@dataclass(frozen=True, slots=True)
class Reports:
    router: APIRouter
    projections: Sequence[Projection]


def open_reports(runtime: Runtime, desk: Desk, registry: Registry) -> Reports:
    """What back office, auditors and companies read about charges."""
    statements = Statements()
    reading = Reading(runtime.engine, statements)
    slips = MonthSlips(runtime.engine, registry)
    router = APIRouter()
    router.include_router(
        reports.routes(reading, slips, runtime.clock, time_zone=runtime.chain.stores[0].time_zone)
    )
    router.include_router(remaining.routes(Balances(desk), reading))
    return Reports(router, (statements,))
