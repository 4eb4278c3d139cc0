"""Back office's part of the service, put together: structure, foreign codes, imports."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from fastapi import APIRouter

from costcenter.adapters.structure import PostgresContacts, PostgresImports
from costcenter.api import imports as import_routes
from costcenter.api import office as office_routes
from costcenter.api import patterns as pattern_routes
from costcenter.api.office_kit import OfficeRooms
from costcenter.handlers.imports import ImportDesk
from costcenter.handlers.patterns import ForeignCodes
from costcenter.handlers.structure import Groups, Writer
from costcenter.handlers.structure_cards import Cards
from costcenter.handlers.structure_centers import Centers
from costcenter.projections.structure import StructureBook
from costcenter.queries.exports import Exports
from costcenter.queries.structure import StructureQueries
from events.projection import Projection
from kassenverbund.kit.service import Runtime

SCHEMA = "costcenter"

IMPORTS_EVERY_S = 0.5
"""How soon an accepted import is begun."""

STREAMED = import_routes.STREAMED


@dataclass(frozen=True, slots=True)
class BackOffice:
    router: APIRouter
    projections: tuple[Projection, ...]
    import_work: Callable[[], Awaitable[object]]
    foreign: ForeignCodes


def open_office(runtime: Runtime) -> BackOffice:
    """Everything over one log."""
    store, clock = runtime.store, runtime.clock
    zone = ZoneInfo(runtime.chain.stores[0].time_zone)

    def today() -> date:
        return clock().astimezone(zone).date()

    writer = Writer(store, runtime.chain.currency, clock)
    centers = Centers(writer, runtime.chain.cost_centers)
    queries = StructureQueries(runtime.engine, schema=SCHEMA)
    foreign = ForeignCodes(store, secrets=runtime.secrets, clock=clock)
    imports = ImportDesk(
        writer,
        centers=centers,
        secrets=runtime.secrets,
        imports=PostgresImports(runtime.engine),
        clock=clock,
    )
    rooms = OfficeRooms(
        groups=Groups(writer),
        centers=centers,
        cards=Cards(writer, runtime.secrets),
        contacts=PostgresContacts(runtime.engine),
        queries=queries,
        now=clock,
        today=today,
    )
    router = APIRouter()
    router.include_router(office_routes.routes(rooms))
    router.include_router(pattern_routes.routes(foreign))
    router.include_router(import_routes.routes(imports, Exports(store, queries, today)))
    return BackOffice(router, (StructureBook(),), imports.work, foreign)
