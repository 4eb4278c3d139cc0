"""The till API (issue-stable; `openapi.json` beside the package is the contract)."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from device_gateway.adapters.patience import one_request
from device_gateway.api import (
    acts,
    articles,
    bookings,
    cashiers,
    devices,
    library,
    line,
    live,
    orders,
    pages,
    pickups,
    printers,
    pull_printing,
    releases,
    scans,
    shifts,
    terminal,
    tills,
    unattended,
)
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.tills import TillTokens
from device_gateway.ports import PairingTries


def router(gateway: Gateway, *, tokens: TillTokens, tries: PairingTries) -> APIRouter:
    """All routes below `/stores`."""
    whole = APIRouter(dependencies=[Depends(one_request)])
    whole.include_router(tills.router(gateway, tokens=tokens, tries=tries))
    whole.include_router(bookings.router(gateway))
    whole.include_router(releases.router(gateway))
    whole.include_router(shifts.router(gateway))
    whole.include_router(orders.router(gateway))
    whole.include_router(line.router(gateway))
    whole.include_router(cashiers.router(gateway))
    whole.include_router(acts.router(gateway))
    whole.include_router(live.router(gateway))
    whole.include_router(unattended.router(gateway))
    whole.include_router(pages.router(gateway, tries=tries))
    whole.include_router(articles.router(gateway))
    whole.include_router(devices.router(gateway))
    whole.include_router(scans.router(gateway))
    whole.include_router(printers.router(gateway))
    whole.include_router(pull_printing.router(gateway))
    whole.include_router(library.router(gateway))
    whole.include_router(pickups.router(gateway))
    whole.include_router(terminal.router(gateway))
    return whole
