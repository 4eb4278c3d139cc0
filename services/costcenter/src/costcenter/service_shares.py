"""Leases and subsidy rules, put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter

from costcenter.api import leases as leases_api
from costcenter.api import subsidies as subsidies_api
from costcenter.handlers.charging import Charges
from costcenter.handlers.desk import Desk
from costcenter.handlers.leases import Leases
from costcenter.handlers.subsidies import SubsidyRules
from costcenter.projections.leases import LeaseBook
from costcenter.queries.leases import LeaseQueries
from events.projection import Projection
from kassenverbund.kit.service import Runtime


@dataclass(frozen=True, slots=True)
class Shares:
    leases: Leases
    routers: tuple[APIRouter, ...]
    projections: Sequence[Projection]


def open_shares(runtime: Runtime, desk: Desk, charges: Charges, *, schema: str) -> Shares:
    """What a store may charge without a line, and what somebody else pays of a meal."""
    policy = runtime.chain.cost_centers
    leases = Leases(desk, hours_max=policy.lease_max_hours, expire_on=charges.expire_on)
    rules = SubsidyRules(runtime.store, currency=runtime.chain.currency, clock=runtime.clock)
    queries = LeaseQueries(runtime.engine, schema=schema)
    return Shares(
        leases=leases,
        routers=(
            leases_api.routes(leases, queries, runtime.clock),
            subsidies_api.routes(rules),
        ),
        projections=(LeaseBook(),),
    )
