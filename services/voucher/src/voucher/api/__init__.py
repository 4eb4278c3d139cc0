"""HTTP: parse, ask, answer. Codes come in bodies only, never in a path or a query."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter

from kassenverbund.kit.chain import Chain
from voucher.api import batches, catalogue, office, renewal, reports, safety, sales, till
from voucher.handlers import Vouchers
from voucher.handlers.mailing import Mailing
from voucher.handlers.overdrafts import Overdrafting
from voucher.qr import QrCodes
from voucher.queries import Queries
from voucher.queries_catalogue import CatalogueQueries
from voucher.service_accounts import AccountParts
from voucher.service_office import BackOffice


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the routes ask."""

    chain: Chain
    vouchers: Vouchers
    accounts: AccountParts
    back_office: BackOffice
    templates: CatalogueQueries
    mailing: Mailing
    overdrafts: Overdrafting
    qr: QrCodes
    queries: Queries
    clock: Callable[[], datetime]


def router(rooms: Rooms) -> APIRouter:
    """All routes, mounted at `/voucher`."""
    routes = APIRouter(tags=["voucher"])
    accounts, office_rooms = rooms.accounts, rooms.back_office
    # Routes are tried in this order: the busiest come first.
    routes.include_router(till.routes(rooms.vouchers, accounts.payments, accounts.accounts))
    routes.include_router(sales.routes(rooms.vouchers, rooms.qr))
    routes.include_router(renewal.routes(rooms.vouchers, rooms.qr))
    routes.include_router(office.routes(rooms.vouchers, rooms.qr, rooms.queries, rooms.clock))
    for more in accounts.routers:
        routes.include_router(more)
    routes.include_router(catalogue.routes(office_rooms.catalogue, rooms.templates))
    routes.include_router(
        batches.routes(office_rooms.batches, office_rooms.imports, office_rooms.exports)
    )
    routes.include_router(reports.routes(rooms.queries, rooms.clock))
    routes.include_router(
        safety.routes(
            rooms.mailing, rooms.overdrafts, qr=rooms.qr, chain=rooms.chain, clock=rooms.clock
        )
    )
    return routes
