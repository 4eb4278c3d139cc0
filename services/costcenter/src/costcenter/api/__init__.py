"""HTTP: parse, ask, answer. Codes come in bodies only, never in a path or a query."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter

from costcenter.api import till
from costcenter.handlers.charging import Charges
from costcenter.handlers.months import Months


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the routes ask."""

    charges: Charges
    months: Months
    more: tuple[APIRouter, ...] = ()
    """Routes of the back office, of leases and of reports."""


def router(rooms: Rooms) -> APIRouter:
    """All routes, mounted at `/costcenter`."""
    routes = APIRouter(tags=["costcenter"])
    # Routes are tried in this order: the busiest come first.
    routes.include_router(till.routes(rooms.charges, rooms.months))
    for more in rooms.more:
        routes.include_router(more)
    return routes
