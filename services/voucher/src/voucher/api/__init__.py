"""HTTP: parse, ask, answer. Codes come in bodies only, never in a path or a query."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter

from voucher.api import office, sales, till
from voucher.handlers import Vouchers
from voucher.handlers.accounts import Accounts
from voucher.handlers.payments import Payments
from voucher.queries import Queries


def router(
    vouchers: Vouchers,
    queries: Queries,
    *,
    clock: Callable[[], datetime],
    payments: Payments | None = None,
    accounts: Accounts | None = None,
) -> APIRouter:
    """All routes, mounted at `/voucher`."""
    routes = APIRouter(tags=["voucher"])
    # Routes are tried in this order: the busiest come first.
    routes.include_router(till.routes(vouchers, payments, accounts))
    routes.include_router(sales.routes(vouchers))
    routes.include_router(office.routes(vouchers, queries, clock))
    return routes
