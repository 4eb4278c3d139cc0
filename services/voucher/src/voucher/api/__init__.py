"""HTTP: parse, ask, answer. Codes come in bodies only, never in a path or a query."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter

from kassenverbund.kit.chain import Chain
from voucher.api import office, safety, sales, till
from voucher.handlers import Vouchers
from voucher.handlers.mailing import Mailing
from voucher.handlers.overdrafts import Overdrafting
from voucher.qr import QrCodes
from voucher.queries import Queries


def router(
    vouchers: Vouchers,
    queries: Queries,
    *,
    mailing: Mailing,
    overdrafts: Overdrafting,
    qr: QrCodes,
    chain: Chain,
    clock: Callable[[], datetime],
) -> APIRouter:
    """All routes, mounted at `/voucher`."""
    routes = APIRouter(tags=["voucher"])
    # Routes are tried in this order: the busiest come first.
    routes.include_router(till.routes(vouchers))
    routes.include_router(sales.routes(vouchers))
    routes.include_router(office.routes(vouchers, queries, clock))
    routes.include_router(safety.routes(mailing, overdrafts, qr=qr, chain=chain, clock=clock))
    return routes
