"""HTTP: parse, ask, answer. Codes come in bodies only, never in a path or a query."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter

from voucher.api import batches, catalogue, office, reports, sales, till
from voucher.handlers import Vouchers
from voucher.office import BackOffice
from voucher.queries import Queries


def router(
    vouchers: Vouchers,
    queries: Queries,
    back_office: BackOffice | None = None,
    *,
    clock: Callable[[], datetime],
) -> APIRouter:
    """All routes, mounted at `/voucher`."""
    routes = APIRouter(tags=["voucher"])
    # Routes are tried in this order: the busiest come first.
    routes.include_router(till.routes(vouchers))
    routes.include_router(sales.routes(vouchers))
    routes.include_router(office.routes(vouchers, queries, clock))
    routes.include_router(reports.routes(queries, clock))
    if back_office is not None and back_office.templates is not None:
        routes.include_router(catalogue.routes(back_office.catalogue, back_office.templates))
        routes.include_router(
            batches.routes(back_office.batches, back_office.imports, back_office.exports)
        )
    return routes
